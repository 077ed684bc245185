"""What an index has of pip, setuptools and wheel in; the wheels of them that a lock records though it pins none out.

Base images, ``python -m venv``, virtualenv and uv bring them unasked: `lockml check` tells by the record what they are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from packaging.utils import NormalizedName

from lockml.digest import ArtifactIdentity
from lockml.errors import PackageIndexError
from lockml.index.model import DistributionFile, Project
from lockml.lock.model import Lock, LockedTool
from lockml.ports import FileIndex
from lockml.resolution.candidates import Release, judge_release
from lockml.resolution.model import Policy
from lockml.target import Target

__all__ = ["kept_tools", "newest_wheels", "recorded_tools"]


def kept_tools(
    lock: Lock | None, targets: Sequence[Target], upgraded: Collection[NormalizedName]
) -> tuple[LockedTool, ...]:
    """Return what *lock* recorded and still holds: a lock changes where somebody asks for it, not by itself."""
    if lock is None or lock.targets != tuple(targets):
        return ()
    return tuple(tool for tool in lock.tools if tool.name not in upgraded)


def newest_wheels(
    names: Iterable[NormalizedName], targets: Sequence[Target], index: FileIndex, policy: Policy
) -> tuple[DistributionFile, ...]:
    """Return for each of *names* and *targets* the wheel of the newest stable release that suits, each wheel once.

    What the index does not have, or does not answer for, is left out: nobody asked for it.
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


def recorded_tools(
    kept: Iterable[LockedTool],
    wheels: Iterable[DistributionFile],
    identities: Mapping[str, ArtifactIdentity | str],
    pinned: Collection[NormalizedName],
) -> tuple[LockedTool, ...]:
    """Return what to record of those *kept* and of the new *wheels* whose *identities*, by file name, are known.

    What is *pinned* is locked already.
    """
    new = (
        LockedTool(name=wheel.project, version=str(wheel.version), wheel=wheel.filename, identity=identity)
        for wheel in wheels
        if isinstance(identity := identities.get(wheel.filename), ArtifactIdentity)
    )
    return tuple(sorted((tool for tool in (*kept, *new) if tool.name not in pinned), key=lambda tool: tool.wheel))
