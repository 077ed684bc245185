"""The status of the pins of a `Lock` on an `Index` today.

Yanked files are PEP 592's, the status of a project is PEP 792's.
"""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct
from packaging.pylock import Package

from lockml.common.settings import setting
from lockml.index.model import FileEntry, Project
from lockml.index.protocol import FileIndex
from lockml.lock.model import Lock
from lockml.lock.references import index_files
from lockml.lock.status.outdated import find_outdated
from lockml.resolution.model import Policy

__all__ = ["PinStatus", "find_pin_statuses"]

_STRONG: Final = ("sha256", "sha384", "sha512")
_STATUSES: Final = {
    "quarantined": "is quarantined: the index considers it harmful",
    "archived": "is archived: no release will follow",
    "deprecated": "is deprecated",
}


class PinStatus(Struct, frozen=True, kw_only=True):
    """A status of a pin today, which may be new since it was locked."""

    kind: Literal["newer-release", "yanked", "withdrawn", "file-gone"]
    name: str
    locked: str | None
    found: str | None
    detail: str
    fix: str


def find_pin_statuses(lock: Lock, index: FileIndex, policy: Policy) -> tuple[PinStatus, ...]:
    """Return the status of the pins of *lock* on *index*, by name; raises PackageIndexError.

    A newer release counts if all requirements allow it, so that ``compile --upgrade`` may choose it.
    """
    pinned = [package for package in lock.pylock.packages if package.wheels or package.sdist]
    index.prefetch_projects(sorted({package.name for package in pinned}))
    facts = [fact for package in pinned for fact in _of_package(package, index.project(package.name))]
    for each in find_outdated(lock, index, policy):
        if not each.held_by:
            facts.append(
                PinStatus(
                    kind="newer-release",
                    name=each.name,
                    locked=str(each.locked),
                    found=str(each.newest),
                    detail=f"{each.newest} exists, and every requirement allows it",
                    fix=f"lockml compile {setting('upgrade-package', each.name)}",
                )
            )
    return tuple(sorted(facts, key=lambda fact: (fact.name, fact.kind)))


def _of_package(package: Package, project: Project | None) -> Iterator[PinStatus]:
    again = f"lockml compile {setting('upgrade-package', package.name)}"
    locked = str(package.version) if package.version is not None else None
    if project is None:
        detail = "the index no longer has the project"
        yield PinStatus(kind="file-gone", name=package.name, locked=locked, found=None, detail=detail, fix=again)
        return
    if project.status in _STATUSES:
        reason = f" ({project.status_reason})" if project.status_reason else ""
        detail = f"the project {_STATUSES[project.status]}{reason}"
        yield PinStatus(
            kind="withdrawn", name=package.name, locked=locked, found=project.status, detail=detail, fix=again
        )
    entries = {
        digest: entry
        for entry in (project.releases.get(package.version, ()) if package.version is not None else ())
        for digest in _digests(entry)
    }
    files = index_files(package)
    unhashed = {  # files of a page without hashes cannot be distinguished from others of the same name
        entry.filename: entry
        for entry in (project.releases.get(package.version, ()) if package.version is not None else ())
        if not entry.hashed
    }
    offered = [_entry(dict(file.hashes), entries) or unhashed.get(file.filename) for file in files]
    gone = [file.filename for file, entry in zip(files, offered, strict=True) if entry is None]
    if gone:
        names = ", ".join(gone[:3]) + (f" and {len(gone) - 3} more" if len(gone) > 3 else "")
        detail = f"the index no longer has {len(gone)} of {len(files)} locked files, by their hashes: {names}"
        yield PinStatus(
            kind="file-gone", name=package.name, locked=locked, found=f"{len(gone)} gone", detail=detail, fix=again
        )
    yanked = next((entry for entry in offered if entry is not None and entry.yanked is not None), None)
    if yanked is not None:
        reason = f": {yanked.yanked}" if yanked.yanked else ", no reason given"
        detail = f"{locked} was yanked{reason}"
        yield PinStatus(kind="yanked", name=package.name, locked=locked, found=None, detail=detail, fix=again)


def _digests(entry: FileEntry) -> Iterator[str]:
    for algorithm in _STRONG:
        if algorithm in entry.hashes:
            yield f"{algorithm}:{entry.hashes[algorithm]}"


def _entry(hashes: dict[str, str], entries: dict[str, FileEntry]) -> FileEntry | None:
    return next((entries[key] for each in hashes.items() if (key := ":".join(each)) in entries), None)
