"""Read a requirements.txt of exact pins, as pip-compile, uv and lockml write it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageVcs, Pylock
from packaging.utils import NormalizedName, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from lockml.common.display import redact
from lockml.common.errors import LockError, RequirementError
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference
from lockml.index.locations import NamedIndexes
from lockml.lock.formats.files_beside import FilesBeside
from lockml.lock.formats.foreign import COMMIT, MAX_PACKAGES, faults_of
from lockml.lock.model import Asked, Lock
from lockml.requirements.model import IndexOptions, Requirement
from lockml.requirements.requirements_txt import EMPTY, read_requirement_files
from lockml.requirements.via_comments import Asker

__all__ = ["parse_requirements_lock"]

_FORMAT: Final = "requirements.txt"
_HINT: Final = "pin it with ==, or lock it with `lockml compile`"


def parse_requirements_lock(content: bytes, file: str, beside: Callable[[str], bytes | None]) -> Lock:
    """Parse *content*, a requirement file, as a lock; files that it includes are read *beside* it.

    Raises LockError naming *file* and the line that is not an exact pin, or is invalid.
    """
    files = FilesBeside(file, content, beside)
    try:
        read = read_requirement_files((file,), read=files.read, environment=EMPTY)
    except RequirementError as error:
        place, problem = files.shown(*error.faults[0])
        more = f" (and {len(error.faults) - 1} more lines cannot be read)" if len(error.faults) > 1 else ""
        raise LockError(
            place, f"{problem}{more}", hint="a requirements.txt that is a lock has NAME==VERSION lines"
        ) from error
    included = files.included()
    with faults_of(file, _FORMAT):
        named = [*read.requirements, *files.named(read.unnamed)]
        if len(named) > MAX_PACKAGES:
            raise LockError(file, f"has more than {MAX_PACKAGES} lines")
        pins = _merged(_all_pinned(named, read.constraints))
        if not pins:
            raise LockError(file, "pins nothing", hint=_HINT)
        return _lock(pins, files.askers(named), files, read.options, (*files.unnamed(read.unnamed), *included))


def _lock(
    pins: Sequence["_Pin"],
    askers: Mapping[tuple[str, int], tuple[Asker, ...]],
    files: FilesBeside,
    options: IndexOptions,
    notes: tuple[str, ...],
) -> Lock:
    needs = _needs(pins, askers)
    return Lock(
        pylock=Pylock(
            lock_version=Version("1.0"),
            created_by=_FORMAT,
            packages=[_package(pin, sorted(needs.get(pin.name, ()))) for pin in pins],
        ),
        targets=(),
        requirements=tuple(_asked(pins, askers, files)),
        indexes=_indexes(options),
        extras=_extras(pins),
        format=_FORMAT,
        hashes={at: tuple(sorted(pin.hashes)) for at, pin in enumerate(pins) if pin.hashes},
        notes=notes,
    )


class _Pin(Struct, frozen=True, kw_only=True):
    """A line of the file, with the *version* that it pins, None if it pins a reference."""

    requirement: Requirement
    version: Version | None
    marker: str
    hashes: frozenset[str]
    extras: frozenset[NormalizedName]

    @property
    def name(self) -> NormalizedName:
        return self.requirement.name

    @property
    def what(self) -> tuple[object, ...]:
        """The key that two lines with the same pin share, whatever their markers."""
        return (self.name, self.version, self.requirement.reference)


def _all_pinned(requirements: Iterable[Requirement], constraints: Sequence[Requirement]) -> Iterator[_Pin]:
    """Yield each of *requirements* with its pin; raises LockError for the first without one."""
    bounds: dict[NormalizedName, list[Requirement]] = {}
    for constraint in constraints:
        bounds.setdefault(constraint.name, []).append(constraint)
    for requirement in requirements:
        if requirement.marker is not None and "extra" in str(requirement.marker):
            problem = f"{str(requirement)!r}: a marker of a requirement file cannot test an extra"
            raise LockError(str(requirement.origin), problem, hint="remove the line or its marker")
        if requirement.reference is not None or _exact(requirement) is not None:
            yield _pinned(requirement)
        else:
            yield from _bounded(requirement, bounds.get(requirement.name, ()))


def _bounded(requirement: Requirement, constraints: Iterable[Requirement]) -> Iterator[_Pin]:
    """Yield a *requirement* without a pin with each of its exact *constraints*."""
    found = 0
    for each in constraints:
        version = _exact(each)
        if version is not None and requirement.specifier.contains(version, prereleases=True):
            found += 1
            markers = [marker for marker in (requirement.marker, each.marker) if marker is not None]
            marker = Marker(" and ".join(f"({marker})" for marker in markers)) if markers else None
            hashes = requirement.hashes | each.hashes
            yield _pinned(replace(requirement, specifier=each.specifier, marker=marker, hashes=hashes))
    if not found:
        raise LockError(str(requirement.origin), f"{requirement.versioned!r} is not an exact pin", hint=_HINT)


def _exact(requirement: Requirement) -> Version | None:
    """Return the single version that *requirement* allows, None if it allows several or none."""
    for clause in requirement.specifier:
        if clause.operator in ("==", "===") and not clause.version.endswith(".*"):
            try:
                version = Version(clause.version)
            except InvalidVersion:
                return None
            return version if requirement.specifier.contains(version, prereleases=True) else None
    return None


def _pinned(requirement: Requirement) -> _Pin:
    """Return the pin of *requirement*; raises LockError for a repository without a commit."""
    reference = requirement.reference
    if isinstance(reference, RepositoryReference) and COMMIT.fullmatch(reference.revision or "") is None:
        hint = "write the commit after its @, or lock it with `lockml compile`"
        raise LockError(str(requirement.origin), f"{requirement.versioned} has no commit", hint=hint)
    return _Pin(
        requirement=requirement,
        version=_version_in(reference) if isinstance(reference, ArchiveReference) else _exact(requirement),
        marker=str(requirement.marker or ""),
        hashes=requirement.hashes,
        extras=frozenset(requirement.extras),
    )


def _version_in(archive: ArchiveReference) -> Version | None:
    """Return the version in the name of *archive*."""
    try:
        if archive.filename.endswith(".whl"):
            return parse_wheel_filename(archive.filename)[1]
        return parse_sdist_filename(archive.filename)[1]
    except ValueError:
        return None


def _merged(pins: Iterable[_Pin]) -> list[_Pin]:
    """Return *pins*, joining those of the same package: pip accepts the files that all lines allow.

    Raises LockError if that is no file.
    """
    same: dict[tuple[object, ...], _Pin] = {}
    for pin in pins:
        key = (*pin.what, pin.marker)
        other = same.setdefault(key, pin)
        hashes = pin.hashes & other.hashes if pin.hashes and other.hashes else pin.hashes | other.hashes
        if pin.hashes and other.hashes and not hashes:
            place, first = str(pin.requirement.origin), other.requirement.origin
            raise LockError(place, f"allows other files of {pin.name} than {first} does", hint="remove one of them")
        same[key] = replace(other, hashes=hashes, extras=other.extras | pin.extras)
    return list(_disjoint(same.values()))


def _disjoint(pins: Iterable[_Pin]) -> Iterator[_Pin]:
    """Yield *pins*, joining those that differ only in their markers; the joined pin holds if any of them does."""
    same: dict[tuple[object, ...], list[_Pin]] = {}
    for pin in pins:
        same.setdefault((*pin.what, pin.hashes), []).append(pin)
    for group in same.values():
        everywhere = any(not pin.marker for pin in group)
        marker = "" if everywhere else " or ".join(f"({pin.marker})" for pin in group)
        extras = frozenset(extra for pin in group for extra in pin.extras)
        yield replace(group[0], marker=marker, extras=extras) if len(group) > 1 else group[0]


def _needs(
    pins: Iterable[_Pin], askers: Mapping[tuple[str, int], tuple[Asker, ...]]
) -> Mapping[NormalizedName, set[NormalizedName]]:
    """Return the dependencies of each pinned project."""
    names = {pin.name for pin in pins}
    needs: dict[NormalizedName, set[NormalizedName]] = {}
    for pin in pins:
        for asker in _askers(pin, askers):
            if asker.project in names:
                needs.setdefault(NormalizedName(asker.project), set()).add(pin.name)
    return needs


def _askers(pin: _Pin, askers: Mapping[tuple[str, int], tuple[Asker, ...]]) -> tuple[Asker, ...]:
    origin = pin.requirement.origin
    return askers.get((origin.file, origin.line or 0), ())


def _asked(
    pins: Sequence[_Pin], askers: Mapping[tuple[str, int], tuple[Asker, ...]], files: FilesBeside
) -> Iterator[Asked]:
    """Yield the requirements of the user's files beside the lock, else only by name."""
    names = {pin.name for pin in pins}
    asked_in: dict[str, Mapping[NormalizedName, str]] = {}
    seen: set[tuple[str, str]] = set()
    for pin in pins:
        for asker in _askers(pin, askers):
            origin = asker.file or asker.project
            if asker.project in names or (origin, pin.name) in seen:
                continue
            seen.add((origin, pin.name))
            if asker.file and origin not in asked_in:
                asked_in[origin] = files.asked_in(origin)
            yield Asked(requirement=asked_in.get(origin, {}).get(pin.name, pin.name), origin=origin)


