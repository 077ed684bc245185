"""Make a `Resolution` with exactly the pins and files of another tool's lock, for each target.

Nothing is resolved: a pin whose files the index lacks or lists with other hashes is an error.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace
from packaging.pylock import Package
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.display import redact
from lockml.common.errors import LockError
from lockml.common.pythons import KNOWN_MINORS
from lockml.common.references import ArchiveReference
from lockml.common.target import Libc, Target, parse_platform
from lockml.index.model import CoreMetadata, DirectSource, DistributionFile, MetadataError, Project
from lockml.index.protocol import Index
from lockml.lock.checks.locked_files import Hashing, RefusedError, locked_entries
from lockml.lock.formats.foreign import COMMIT
from lockml.lock.model import Lock
from lockml.lock.references import source_of
from lockml.lock.select import chosen_extras, fits_environment, fits_python, select_packages
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.candidates.release import Release, judge_release, judge_source
from lockml.resolution.model import Pin, Policy, Resolution

__all__ = ["adopt_pins", "suitable_targets"]

_PYTHONS: Final = tuple(Version(f"3.{minor}.0") for minor in KNOWN_MINORS)
_PLATFORMS: Final = ("linux/amd64", "linux/arm64", "macos/arm64", "macos/amd64", "windows/amd64", "windows/arm64")
_RARE: Final = ("linux/ppc64le", "linux/s390x", "linux/riscv64", "linux/arm/v7", "linux/386")
_GLIBC_MINORS: Final = (17, 24, 28, 31, 34, 35, 36, 39, 41)
_MACOS: Final = ((11, 0), (12, 0), (13, 0), (14, 0), (15, 0))


def suitable_targets(lock: Lock, file: str) -> tuple[Target, ...]:
    """Return the targets for which every pin of *lock*, read from *file*, has a wheel, ignoring pins without any.

    A rare processor counts only if a wheel names it. Pythons are those that the lock allows; C library and macOS are
    the oldest that work. Returns () for a lock without wheels. Raises LockError.
    """
    if not any(package.wheels for package in lock.pylock.packages):
        return ()
    admitted = lock.pylock.requires_python or SpecifierSet()
    found: list[Target] = []
    platforms = (*_PLATFORMS, *(each for each in _RARE if _is_named(lock, each)))
    for python in _PYTHONS:
        for platform in platforms if admitted.contains(python, prereleases=True) else ():
            found += next(([each] for each in _floors(python, platform) if _has_wheels(lock, each, file)), [])
    return tuple(found)


def _is_named(lock: Lock, platform: str) -> bool:
    """Say whether a wheel of *lock* names *platform*; universal wheels do not count for rare ones."""
    ending = f"_{parse_platform(platform).machine}.whl"
    return any(wheel.filename.endswith(ending) for package in lock.pylock.packages for wheel in package.wheels or ())


def _floors(python: Version, platform: str) -> Iterator[Target]:
    """Yield the targets of *python* on *platform*, the one for the oldest system first."""
    parsed = parse_platform(platform)
    if parsed.system == "linux":
        for minor in _GLIBC_MINORS:
            libc = Libc(family="glibc", major=2, minor=minor)
            yield Target(python=python, exact=False, platform=parsed, libc=libc)
    elif parsed.system == "macos":
        for macos in _MACOS:
            yield Target(python=python, exact=False, platform=parsed, macos=macos)
    else:
        yield Target(python=python, exact=False, platform=parsed)


def _has_wheels(lock: Lock, target: Target, file: str) -> bool:
    if not fits_environment(lock, target, file):
        return False
    return all(
        not package.wheels or any(target.rank_of_wheel(wheel.filename) is not None for wheel in package.wheels)
        for package in select_packages(lock, target, file)
    )


def adopt_pins(
    lock: Lock, targets: Sequence[Target], index: Index, file: str, requirements: Sequence[Requirement]
) -> tuple[Resolution, ...]:
    """Return the pins of *lock*, read from *file*, for each of *targets*, with the files that *index* lists today.

    *requirements* are those of the user. Raises LockError that names every pin that the index does not match.
    """
    _require_served(lock, targets, file)
    own = frozenset(lock.projects)
    chosen = {
        target: [each for each in select_packages(lock, target, file) if each.name not in own or not each.directory]
        for target in targets
    }
    listed = {package.name for packages in chosen.values() for package in packages if source_of(package) is None}
    index.prefetch_projects(sorted(listed))
    adoption = _Adoption(lock, index)
    resolutions = tuple(
        Resolution(
            target=target,
            pins=tuple(sorted(adoption.pins(packages, target), key=lambda pin: pin.name)),
            requirements=tuple(each for each in requirements if each.applies_to(target.environment)),
            warnings=tuple(adoption.take_warnings()),
        )
        for target, packages in chosen.items()
    )
    if adoption.refused:
        shown = "\n".join(f"  {name}: {reason}" for name, reason in sorted(adoption.refused.items()))
        hint = "name another index, or lock again with the tool that made it"
        raise LockError(file, f"cannot be adopted:\n{shown}", hint=hint)
    return resolutions


def _require_served(lock: Lock, targets: Sequence[Target], file: str) -> None:
    """Refuse a target that *lock* was not made for: it may need other packages there."""
    for target in targets:
        if not fits_python(lock, target):
            problem = f"does not serve {target}: it is for Python {lock.pylock.requires_python}"
            raise LockError(file, problem, hint="name such a Python; 3.11 is 3.11.0, so name a patch release as well")
        if not fits_environment(lock, target, file):
            served = " or ".join(map(str, lock.pylock.environments or ()))
            raise LockError(file, f"does not serve {target}: it is for {served}")


class _Adoption:
    """The pins of a lock as an index has them; *refused* has the reasons for those that it does not match, by name.

    *warnings* are about pins that exclude a target by their own metadata: uv ignores upper bounds.
    """

    def __init__(self, lock: Lock, index: Index) -> None:
        self._lock = lock
        self._index = index
        self._hashing = Hashing(index)
        self._positions = {id(package): position for position, package in enumerate(lock.pylock.packages)}
        self.refused: dict[str, str] = {}
        self.warnings: list[str] = []

    def pins(self, packages: Sequence[Package], target: Target) -> Iterator[Pin]:
        """Yield the pin of each of *packages*."""
        names = {package.name for package in packages}
        extras = chosen_extras(self._lock, target)
        for package in packages:
            try:
                release = self._release(package, target)
            except (RefusedError, MetadataError) as error:
                self.refused[f"{package.name} {package.version or ''}".strip()] = str(error)
                continue
            needed = {canonicalize_name(each["name"]) for each in package.dependencies or ()}
            yield Pin(
                name=package.name,
                version=release.version,
                extras=tuple(sorted(map(canonicalize_name, extras.get(package.name, ())))),
                files=release.files,
                dependencies=tuple(sorted(needed & names)),
                requires_python=_bound_of(release.files),
                index_url=release.index_url,
                yanked=release.yanked,
                source=release.source,
            )

    def take_warnings(self) -> list[str]:
        """Return the warnings since the last call."""
        taken, self.warnings = self.warnings, []
        return taken

    def _release(self, package: Package, target: Target) -> Release:
        """Return the installable pin of *package*; raises RefusedError."""
        if source_of(package) is not None:
            return self._opened(package, target)
        project = self._index.project(package.name)
        if project is None:
            raise RefusedError("the index has no project of this name")
        if package.version is None:
            raise RefusedError("it has no version")
        if package.version not in project.releases:
            raise RefusedError(f"the index no longer has this version; the newest is {_newest(project)}")
        allowed = self._lock.hashes.get(self._positions[id(package)], ())
        entries = locked_entries(package, allowed, project.releases[package.version], target, self._hashing)
        project = replace(project, releases={package.version: entries})
        judged = judge_release(project, package.version, target, Policy())
        if isinstance(judged, Rejection) and judged.kind == "python":
            reason = f"{package.name} {package.version}: {judged.reason}, so pip will not install it for {target}"
            judged = judge_release(_unbounded(project, package.version), package.version, target, Policy())
            if isinstance(judged, Release):
                self.warnings.append(f"{reason}; locking it anyway")
        if isinstance(judged, Release):
            return judged
        raise RefusedError(f"{judged.reason}{f' ({judged.detail})' if judged.detail else ''}")

    def _opened(self, package: Package, target: Target) -> Release:
        """Return the pin of the direct reference of *package*; folders and repositories are trusted."""
        reference, version = source_of(package), package.version or Version("0")
        metadata = CoreMetadata(name=package.name, version=version)
        if reference is None:
            raise RefusedError("it has neither files nor a source")
        if package.archive is None or not isinstance(reference, ArchiveReference):
            source = DirectSource(reference=reference, metadata=metadata, commit=_commit_of(package))
        else:
            hashes = frozenset(f"{kind}:{digest.lower()}" for kind, digest in package.archive.hashes.items())
            source = self._index.direct(replace(reference, hashes=hashes))
            self._require_allowed(package, source)
        judged = judge_source(source, target, Policy())
        if isinstance(judged, Release):
            return judged
        raise RefusedError(judged.reason)

    def _require_allowed(self, package: Package, source: DirectSource) -> None:
        """Refuse an archive that has none of several hashes that the lock allows; a single one is checked elsewhere."""
        if package.archive is None or package.archive.hashes:
            return
        allowed = set(self._lock.hashes.get(self._positions[id(package)], ()))
        has = source.file.entry.hashes.items() if source.file is not None else ()
        if allowed and allowed.isdisjoint(f"{kind}:{digest}" for kind, digest in has):
            raise RefusedError(f"{source.reference} has other bytes")


def _unbounded(project: Project, version: Version) -> Project:
    """Return *project* with the files of *version* as if they were for every Python."""
    entries = tuple(replace(entry, requires_python=None) for entry in project.releases[version])
    return replace(project, releases={version: entries})


def _commit_of(package: Package) -> str | None:
    """Return the commit that *package* is locked at, None for a folder; raises RefusedError for a branch or tag."""
    if package.vcs is None:
        return None
    address = package.vcs.url or package.vcs.path or ""
    if COMMIT.fullmatch(package.vcs.commit_id) is None:
        raise RefusedError(f"{package.vcs.commit_id!r} is not a commit")
    if address.startswith("-") or "::" in address.partition("/")[0]:
        raise RefusedError(f"{redact(address)!r} is not the URL of a repository")
    return package.vcs.commit_id


def _newest(project: Project) -> str:
    return str(next(iter(project.releases), "none"))


def _bound_of(files: Sequence[DistributionFile]) -> str | None:
    return next((file.entry.requires_python for file in files if file.entry.requires_python), None)
