"""The changes from one lock to another."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from packaging.pylock import Package
from packaging.utils import NormalizedName

from lockml.lock.model import Lock
from lockml.lock.references import index_files
from lockml.lock.select import chosen_packages

__all__ = ["Change", "compare_locks"]


class Change(Struct, frozen=True, kw_only=True):
    """A project that differs: *before* and *after* are its versions, None if it is not locked.

    *files* says that the version is the same, but the hashes of its files, or its commit, are not.
    """

    kind: Literal["added", "removed", "upgraded", "downgraded", "changed", "files"]
    name: NormalizedName
    before: str | None
    after: str | None


def compare_locks(before: Lock, after: Lock) -> tuple[Change, ...]:
    """Return the changes from *before* to *after*, by name.

    Locks of two formats list other files of a release, so its files differ only if none is the same.
    """
    return tuple(_changes(_by_name(before), _by_name(after), strict=before.format == after.format))


class _Locked(Struct):
    """The entries of a project, and the digests that they allow."""

    packages: tuple[Package, ...] = ()
    hashes: frozenset[tuple[str, str]] = frozenset()


def _by_name(lock: Lock) -> dict[NormalizedName, _Locked]:
    chosen = {id(package) for package in chosen_packages(lock)}
    found: dict[NormalizedName, _Locked] = {}
    for position, package in enumerate(lock.pylock.packages):
        if id(package) in chosen:
            locked = found.setdefault(package.name, _Locked())
            locked.packages = (*locked.packages, package)
            locked.hashes |= {("recorded", each.identity.digest) for each in lock.recorded if each.name == package.name}
            unnamed = {(each.partition(":")[0], each.partition(":")[2]) for each in lock.hashes.get(position, ())}
            locked.hashes |= _hashes(package) | unnamed
    return found


def _changes(
    before: dict[NormalizedName, _Locked], after: dict[NormalizedName, _Locked], *, strict: bool
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        one, other = before.get(name, _Locked()), after.get(name, _Locked())
        old, new = one.packages, other.packages
        old_versions, new_versions = _versions(old), _versions(new)
        if not old or not new:
            kind: Literal["added", "removed"] = "added" if new else "removed"
            yield Change(kind=kind, name=name, before=old_versions or None, after=new_versions or None)
        elif old_versions != new_versions:
            yield Change(kind=_direction(old, new), name=name, before=old_versions, after=new_versions)
        elif one.hashes != other.hashes if strict else one.hashes and other.hashes and not one.hashes & other.hashes:
            yield Change(kind="files", name=name, before=old_versions, after=new_versions)


def _versions(packages: tuple[Package, ...]) -> str:
    return ", ".join(dict.fromkeys(str(package.version or "no version") for package in packages))


def _direction(old: tuple[Package, ...], new: tuple[Package, ...]) -> Literal["upgraded", "downgraded", "changed"]:
    one, other = old[0].version, new[0].version
    if len(old) > 1 or len(new) > 1 or one is None or other is None:
        return "changed"
    return "upgraded" if other > one else "downgraded"


def _hashes(package: Package) -> set[tuple[str, str]]:
    files = [*index_files(package), *((package.archive,) if package.archive is not None else ())]
    commits = {("commit", package.vcs.commit_id)} if package.vcs is not None else set()
    return commits | {(kind, digest) for file in files for kind, digest in file.hashes.items()}
