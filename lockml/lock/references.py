"""Direct references of locked packages (PEP 751 archive, directory and vcs)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

import msgspec
from packaging.pylock import Package, PackageSdist, PackageVcs, PackageWheel

from lockml.common.references import ArchiveReference, FolderReference, Reference, RepositoryReference, encode_url
from lockml.lock.model import Lock

__all__ = ["commit_requirement", "index_files", "locked_commits", "moved", "source_of", "wheels_of"]


_File = TypeVar("_File", PackageWheel, PackageSdist)


def source_of(package: Package) -> Reference | None:
    """Return the direct reference of *package*, None for an index."""
    if package.vcs is not None:
        vcs = package.vcs
        return RepositoryReference(
            url=vcs.url or vcs.path or "",
            revision=vcs.requested_revision,
            subdirectory=vcs.subdirectory,
            editable=(package.tool or {}).get("lockml", {}).get("editable") is True,
        )
    if package.directory is not None:
        return FolderReference(path=package.directory.path, editable=bool(package.directory.editable))
    if package.archive is not None:
        archive = package.archive
        return ArchiveReference(location=archive.url or archive.path or "", subdirectory=archive.subdirectory)
    return None


def locked_commits(lock: Lock) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the source key and the commit of each repository that *lock* pins."""
    for package in lock.pylock.packages:
        reference = source_of(package)
        if package.vcs is not None and reference is not None:
            yield reference.source_key, package.vcs.commit_id


def moved(lock: Lock, move: Callable[[str], str]) -> Lock:
    """Return *lock* with *move* applied to each path of its sources and of its ``--find-links`` folders."""
    packages = [_moved(package, move) for package in lock.pylock.packages]
    indexes = msgspec.structs.replace(lock.indexes, find_links=tuple(map(move, lock.indexes.find_links)))
    return msgspec.structs.replace(lock, pylock=replace(lock.pylock, packages=packages), indexes=indexes)


def _moved(package: Package, move: Callable[[str], str]) -> Package:
    directory, archive, vcs, index = package.directory, package.archive, package.vcs, package.index
    if directory is not None:
        package = replace(package, directory=replace(directory, path=move(directory.path)))
    if archive is not None and archive.path is not None:
        package = replace(package, archive=replace(archive, path=move(archive.path)))
    if vcs is not None and vcs.path is not None:
        package = replace(package, vcs=replace(vcs, path=move(vcs.path)))
    if package.wheels:
        package = replace(package, wheels=[_moved_file(wheel, move) for wheel in package.wheels])
    if package.sdist is not None:
        package = replace(package, sdist=_moved_file(package.sdist, move))
    return replace(package, index=move(index)) if index is not None else package


def _moved_file(file: _File, move: Callable[[str], str]) -> _File:
    return replace(file, path=move(file.path)) if file.path is not None else file


def index_files(package: Package) -> list[PackageWheel | PackageSdist]:
    """Return the files of *package* on an index: its wheels, then its source archive."""
    return [*(package.wheels or ()), *((package.sdist,) if package.sdist is not None else ())]


def wheels_of(package: Package) -> Iterator[PackageWheel]:
    """Yield the wheels of *package*: those of an index, or the one that a direct reference is."""
    yield from package.wheels or ()
    archive, reference = package.archive, source_of(package)
    if archive is not None and isinstance(reference, ArchiveReference) and reference.filename.endswith(".whl"):
        yield PackageWheel(
            name=reference.filename, url=archive.url, path=archive.path, size=archive.size, hashes=archive.hashes
        )


def commit_requirement(name: str, vcs: PackageVcs, *, editable: bool = False) -> str:
    """Return the requirement on a commit; older pips need the name after the URL in some cases.

    These are URLs without a host, and *editable* ones.
    """
    address = f"git+{encode_url(vcs.url or '')}@{vcs.commit_id}"
    inside = f"subdirectory={quote(vcs.subdirectory)}" if vcs.subdirectory else ""
    if not editable and "://" in address and not address.partition("://")[2].startswith("/"):
        return f"{name} @ {address}{f'#{inside}' if inside else ''}"
    return f"{'-e ' if editable else ''}{address}#egg={name}{f'&{inside}' if inside else ''}"
