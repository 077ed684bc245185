"""Build one `Lock` from a `Resolution` for each target and the identities of their wheels."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TypedDict

from msgspec import Struct, field
from msgspec.structs import replace as replace_fields
from packaging.markers import Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageDirectory,
    PackageSdist,
    PackageVcs,
    PackageWheel,
    Pylock,
)
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.display import redact
from lockml.common.errors import NoResolutionError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference, encode_url
from lockml.common.target import Target
from lockml.index.model import DirectSource, DistributionFile
from lockml.lock.checks.accelerators import driver_fact
from lockml.lock.checks.passed_over import with_newer
from lockml.lock.facts import (
    artifact_table,
    base_table,
    bases_fact,
    index_facts,
    made_facts,
    policy_table,
    projects_fact,
    provided_fact,
    recorded_bases,
    target_table,
    tools_fact,
)
from lockml.lock.inputs import LockInputs, inputs_digest
from lockml.lock.markers import marker_for, same_to_markers
from lockml.lock.model import TOOLS, Asked, Lock, LockedArtifact, LockedTool, ProvidedPackages
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.dependencies import dependency_applies
from lockml.resolution.model import Pin, Resolution

__all__ = ["build_lock"]


def build_lock(
    resolutions: Sequence[Resolution],
    identities: Mapping[str, ArtifactIdentity | str],
    inputs: LockInputs,
    tools: Sequence[LockedTool] = (),
    older: Mapping[tuple[NormalizedName, Version], str] = MappingProxyType({}),
) -> Lock:
    """Return the lock of *resolutions*, one for each target; *identities* are by file name, {} if not wanted.

    *tools* are recorded as they are; *older* has, for pins, the newer release that was passed over, with the reason.
    Raises NoResolutionError if targets that markers cannot distinguish need different pins.
    """
    targets = _distinct_targets(resolutions)
    inputs = replace_fields(inputs, provided=_with_needs(inputs.provided, resolutions))
    content = _content(resolutions, identities, targets, older)
    projects = _own_projects(inputs, content.artifacts)
    asked = _asked(requirement for resolution in resolutions for requirement in resolution.requirements)
    facts = _facts(targets, asked, inputs) | projects_fact(projects) | driver_fact(content.packages)
    facts |= tools_fact(tools) | made_facts(inputs.made_with)
    return Lock(
        pylock=_pylock(content.packages, targets, facts),
        targets=targets,
        requirements=asked,
        indexes=inputs.indexes.without_logins(),
        inputs=inputs_digest(inputs, targets),
        artifacts=content.artifacts,
        extras=content.extras,
        base_image=inputs.base_image,
        provided=inputs.provided,
        tools=tuple(tools),
        projects=projects,
        made_with=inputs.made_with,
        accelerator=inputs.policy.accelerator,
        bases=recorded_bases(inputs.bases),
    )


def _with_needs(provided: ProvidedPackages, resolutions: Sequence[Resolution]) -> ProvidedPackages:
    """Return *provided* with the dependencies of those that replace a pin: they are why other packages are locked."""
    needs: dict[NormalizedName, set[NormalizedName]] = {}
    for resolution in resolutions:
        for release in resolution.provided:
            metadata = release.metadata
            needs.setdefault(metadata.name, set()).update(
                each.name
                for each in metadata.requires_dist
                if any(dependency_applies(each, resolution.target, extra) for extra in (None, *release.extras))
            )
    packages = [replace_fields(each, needs=tuple(sorted(needs.get(each.name, ())))) for each in provided.packages]
    return replace_fields(provided, packages=tuple(packages))


class _Content(Struct, kw_only=True):
    """The packages of a lock, and their artifacts and extras by project."""

    packages: list[Package] = field(default_factory=list)
    artifacts: dict[NormalizedName, tuple[LockedArtifact, ...]] = field(default_factory=dict)
    extras: dict[NormalizedName, tuple[str, ...]] = field(default_factory=dict)


def _content(
    resolutions: Sequence[Resolution],
    identities: Mapping[str, ArtifactIdentity | str],
    targets: Sequence[Target],
    older: Mapping[tuple[NormalizedName, Version], str],
) -> _Content:
    content = _Content()
    for (name, version, _), pins in sorted(_by_release(resolutions).items()):
        files = _files(pins.values())
        provable = tuple(_artifact(f.filename, identities[f.filename]) for f in files if f.filename in identities)
        content.artifacts[name] = (*content.artifacts.get(name, ()), *provable)
        package = _package(pins, files, provable, targets)
        content.packages.append(with_newer(package, older[name, version]) if (name, version) in older else package)
        extras = {*content.extras.get(name, ()), *(extra for pin in pins.values() for extra in pin.extras)}
        if extras:
            content.extras[name] = tuple(sorted(extras))
    return content


def _own_projects(inputs: LockInputs, locked: Collection[NormalizedName]) -> tuple[NormalizedName, ...]:
    """Return the user's own projects, except those that are *locked* and those that every environment has."""
    return tuple(sorted({*inputs.asked.projects, *inputs.projects} - {*locked, *TOOLS}))


