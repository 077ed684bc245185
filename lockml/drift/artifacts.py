"""Judge the bytes of an installed distribution against the locked wheels of its version.

The bytes are proven if the installed RECORD's canonical digest, its artifact identity, is that of a locked wheel
(`lockml.common.digest`).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from packaging.pylock import Package
from packaging.utils import NormalizedName, parse_wheel_filename

from lockml.common.digest import INSTALLER_FILES, ArtifactIdentity, RecordError, in_target_folder, installed_digest
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.inventory.model import InstalledDistribution
from lockml.lock.model import Lock, LockedArtifact, ProvidedPackage, RecordedBuild

__all__ = [
    "Differs",
    "Proven",
    "Unprovable",
    "Unread",
    "Verdict",
    "has_record",
    "is_installers",
    "is_provable",
    "is_provided",
    "judge_artifact",
    "judge_built",
    "judge_provided",
    "loads",
    "locked_artifacts",
    "provided_digest",
    "record_digest",
    "recorded_builds",
    "told_of",
    "unhashed_files",
]


_LISTS: Final = "list-"


class Proven(Struct, frozen=True):
    """The RECORD matches the locked *wheel* with this *identity*, or a *recorded* build."""

    wheel: str
    identity: ArtifactIdentity
    recorded: RecordedBuild | None = None


class Differs(Struct, frozen=True):
    """The RECORD matches no locked wheel; *detail* says more."""

    detail: str


class Unread(Struct, frozen=True):
    """There is no RECORD to judge by; *reason* says why."""

    reason: str


class Unprovable(Struct, frozen=True):
    """The lock has nothing to judge by; *reason* says why."""

    reason: str


Verdict = Proven | Differs | Unread | Unprovable


def locked_artifacts(lock: Lock, package: Package, target: Target) -> tuple[LockedArtifact, ...]:
    """Return the artifacts of *package* that *target* can load: wheels for another target prove nothing here."""
    return tuple(_loadable(lock, package, target))


def is_provable(lock: Lock, package: Package, target: Target) -> bool:
    """Return whether the lock has the identity of a wheel of *package* that *target* can load."""
    return any(artifact.identity is not None for artifact in _loadable(lock, package, target)) or bool(
        recorded_builds(lock, package, target)
    )


def recorded_builds(lock: Lock, package: Package, target: Target) -> tuple[RecordedBuild, ...]:
    """Return the recorded builds of *package* that *target* can load."""
    return tuple(
        each
        for each in lock.recorded
        if each.name == package.name and each.version == package.version and loads(each.wheel, target)
    )


def _loadable(lock: Lock, package: Package, target: Target) -> Iterator[LockedArtifact]:
    for artifact in lock.artifacts.get(package.name, ()):
        if parse_wheel_filename(artifact.wheel)[1] == package.version and loads(artifact.wheel, target):
            yield artifact


def loads(wheel: str, target: Target) -> bool:
    """Return whether the *wheel* of that name installs on *target*."""
    return not target.tag_ranks.keys().isdisjoint(parse_wheel_filename(wheel)[3])


def judge_built(
    package: Package, builds: Sequence[RecordedBuild], installed: InstalledDistribution, *, recorded: bool
) -> Verdict:
    """Judge whether *installed* is one of the recorded *builds* of *package*, which is built in the image.

    *recorded* says whether there are any for other targets.
    """
    if not builds:
        which = "built in the image, and no build is recorded"
        which = "no build is recorded for this target" if recorded else which
        command = f"lockml record {setting('from', 'SUBJECT')} {package.name}"
        return Unprovable(f"{which}: `{command}` adds one to the lock to compare with")
    if installed.record is None:
        return Unread(installed.no_record or "it has no RECORD")
    found = ""
    for build in builds:
        try:
            digests = tuple(_digests(installed, build.identity))
        except RecordError as error:
            return Differs(f"same version, different files: its RECORD is not that of a wheel ({error})")
        if build.identity.digest in digests:
            return Proven(build.wheel, build.identity, build)
        found = digests[0]
    known = "the recorded build" if len(builds) == 1 else f"any of the {len(builds)} recorded builds"
    return Differs(f"a different build of the same version: its RECORD ({found[:12]}…) is not that of {known}")


def judge_artifact(package: Package, artifacts: Sequence[LockedArtifact], installed: InstalledDistribution) -> Verdict:
    """Return whether *installed* has the RECORD of one of the locked *artifacts* of *package*."""
    provable = [(artifact.wheel, artifact.identity) for artifact in artifacts if artifact.identity is not None]
    if not provable:
        return Unprovable(_why_unprovable(package, artifacts))
    if installed.record is None:
        return Unread(installed.no_record or "it has no RECORD")
    found = ""
    detail = ""
    for wheel, identity in provable:
        try:
            digests = tuple(_digests(installed, identity))
        except RecordError as error:
            detail = f"same version, different files: its RECORD is not that of a wheel ({error})"
            continue
        if identity.digest in digests:
            return Proven(wheel, identity)
        found = digests[0]
    unknown = next((artifact for artifact in artifacts if artifact.identity is None), None)
    if unknown is not None:
        return Unprovable(f"matches no wheel that can be proven; it may be {unknown.wheel}: {unknown.reason}")
    wheels = "the locked wheel" if len(provable) == 1 else f"any of the {len(provable)} locked wheels"
    return Differs(detail or f"same version, different bytes: its RECORD ({found[:12]}…) is not that of {wheels}")


def told_of(recorded: RecordedBuild) -> str:
    """Return where and when a build was recorded, for a person."""
    image = f" ({recorded.image[:19]}…)" if recorded.image else ""
    return f"{recorded.found_in}{image} on {recorded.date}"


def judge_provided(provided: ProvidedPackage, installed: InstalledDistribution) -> Differs | Unprovable | None:
    """Return how *installed* differs from what the base image provides; None if its RECORD and version match."""
    if installed.version != provided.version:
        return Differs(f"the base image has {provided.version}")
    if (installed.owner or "") != provided.owner:
        return Differs(
            f"in the base image it belongs to {provided.owner}" if provided.owner else "of another installer"
        )
    if not provided.record:
        return Unprovable("the base image has no RECORD with all hashes for it, so only its version is known")
    if provided_digest(installed) != provided.record:
        of = "its entry in the package lists" if provided.record.startswith(_LISTS) else "its RECORD"
        return Differs(f"same version, different bytes: {of} is not that of the base image")
    return None


def provided_digest(installed: InstalledDistribution) -> str | None:
    """Return what identifies the bytes of *installed* among those of its version: its RECORD, else the package lists.

    A RECORD that lists code without its hash distinguishes nothing.
    """
    if installed.record is None:
        return installed.lists_digest
    return record_digest(installed) if not unhashed_files(installed) else None


def has_record(provided: ProvidedPackage) -> bool:
    """Return whether the base image had a RECORD of it: package lists come from the subject, and prove no file."""
    return bool(provided.record) and not provided.record.startswith(_LISTS)


def is_provided(provided: Mapping[NormalizedName, ProvidedPackage], installed: InstalledDistribution) -> bool:
    """Return whether the RECORD of *installed* is the one in the base image."""
    known = provided.get(installed.name)
    return known is not None and has_record(known) and judge_provided(known, installed) is None


def unhashed_files(installed: InstalledDistribution) -> tuple[str, ...]:
    """Return the files that RECORD lists without a hash, except those that installers write and compile."""
    return tuple(
        row.path
        for row in installed.record or ()
        if not row.digest and not is_installers(row.path, installed.dist_info)
    )


def is_installers(path: str, dist_info: str) -> bool:
    """Return whether the *path* of a RECORD is an installer's own file in *dist_info*, or compiled by it."""
    compiled = "__pycache__/" in path and path.endswith(".pyc")
    return compiled or path in {f"{dist_info}/{name}" for name in INSTALLER_FILES}


