"""The wheels of pip, setuptools and wheel that a lock records without pinning them.

Base images, ``python -m venv``, virtualenv and uv install them by default: with the record, `lockml check` knows them.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.common.target import Target
from lockml.index.model import DistributionFile, Project
from lockml.index.protocol import FileIndex
from lockml.lock.model import Lock, LockedTool
from lockml.resolution.candidates.release import Release, judge_release
from lockml.resolution.model import Policy, Resolution

__all__ = ["identities_of", "locked_tools", "newest_wheels", "recorded_tools", "wheels_of", "wheels_of_tools"]


def locked_tools(
    lock: Lock | None, targets: Sequence[Target], upgraded: Collection[NormalizedName]
) -> tuple[LockedTool, ...]:
    """Return the tools that *lock* recorded, without *upgraded* ones: a lock does not change on its own."""
    if lock is None or lock.targets != tuple(targets):
        return ()
    return tuple(tool for tool in lock.tools if tool.name not in upgraded)


def newest_wheels(
    names: Iterable[NormalizedName], targets: Sequence[Target], index: FileIndex, policy: Policy
) -> tuple[DistributionFile, ...]:
    """Return for each of *names* and *targets* the wheel of the newest stable release that fits, each wheel once.

    If the index lacks a project or does not answer, it is skipped: no requirement names it.
    """
    found: dict[str, DistributionFile] = {}
    for name in sorted(names):
        with suppress(PackageIndexError):
            project = index.project(name)
            if project is not None:
                wheels = (wheel for target in targets for wheel in _newest(project, target, policy))
                found.update((wheel.filename, wheel) for wheel in wheels)
    return tuple(found.values())


def _newest(project: Project, target: Target, policy: Policy) -> Iterator[DistributionFile]:
    for version in project.versions:
        release = None if version.is_prerelease else judge_release(project, version, target, policy)
        if isinstance(release, Release) and release.yanked is None and release.files[0].kind == "wheel":
            yield release.files[0]
            return


def wheels_of_tools(tools: Iterable[LockedTool], index: FileIndex) -> tuple[DistributionFile, ...]:
    """Return the wheels of *tools* that the index has today; skip those that it lacks or does not answer for."""
    found: list[DistributionFile] = []
    for tool in tools:
        with suppress(PackageIndexError):
            project = index.project(tool.name)
            version = Version(tool.version)
            for entry in project.releases.get(version, ()) if project is not None else ():
                if entry.filename == tool.wheel and not entry.fault:
                    found.append(
                        DistributionFile(entry=entry, project=tool.name, version=version, kind="wheel", uploaded=None)
                    )
    return tuple(found)


def wheels_of(resolutions: Iterable[Resolution]) -> tuple[DistributionFile, ...]:
    """Return the wheels that *resolutions* pin, each once."""
    pins = [pin for resolution in resolutions for pin in resolution.pins]
    return tuple({file.filename: file for pin in pins for file in pin.files if file.kind == "wheel"}.values())


def identities_of(
    wheels: Sequence[DistributionFile], tools: Sequence[DistributionFile], index: FileIndex
) -> dict[str, ArtifactIdentity | str]:
    """Return the identities of *wheels*, and of *tools* if the index answers for them."""
    try:
        return dict(index.identities((*wheels, *tools)))
    except PackageIndexError:  # perhaps for a tool, which no requirement names
        return dict(index.identities(wheels))


def recorded_tools(
    locked: Iterable[LockedTool],
    wheels: Iterable[DistributionFile],
    identities: Mapping[str, ArtifactIdentity | str],
    pinned: Collection[NormalizedName],
) -> tuple[LockedTool, ...]:
    """Return the tools to record: those *locked* before, and the *wheels* with known *identities*, by file name.

    *pinned* projects are locked already. Today's data of the index replaces the record of the same wheel.
    """
    recorded = {tool.wheel: tool for tool in locked}
    for wheel in wheels:
        identity = identities.get(wheel.filename)
        if isinstance(identity, ArtifactIdentity):
            recorded[wheel.filename] = LockedTool(
                name=wheel.project,
                version=str(wheel.version),
                wheel=wheel.filename,
                identity=identity,
                url=redact(wheel.entry.url) if wheel.entry.local is None else "",
                sha256=wheel.sha256 or "",
            )
    return tuple(recorded[wheel] for wheel in sorted(recorded) if recorded[wheel].name not in pinned)