def _extras(pins: Iterable[_Pin]) -> Mapping[NormalizedName, tuple[str, ...]]:
    extras: dict[NormalizedName, set[str]] = {}
    for pin in pins:
        if pin.extras:
            extras.setdefault(pin.name, set()).update(pin.extras)
    return {name: tuple(sorted(names)) for name, names in extras.items()}


def _indexes(options: IndexOptions) -> NamedIndexes:
    return NamedIndexes(
        url=options.index_url,
        extra_urls=options.extra_index_urls,
        find_links=options.find_links,
        no_index=options.no_index,
    ).without_logins()


def _package(pin: _Pin, needs: Sequence[NormalizedName]) -> Package:
    """Return *pin* in the form of PEP 751."""
    facts: dict[str, Any] = {
        "name": pin.name,
        "version": pin.version,
        "marker": Marker(pin.marker) if pin.marker else None,
        "dependencies": [{"name": name} for name in needs] or None,
    }
    match pin.requirement.reference:
        case FolderReference(path=path, editable=editable):
            return Package(**facts, directory=PackageDirectory(path=path, editable=editable or None))
        case RepositoryReference() as repository:
            vcs = PackageVcs(
                type="git",
                url=redact(repository.url),
                commit_id=repository.revision or "",
                subdirectory=repository.subdirectory,
            )
            tool = {"lockml": {"editable": True}} if repository.editable else None
            return Package(**facts, vcs=vcs, tool=tool)
        case ArchiveReference() as archive:
            return Package(**facts, archive=_archive(archive, pin.hashes))
    return Package(**facts)


def _archive(archive: ArchiveReference, allowed: Iterable[str]) -> PackageArchive:
    """Return *archive* with its hashes; if several of one kind are *allowed*, it has none of its own."""
    kinds: dict[str, set[str]] = {}
    for each in (*archive.weak_hashes, *allowed):
        kind, _, digest = each.partition(":")
        kinds.setdefault(kind, set()).add(digest)
    return PackageArchive(
        url=None if archive.local else redact(archive.location),
        path=archive.location if archive.local else None,
        subdirectory=archive.subdirectory,
        hashes={kind: digests.pop() for kind, digests in sorted(kinds.items()) if len(digests) == 1},
    )