def record_digest(installed: InstalledDistribution) -> str | None:
    """Return the digest of the files in the RECORD of *installed*, except an installer's own."""
    if installed.record is None:
        return None
    rows = sorted(
        f"{row.path}\0{row.digest}" for row in installed.record if not is_installers(row.path, installed.dist_info)
    )
    content = "\n".join(rows).encode("utf-8", "surrogateescape")
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _digests(installed: InstalledDistribution, identity: ArtifactIdentity) -> Iterator[str]:
    """Yield the digest of the RECORD, for a target folder in both ways that installers fill one."""
    for flat in (False, True) if in_target_folder(installed.site_folder) else (False,):
        yield installed_digest(
            installed.record or (),
            dist_info=installed.dist_info,
            site_folder=installed.site_folder,
            scripts=identity.scripts,
            rewritten=identity.rewritten,
            flat=flat,
        )


def _why_unprovable(package: Package, artifacts: Sequence[LockedArtifact]) -> str:
    if artifacts:
        return artifacts[0].reason or "its wheel has no usable RECORD"
    if package.vcs or package.directory:
        return "it is locked from a source tree, and the result of its build is not known in advance"
    if package.wheels:
        return "the lock has no artifact identities for its wheels"
    return "it is not locked as a wheel, and the result of its build is not known in advance"
