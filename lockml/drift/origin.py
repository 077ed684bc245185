"""Compare the source of an installed distribution with the source that its package was locked from.

Direct URLs: PEP 610; packages locked from repositories, folders and archives: PEP 751.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from packaging.pylock import Package

from lockml.inventory.model import DirectUrl, InstalledDistribution
from lockml.lock.references import index_files

__all__ = ["foreign_build", "foreign_source", "other_build"]

_ARCHIVES: Final = (".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")


def foreign_source(package: Package, installed: InstalledDistribution) -> str | None:
    """Return how the source of *installed* differs from the locked one, None if it does not."""
    source = installed.source
    if package.vcs is not None:
        if source is None or source.commit is None:
            return "locked from a repository, but installed from another source"
        same = source.commit == package.vcs.commit_id
        return None if same else f"locked at commit {package.vcs.commit_id[:12]}, installed from {source.commit[:12]}"
    if package.directory is not None:
        if source is None or not source.url.startswith("file:"):
            return "locked from a folder, but installed from another source"
        return _editable(source) if source.editable and not package.directory.editable else None
    if package.archive is not None:
        same = source is not None and (
            source.url == package.archive.url or bool(package.archive.hashes.items() & source.hashes.items())
        )
        return None if same else "locked from an archive, but installed from another source"
    return None if source is None or _is_locked_wheel(package, source) else _editable(source)


def foreign_build(package: Package, installed: InstalledDistribution) -> str | None:
    """Return how *installed* does not come from the source that *package*, built in the image, is locked from.

    None also if nothing records the source: a wheel that was built in the image is installed from a file.
    """
    other, source = other_build(package, installed), installed.source
    if other is not None or source is None or source.url.startswith("file:"):
        return other
    return "locked as built in the image, but installed from another source" if source.url.endswith(".whl") else None


def other_build(package: Package, installed: InstalledDistribution) -> str | None:
    """Return how the record of *installed* names another source than *package*, None if it does not."""
    source = installed.source
    if source is None:
        return None
    if source.editable:
        return _editable(source)
    if source.commit is not None:
        commit = package.vcs.commit_id if package.vcs is not None else ""
        locked = f"at commit {commit[:12]}" if commit else "from an archive"
        return None if source.commit == commit else f"locked {locked}, installed from commit {source.commit[:12]}"
    if source.url.endswith(_ARCHIVES):
        hashes = package.archive.hashes if package.archive is not None else {}
        same = package.archive is not None and _agrees(hashes, source.hashes)
        return None if same else "not built from the locked archive"
    return None


def _is_locked_wheel(package: Package, source: DirectUrl) -> bool:
    """Return whether *source* is a locked file: by its URL, its hash or, for a folder, its name.

    Files from a claiming index and from a wheelhouse are installed so; pip before 23.1 writes no hash for the latter.
    """
    files = index_files(package)
    if source.hashes:
        fitting = [file for file in files if file.hashes.keys() & source.hashes.keys()]
        same = any(_agrees(file.hashes, source.hashes) for file in fitting)
        return same or any(source.url == file.url for file in files if file not in fitting)
    name = unquote(source.url.rpartition("/")[2]) if source.url.startswith("file:") else None
    return any(source.url == file.url or name == file.filename for file in files)


def _agrees(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether two tables of hashes agree on the algorithms that they share."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _editable(source: DirectUrl) -> str:
    if source.editable:
        return "editable: its code can change at any time"
    return "same version, but from an index that is not the locked one"
