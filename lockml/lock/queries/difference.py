"""Two locks in, what changed from one to the other out."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from packaging.pylock import Package
from packaging.utils import NormalizedName

from lockml.lock.model import Lock
from lockml.lock.select import chosen_packages

__all__ = ["Change", "compare_locks"]


class Change(Struct, frozen=True, kw_only=True):
    """One project that differs: *before* and *after* are its versions, None where it is not locked.

    *files* says that the version is the same and the hashes of its files, or its commit, are not.
    """

    kind: Literal["added", "removed", "upgraded", "downgraded", "changed", "files"]
    name: NormalizedName
    before: str | None
    after: str | None


def compare_locks(before: Lock, after: Lock) -> tuple[Change, ...]:
    """Return the changes from *before* to *after*, by name."""
    return tuple(_changes(_by_name(before), _by_name(after)))


def _by_name(lock: Lock) -> dict[NormalizedName, tuple[Package, ...]]:
    packages: dict[NormalizedName, tuple[Package, ...]] = {}
    for package in chosen_packages(lock):
        packages[package.name] = (*packages.get(package.name, ()), package)
    return packages


def _changes(
    before: dict[NormalizedName, tuple[Package, ...]], after: dict[NormalizedName, tuple[Package, ...]]
) -> Iterator[Change]:
    for name in sorted({*before, *after}):
        old, new = before.get(name, ()), after.get(name, ())
        old_versions, new_versions = _versions(old), _versions(new)
        if not old or not new:
            kind: Literal["added", "removed"] = "added" if new else "removed"
            yield Change(kind=kind, name=name, before=old_versions or None, after=new_versions or None)
        elif old_versions != new_versions:
            yield Change(kind=_direction(old, new), name=name, before=old_versions, after=new_versions)
        elif _hashes(old) != _hashes(new):
            yield Change(kind="files", name=name, before=old_versions, after=new_versions)


def _versions(packages: tuple[Package, ...]) -> str:
    return ", ".join(dict.fromkeys(str(package.version or "no version") for package in packages))


def _direction(old: tuple[Package, ...], new: tuple[Package, ...]) -> Literal["upgraded", "downgraded", "changed"]:
    one, other = old[0].version, new[0].version
    if len(old) > 1 or len(new) > 1 or one is None or other is None:
        return "changed"
    return "upgraded" if other > one else "downgraded"


def _hashes(packages: tuple[Package, ...]) -> set[tuple[str, str]]:
    files = [
        file
        for package in packages
        for file in (*(package.wheels or ()), package.sdist, package.archive)
        if file is not None
    ]
    commits = {("commit", package.vcs.commit_id) for package in packages if package.vcs is not None}
    return commits | {(kind, digest) for file in files for kind, digest in file.hashes.items()}