def _by_release(
    resolutions: Sequence[Resolution],
) -> dict[tuple[NormalizedName, Version, str], dict[Target, Pin]]:
    """Return the pins of all targets by project, version and direct reference, "" for none."""
    pinned: dict[tuple[NormalizedName, Version, str], dict[Target, Pin]] = {}
    for resolution in resolutions:
        for pin in resolution.pins:
            source_reference = str(pin.source.reference) if pin.source else ""
            pinned.setdefault((pin.name, pin.version, source_reference), {})[resolution.target] = pin
    return pinned


def _pylock(packages: list[Package], targets: Sequence[Target], facts: Mapping[str, object]) -> Pylock:
    return Pylock(
        lock_version=Version("1.0"),
        environments=[Marker(marker) for marker in dict.fromkeys(target.marker for target in targets)],
        requires_python=_requires_python(targets),
        created_by="lockml",
        packages=packages,
        tool={"lockml": dict(facts)},
    )


def _distinct_targets(resolutions: Sequence[Resolution]) -> tuple[Target, ...]:
    """Return the targets; refuse different pins for targets with equal markers: no installer can distinguish them."""
    for number, one in enumerate(resolutions):
        for other in resolutions[number + 1 :]:
            if same_to_markers(one.target, other.target):
                mine, theirs = ({pin.name: pin.version for pin in found.pins} for found in (one, other))
                if mine != theirs:
                    names = sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
                    raise NoResolutionError(
                        f"{one.target} and {other.target} need different pins of {', '.join(names)}, but installers "
                        "cannot distinguish the two targets",
                        hint="compile a separate lock for each of them",
                    )
    return tuple(resolution.target for resolution in resolutions)


def _requires_python(targets: Sequence[Target]) -> SpecifierSet:
    minors = sorted({target.python.release[:2] for target in targets})
    if len(minors) == 1:
        return SpecifierSet(f"=={minors[0][0]}.{minors[0][1]}.*")
    return SpecifierSet(f">={minors[0][0]}.{minors[0][1]},<{minors[-1][0]}.{minors[-1][1] + 1}")


def _facts(targets: Sequence[Target], asked: Sequence[Asked], inputs: LockInputs) -> dict[str, object]:
    facts: dict[str, object] = {
        "schema": 1,
        "inputs-sha256": inputs_digest(inputs, targets),
        "requirements": [{"requirement": each.requirement, "origin": each.origin} for each in asked],
        "targets": [target_table(target) for target in targets],
    }
    if inputs.base_image is not None:
        facts["base-image"] = base_table(inputs.base_image)
    facts |= provided_fact(inputs.provided) | bases_fact(recorded_bases(inputs.bases))
    facts |= index_facts(inputs.indexes)
    if inputs.stated:
        facts["stated"] = dict(sorted(inputs.stated.items()))
    if inputs.asked.overrides:
        facts["overrides"] = sorted(map(str, inputs.asked.overrides))
    policy = policy_table(inputs.policy)
    return facts | ({"policy": policy} if policy else {})


def _asked(requirements: Iterable[Requirement]) -> tuple[Asked, ...]:
    pairs = sorted({(_as_standard(requirement), requirement.origin.file) for requirement in requirements})
    return tuple(Asked(requirement=requirement, origin=origin) for requirement, origin in pairs)


