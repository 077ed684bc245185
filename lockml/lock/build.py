"""A `Resolution` and the identities of its wheels in, a `Lock` out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockml.digest import ArtifactIdentity
from lockml.display import redact
from lockml.index.model import DistributionFile
from lockml.lock.model import Asked, Lock, LockedArtifact
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.model import Pin, Policy, Resolution
from lockml.target import Target

__all__ = ["LockInputs", "build_lock", "inputs_digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockInputs:
    """What was asked beside the requirements: the index addresses that were named, not a default one."""

    asked: RequirementSet
    policy: Policy
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()


def build_lock(resolution: Resolution, identities: Mapping[str, ArtifactIdentity | str], inputs: LockInputs) -> Lock:
    """Return the lock of *resolution*; *identities* are by file name, {} where none were wanted."""
    target = resolution.target
    artifacts = {
        pin.name: tuple(
            _artifact(file.filename, identities[file.filename]) for file in pin.files if file.filename in identities
        )
        for pin in resolution.pins
    }
    pylock = Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(target.marker)],
        requires_python=SpecifierSet(f"=={target.python.major}.{target.python.minor}.*"),
        created_by="lockml",
        packages=[_package(pin, artifacts[pin.name]) for pin in resolution.pins],
        tool={"lockml": _facts(resolution, inputs)},
    )
    return Lock(
        pylock=pylock,
        targets=(target,),
        requirements=_asked(resolution.requirements),
        index_url=redact(inputs.index_url) if inputs.index_url else None,
        extra_index_urls=tuple(map(redact, inputs.extra_index_urls)),
        inputs=inputs_digest(inputs, (target,)),
        artifacts=artifacts,
    )


def inputs_digest(inputs: LockInputs, targets: Sequence[Target]) -> str:
    """Return the SHA-256, hexadecimal, of all that decides the lock but the index; order and places do not count."""
    content = {
        "requirements": sorted(map(str, inputs.asked.requirements)),
        "constraints": sorted(map(str, inputs.asked.constraints)),
        "index-url": redact(inputs.index_url) if inputs.index_url else None,
        "extra-index-urls": list(map(redact, inputs.extra_index_urls)),
        "prereleases": inputs.policy.prereleases,
        "exclude-newer": inputs.policy.exclude_newer.isoformat() if inputs.policy.exclude_newer else None,
        "targets": sorted(str(target) for target in targets),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _facts(resolution: Resolution, inputs: LockInputs) -> dict[str, object]:
    target = resolution.target
    facts: dict[str, object] = {
        "schema": 1,
        "inputs-sha256": inputs_digest(inputs, (target,)),
        "requirements": [{"requirement": a.requirement, "origin": a.origin} for a in _asked(resolution.requirements)],
        "targets": [{"python": target.python_text, "platform": target.platform_text, "libc": str(target.libc)}],
    }
    if inputs.index_url:
        facts["index-url"] = redact(inputs.index_url)
    if inputs.extra_index_urls:
        facts["extra-index-urls"] = list(map(redact, inputs.extra_index_urls))
    policy: dict[str, object] = {}
    if inputs.policy.prereleases:
        policy["prereleases"] = True
    if inputs.policy.exclude_newer is not None:
        policy["exclude-newer"] = inputs.policy.exclude_newer
    if policy:
        facts["policy"] = policy
    return facts


def _asked(requirements: Sequence[Requirement]) -> tuple[Asked, ...]:
    pairs = sorted({(str(requirement), requirement.origin.file) for requirement in requirements})
    return tuple(Asked(requirement=requirement, origin=origin) for requirement, origin in pairs)


def _artifact(wheel: str, identity: ArtifactIdentity | str) -> LockedArtifact:
    if isinstance(identity, str):
        return LockedArtifact(wheel=wheel, identity=None, reason=identity)
    return LockedArtifact(wheel=wheel, identity=identity)


def _package(pin: Pin, artifacts: Sequence[LockedArtifact]) -> Package:
    sdist = next((file for file in pin.files if file.kind == "sdist"), None)
    wheels = [PackageWheel(**_file(file)) for file in pin.files if file.kind == "wheel"]
    return Package(
        name=pin.name,
        version=pin.version,
        requires_python=SpecifierSet(pin.requires_python) if pin.requires_python else None,
        dependencies=[{"name": name} for name in pin.dependencies] or None,
        index=redact(pin.index_url),
        sdist=PackageSdist(**_file(sdist)) if sdist else None,
        wheels=wheels or None,
        tool={"lockml": {"artifacts": [_artifact_table(artifact) for artifact in artifacts]}} if artifacts else None,
    )


class _FileFields(TypedDict):
    """What PEP 751 writes of a wheel and an sdist alike."""

    name: str
    upload_time: datetime | None
    url: str
    size: int | None
    hashes: dict[str, str]


def _file(file: DistributionFile) -> _FileFields:
    entry = file.entry
    return _FileFields(
        name=entry.filename,
        upload_time=file.uploaded,
        url=redact(entry.url),
        size=entry.size,
        hashes=dict(sorted(entry.hashes.items())),
    )


def _artifact_table(artifact: LockedArtifact) -> dict[str, object]:
    if artifact.identity is None:
        return {"wheel": artifact.wheel, "unprovable": artifact.reason or "no reason given"}
    table: dict[str, object] = {"wheel": artifact.wheel, "record-sha256": artifact.identity.digest}
    if artifact.identity.scripts:
        table["scripts"] = list(artifact.identity.scripts)
    if artifact.identity.rewritten:
        table["rewritten-scripts"] = list(artifact.identity.rewritten)
    table["verified"] = artifact.identity.verified
    return table
