"""Say whether an installed distribution came from where its package was locked.

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
    """Return how the source of *installed* is not the locked one, None where it is."""
    source = installed.source
    if package.vcs is not None:
        if source is None or source.commit is None:
            return "locked from a repository, and installed from elsewhere"
        same = source.commit == package.vcs.commit_id
        return None if same else f"locked at commit {package.vcs.commit_id[:12]}, installed from {source.commit[:12]}"
    if package.directory is not None:
        if source is None or not source.url.startswith("file:"):
            return "locked from a folder, and installed from elsewhere"
        return _editable(source) if source.editable and not package.directory.editable else None
    if package.archive is not None:
        same = source is not None and (
            source.url == package.archive.url or bool(package.archive.hashes.items() & source.hashes.items())
        )
        return None if same else "locked from an archive, and installed from elsewhere"
    return None if source is None or _is_locked_wheel(package, source) else _editable(source)


def foreign_build(package: Package, installed: InstalledDistribution) -> str | None:
    """Return how *installed* is not of the source that *package*, which an image builds, is locked from.

    None also where nothing says so: a wheel that was built in the image is installed from a file.
    """
    other, source = other_build(package, installed), installed.source
    if other is not None or source is None or source.url.startswith("file:"):
        return other
    return "locked as built in the image, and installed from elsewhere" if source.url.endswith(".whl") else None


def other_build(package: Package, installed: InstalledDistribution) -> str | None:
    """Return how *installed* says itself that it is of another source than *package*, None where it does not."""
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
        return None if same else "locked from another source than the archive that it was built of"
    return None


def _is_locked_wheel(package: Package, source: DirectUrl) -> bool:
    """Say whether *source* is a locked file: by its address, by its hash or, from a folder, by its name.

    So are those of a claiming index installed, and those of a wheelhouse; pip before 23.1 writes no hash of the latter.
    """
    files = index_files(package)
    if source.hashes:
        fitting = [file for file in files if file.hashes.keys() & source.hashes.keys()]
        same = any(_agrees(file.hashes, source.hashes) for file in fitting)
        return same or any(source.url == file.url for file in files if file not in fitting)
    name = unquote(source.url.rpartition("/")[2]) if source.url.startswith("file:") else None
    return any(source.url == file.url or name == file.filename for file in files)


def _agrees(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Say whether what two tables of hashes share is the same."""
    return all(one[name] == other[name] for name in one.keys() & other.keys())


def _editable(source: DirectUrl) -> str:
    if source.editable:
        return "editable: its code can change at any time"
    return "the same version, but not from the index that it was locked from"