def _as_standard(requirement: Requirement) -> str:
    """Return *requirement* in the form of PEP 508, without a space in a URL."""
    if requirement.reference is None:
        return str(requirement)
    extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
    text = f"{requirement.name}{extras} @ {encode_url(str(requirement.reference))}"
    return f"{text} ; {requirement.marker}" if requirement.marker else text


def _files(pins: Iterable[Pin]) -> tuple[DistributionFile, ...]:
    """Return the files of all targets, each once, those that a target prefers first."""
    return tuple({file.filename: file for pin in pins for file in pin.files}.values())


def _artifact(wheel: str, identity: ArtifactIdentity | str) -> LockedArtifact:
    if isinstance(identity, str):
        return LockedArtifact(wheel=wheel, identity=None, reason=identity)
    return LockedArtifact(wheel=wheel, identity=identity)


def _package(
    pins: Mapping[Target, Pin],
    files: Sequence[DistributionFile],
    artifacts: Sequence[LockedArtifact],
    targets: Sequence[Target],
) -> Package:
    pin = next(iter(pins.values()))
    marker = marker_for(tuple(pins), targets)
    dependencies = sorted({name for each in pins.values() for name in each.dependencies})
    extras = sorted({extra for each in pins.values() for extra in each.extras})
    facts: dict[str, object] = {"extras": extras} if extras else {}
    if artifacts:
        facts["artifacts"] = [artifact_table(artifact) for artifact in artifacts]
    match pin.source:
        case DirectSource(reference=RepositoryReference(editable=True)):
            facts["editable"] = True  # PEP 751 has no key for it
    if pin.build is not None:
        facts["build"] = {"python": pin.build.python, "requirements": list(pin.build.requirements)}
    common = Package(
        name=pin.name,
        version=pin.version,
        marker=Marker(marker) if marker is not None else None,
        requires_python=SpecifierSet(pin.requires_python) if pin.requires_python else None,
        dependencies=[{"name": name} for name in dependencies] or None,
        tool={"lockml": facts} if facts else None,
    )
    if pin.source is not None:
        return _with_source(common, pin.source)
    sdist = next((file for file in files if file.kind == "sdist"), None)
    wheels = [PackageWheel(**_file(file)) for file in files if file.kind == "wheel"]
    return replace(
        common,
        index=redact(pin.index_url) or None,
        sdist=PackageSdist(**_file(sdist)) if sdist else None,
        wheels=wheels or None,
    )


def _with_source(package: Package, source: DirectSource) -> Package:
    """Return *package* from a direct reference; a folder can change, so it has no version (PEP 751)."""
    match source.reference:
        case ArchiveReference() as reference:
            entry = source.file.entry if source.file is not None else None
            archive = PackageArchive(
                url=None if reference.local else redact(reference.location),
                path=reference.location if reference.local else None,
                size=entry.size if entry else None,
                hashes=dict(sorted(entry.hashes.items())) if entry else {},
                subdirectory=reference.subdirectory,
            )
            return replace(package, archive=archive)
        case FolderReference() as reference:
            directory = PackageDirectory(path=reference.path, editable=reference.editable or None)
            return replace(package, version=None, directory=directory)
        case RepositoryReference() as reference:
            vcs = PackageVcs(
                type="git",
                url=redact(reference.url),
                requested_revision=reference.revision,
                commit_id=source.commit or "",
                subdirectory=reference.subdirectory,
            )
            return replace(package, vcs=vcs)


class _FileFields(TypedDict):
    """The keys that a wheel and an sdist share in PEP 751."""

    name: str
    upload_time: datetime | None
    url: str | None
    path: str | None
    size: int | None
    hashes: dict[str, str]


def _file(file: DistributionFile) -> _FileFields:
    entry = file.entry
    return _FileFields(
        name=entry.filename,
        upload_time=file.uploaded,
        url=redact(entry.url) if entry.local is None else None,
        path=entry.local,
        size=entry.size,
        hashes=dict(sorted(entry.hashes.items())),
    )
