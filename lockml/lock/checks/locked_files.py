"""Match the files of a pin in another tool's lock with those on an index.

Only hashes in the lock count: installers accept a file that has any one of its hashes, so another hash from the index
would allow other bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace
from packaging.pylock import Package, PackageSdist, PackageWheel
from packaging.utils import parse_sdist_filename, parse_wheel_filename

from lockml.common.target import Target
from lockml.index.model import FileEntry
from lockml.index.protocol import Index
from lockml.lock.references import index_files
from lockml.lock.select import usable_files

__all__ = ["Hashing", "RefusedError", "locked_entries"]

_STRONG: Final = ("sha256", "sha384", "sha512")


class RefusedError(Exception):
    """An error for a pin that cannot be adopted, with the reason.

    Internal: all of them become one LockError.
    """


class Hashing:
    """A downloader that hashes files of an *index*, each once for all targets."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._seen: dict[tuple[object, ...], tuple[str, int]] = {}

    def digests(self, entries: Sequence[FileEntry]) -> dict[str, tuple[str, int]]:
        """Return by file name the SHA-256 and the size of each of *entries*; raises PackageIndexError."""
        keys = {entry.filename: (entry.url, *sorted(entry.hashes.items())) for entry in entries}
        new = [entry for entry in entries if keys[entry.filename] not in self._seen]
        found = self._index.digests(new) if new else {}
        self._seen.update((keys[name], digest) for name, digest in found.items())
        return {name: self._seen[key] for name, key in keys.items()}


def locked_entries(
    package: Package, allowed: Iterable[str], entries: Sequence[FileEntry], target: Target, hashing: Hashing
) -> tuple[FileEntry, ...]:
    """Return those of *entries* that *package* locks, with only the hashes of the lock or of the downloaded bytes.

    *allowed* are the digests (``sha256:…``) of a package whose files the lock does not name. A file that *target* can
    use is downloaded if the lock and the index share no strong kind of hash. Raises RefusedError if *target* needs a
    file that the index lacks, or has with other bytes.
    """
    named, anywhere = _by_identity(package), _Digests(allowed)
    locked: dict[str, _Digests] = {}
    for entry in entries:
        file = named.get(_identity(entry.filename))
        if file is not None or not named:
            locked[entry.filename] = anywhere if file is None else _digests_of(file)
    _require_there(package, target, locked)
    usable = _usable(locked, target)
    held = [(entry, locked[entry.filename]) for entry in entries if entry.filename in locked]
    same = [entry for entry, digests in held if not digests.contradict(entry)]
    unsure = [
        compared
        for entry in same
        if entry.filename in usable
        for compared in (locked[entry.filename].compared(entry),)
        if compared is not None
    ]
    seen = hashing.digests(unsure) if unsure else {}
    found = tuple(each for entry in same for each in locked[entry.filename].entries(entry, seen.get(entry.filename)))
    _require_same(held, found, usable, named=bool(named))
    return found


class _Digests:
    """The digests that a lock allows for a file, by kind; none if any file of the index is allowed."""

    def __init__(self, digests: Iterable[str]) -> None:
        kinds: dict[str, set[str]] = {}
        for each in digests:
            kind, _, digest = each.partition(":")
            kinds.setdefault(kind, set()).add(digest.lower())
        self._any = bool(kinds)
        strong: dict[str, set[str]] = {kind: kinds[kind] for kind in _STRONG if kind in kinds}
        self._kinds = strong or kinds
        self._weak = not strong

    def contradict(self, entry: FileEntry) -> bool:
        """Say whether the index lists a digest of *entry* that differs from the lock, for a kind that the lock has."""
        return any(kind in self._kinds and digest not in self._kinds[kind] for kind, digest in _listed(entry).items())

    def compared(self, entry: FileEntry) -> FileEntry | None:
        """Return *entry* with the hashes to compare its bytes with; None if that is not needed.

        If the lock has only weak hashes, these count; beside a strong one, weak ones are ignored.
        """
        if not self._any or (self._shared(entry) and not self._weak):
            return None
        alone = {kind: next(iter(digests)) for kind, digests in self._kinds.items() if len(digests) == 1}
        hashes = {**alone, **self._shared(entry)}
        if not self._weak:
            return replace(entry, hashes={**_listed(entry), **hashes}) if hashes or "sha256" in self._kinds else None
        return replace(entry, hashes=hashes) if hashes else None

    def entries(self, entry: FileEntry, seen: tuple[str, int] | None) -> tuple[FileEntry, ...]:
        """Return *entry* with the hashes that count, () if nothing shows that it is the locked file."""
        if not self._any:
            return (entry,)
        if seen is not None:
            digest, size = seen
            known = digest in self._kinds.get("sha256", {digest})
            return (replace(entry, hashes={"sha256": digest}, size=size),) if known else ()
        shared = self._shared(entry)
        return (replace(entry, hashes=shared),) if shared and not self._weak else ()

    def _shared(self, entry: FileEntry) -> dict[str, str]:
        return {kind: digest for kind, digest in _listed(entry).items() if digest in self._kinds.get(kind, ())}


def _listed(entry: FileEntry) -> dict[str, str]:
    return {kind: digest.lower() for kind, digest in entry.hashes.items()}


def _digests_of(file: PackageWheel | PackageSdist) -> _Digests:
    return _Digests(f"{kind}:{digest}" for kind, digest in file.hashes.items())


def _by_identity(package: Package) -> Mapping[object, PackageWheel | PackageSdist]:
    return {_identity(file.filename): file for file in index_files(package)}


@lru_cache(maxsize=100_000)
def _identity(filename: str) -> object:
    """Return a key that is the same for all spellings of a file name."""
    try:
        if filename.endswith(".whl"):
            return parse_wheel_filename(filename)
        return (*parse_sdist_filename(filename), filename.endswith(".zip"))
    except ValueError:
        return filename


def _usable(filenames: Iterable[str], target: Target) -> frozenset[str]:
    """Return those of *filenames* that may be installed on *target*: its wheels, else other files."""
    names = frozenset(filenames)
    wheels = frozenset(name for name in names if name.endswith(".whl") and _suits(name, target))
    return wheels or frozenset(name for name in names if not name.endswith(".whl"))


def _suits(wheel: str, target: Target) -> bool:
    try:
        return target.rank_of_wheel(wheel) is not None
    except ValueError:
        return False


def _require_there(package: Package, target: Target, names: Iterable[str]) -> None:
    there = {_identity(name) for name in names}
    for file in usable_files(package, target):
        if _identity(file.filename) not in there:
            raise RefusedError(f"the index no longer has {file.filename}")


def _require_same(
    held: Iterable[tuple[FileEntry, object]], found: Iterable[FileEntry], usable: frozenset[str], *, named: bool
) -> None:
    """Refuse *usable* files that are not *found* to be locked: each one that the lock names, else only if all are."""
    same = {entry.filename for entry in found}
    others = [entry for entry, _ in held if entry.filename in usable and entry.filename not in same]
    if others and (named or usable.isdisjoint(same)):
        listed = ", ".join(f"{kind}:{digest}" for kind, digest in sorted(others[0].hashes.items())) or "no hash"
        raise RefusedError(f"the index has another {others[0].filename}: {listed}")
