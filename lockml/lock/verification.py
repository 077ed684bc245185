"""Compare a `Lock` with the identities of its wheels, computed from all their bytes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from packaging.pylock import Package
from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import LockError
from lockml.index.http.file_urls import file_url
from lockml.index.model import DistributionFile, FileEntry
from lockml.lock.facts import artifact_table, tools_fact
from lockml.lock.model import Lock, LockedArtifact, LockedTool
from lockml.lock.references import wheels_of

__all__ = [
    "Deviation",
    "Verification",
    "disputed_wheels",
    "hold_against",
    "is_same",
    "locked_identities",
    "locked_wheels",
    "unplaced_tools",
]


class Deviation(Struct, frozen=True, kw_only=True):
    """A wheel whose bytes differ from the lock: hexadecimal digests, or words for none."""

    package: str
    wheel: str
    locked: str
    found: str

    def __str__(self) -> str:
        return f"{self.package}: {self.wheel}: the lock has {self.locked}, but the wheel has {self.found}"


class Verification(NamedTuple):
    """The result: the lock with verified wheels marked, its deviations, and the number of *verified* wheels."""

    lock: Lock
    deviations: tuple[Deviation, ...]
    verified: int


def locked_wheels(lock: Lock, folder: Path, file: str) -> tuple[DistributionFile, ...]:
    """Return the wheels that *lock* allows, with their URLs and paths; paths are relative to *folder*.

    Raises LockError, naming *file*, for a wheel without a hash or a URL.
    """
    found: dict[str, DistributionFile] = {}
    for wheel in _placed(lock, folder, file):
        known = found.setdefault(wheel.filename, wheel)
        if dict(known.entry.hashes) != dict(wheel.entry.hashes):
            raise LockError(file, f"has two hashes for {wheel.filename}", hint="lock again with `lockml compile`")
    return tuple(found.values())


def _placed(lock: Lock, folder: Path, file: str) -> Iterator[DistributionFile]:
    for package in lock.pylock.packages:
        for wheel in wheels_of(package):
            name = wheel.filename
            if not {"sha256", "sha384", "sha512"} & wheel.hashes.keys() or not (wheel.url or wheel.path):
                raise LockError(file, f"has no hash or no URL for {name}", hint="lock again with `lockml compile`")
            url = wheel.url or file_url(wheel.path or "", folder)
            entry = FileEntry(
                filename=name,
                url=url,
                hashes=dict(wheel.hashes),
                size=wheel.size,
                local=wheel.path if wheel.url is None else None,
            )
            try:
                project, version, _, _ = parse_wheel_filename(name)
            except InvalidWheelFilename as error:
                raise LockError(file, f"names a file that is not a wheel ({error})") from error
            yield DistributionFile(entry=entry, project=project, version=version, kind="wheel", uploaded=None)
    for tool in lock.tools:
        if _is_downloadable(tool):
            entry = FileEntry(filename=tool.wheel, url=tool.url, hashes={"sha256": tool.sha256})
            version = Version(tool.version)
            yield DistributionFile(entry=entry, project=tool.name, version=version, kind="wheel", uploaded=None)


def unplaced_tools(lock: Lock) -> tuple[LockedTool, ...]:
    """Return the tools whose wheels have no URL in *lock*, so that they cannot be verified."""
    return tuple(tool for tool in lock.tools if not _is_downloadable(tool))


def _is_downloadable(tool: LockedTool) -> bool:
    return bool(tool.url and tool.sha256)


def hold_against(lock: Lock, found: Mapping[str, ArtifactIdentity | str]) -> Verification:
    """Compare *lock* with the identities *found* in its wheels, by file name, and mark the verified ones.

    A wheel without an identity in the lock gets it. A wheel that is not in *found* stays as it is, but a tool without a
    URL counts as unverified.
    """
    deviations: list[Deviation] = []
    packages: list[Package] = []
    artifacts: dict[NormalizedName, tuple[LockedArtifact, ...]] = {}
    for package in lock.pylock.packages:
        mine: list[LockedArtifact] = []
        for name in (wheel.filename for wheel in wheels_of(package)):
            said = [each for each in lock.artifacts.get(package.name, ()) if each.wheel == name]
            results = [_held(_named_pin(package), each, name, found.get(name)) for each in said or (None,)]
            deviations += [each for each in results if isinstance(each, Deviation)]
            mine += [each for each in results[:1] if isinstance(each, LockedArtifact)]
        packages.append(_with_artifacts(package, mine))
        artifacts[package.name] = (*artifacts.get(package.name, ()), *mine)
    tools: list[LockedTool] = []
    for tool in lock.tools:
        identity = tool.identity if _is_downloadable(tool) else replace(tool.identity, verified=False)
        pin, before = f"{tool.name} {tool.version}", LockedArtifact(wheel=tool.wheel, identity=identity)
        held = _held(pin, before, tool.wheel, found.get(tool.wheel))
        if isinstance(held, Deviation):
            deviations.append(held)
        elif held is not None and held.identity is not None:
            tools.append(replace(tool, identity=held.identity))
    facts = {**(lock.pylock.tool or {}).get("lockml", {}), **tools_fact(tools)}
    pylock = replaced(lock.pylock, packages=packages, tool={**(lock.pylock.tool or {}), "lockml": facts})
    after = replace(lock, pylock=pylock, artifacts=artifacts, tools=tuple(tools))
    return Verification(after, tuple(deviations), sum(each.verified for each in locked_identities(after).values()))


def disputed_wheels(
    lock: Lock, files: Iterable[DistributionFile], identities: Mapping[str, ArtifactIdentity | str]
) -> tuple[DistributionFile, ...]:
    """Return the wheels of *files* whose identity in *lock*, for the same SHA-256, differs from *identities*.

    This includes wheels for which *identities* has a reason instead of an identity.
    """
    hashes = {
        wheel.filename: wheel.hashes.get("sha256") for package in lock.pylock.packages for wheel in wheels_of(package)
    }
    hashes |= {tool.wheel: tool.sha256 for tool in lock.tools}
    known = locked_identities(lock)
    return tuple(
        file
        for file in files
        if file.sha256 is not None
        and hashes.get(file.filename) == file.sha256
        and file.filename in identities
        and file.filename in known
        and not is_same(known[file.filename], identities[file.filename])
    )


def locked_identities(lock: Lock) -> dict[str, ArtifactIdentity]:
    """Return by file name the identities in *lock*, including those of tools."""
    known = {each.wheel: each.identity for many in lock.artifacts.values() for each in many if each.identity}
    return known | {tool.wheel: tool.identity for tool in lock.tools}


def _held(
    package: str, locked: LockedArtifact | None, wheel: str, found: ArtifactIdentity | str | None
) -> LockedArtifact | Deviation | None:
    """Return the artifact to write for *wheel*, None for no change, or its deviation."""
    before = locked.identity if locked is not None else None
    if found is None:
        return locked
    if isinstance(found, str):
        if before is None:
            return locked or LockedArtifact(wheel=wheel, identity=None, reason=found)
        return Deviation(package=package, wheel=wheel, locked=_summary(before), found=f"nothing: {found}")
    if before is not None and not is_same(before, found):
        locked_text, found_text = _differing(before, found)
        return Deviation(package=package, wheel=wheel, locked=locked_text, found=found_text)
    return LockedArtifact(wheel=wheel, identity=found)


def is_same(one: ArtifactIdentity | str | None, other: ArtifactIdentity | str | None) -> bool:
    """Say whether both are the identity of the same wheel, whether verified or not."""
    if not (isinstance(one, ArtifactIdentity) and isinstance(other, ArtifactIdentity)):
        return False
    return replace(one, verified=False) == replace(other, verified=False)


def _summary(identity: ArtifactIdentity) -> str:
    return f"record-sha256 {identity.digest}"


def _differing(one: ArtifactIdentity, other: ArtifactIdentity) -> tuple[str, str]:
    """Return the two as texts that differ."""
    if one.digest != other.digest:
        return _summary(one), _summary(other)
    texts = [f"{_summary(each)} with the scripts {_scripts(each)}" for each in (one, other)]
    return texts[0], texts[1]


def _scripts(identity: ArtifactIdentity) -> str:
    rewritten = [f"{name} ({identity.rewritten[name]})" for name in sorted(identity.rewritten)]
    return ", ".join([*identity.scripts, *rewritten]) or "none"


def _with_artifacts(package: Package, artifacts: Sequence[LockedArtifact]) -> Package:
    tool = dict(package.tool or {})
    before = tool.get("lockml", {})
    facts: dict[str, object] = {}
    for key, value in before.items():
        if key != "artifacts":
            facts[key] = value
        elif artifacts:
            facts[key] = [artifact_table(each) for each in artifacts]
    if artifacts and "artifacts" not in facts:
        facts["artifacts"] = [artifact_table(each) for each in artifacts]
    return replaced(package, tool={**tool, "lockml": facts} if facts else package.tool)


def _named_pin(package: Package) -> str:
    return f"{package.name} {package.version}" if package.version is not None else package.name
