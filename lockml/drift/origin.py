"""Say whether an installed distribution came from where its package was locked.

Direct URLs: PEP 610; packages locked from repositories, folders and archives: PEP 751.
"""

from packaging.pylock import Package

from lockml.inventory.model import DirectUrl, InstalledDistribution

__all__ = ["foreign_source"]


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
        return None if source.editable == bool(package.directory.editable) else _editable(source)
    if package.archive is not None:
        same = source is not None and (
            source.url == package.archive.url or bool(package.archive.hashes.items() & source.hashes.items())
        )
        return None if same else "locked from an archive, and installed from elsewhere"
    return None if source is None or _is_locked_wheel(package, source) else _editable(source)


def _is_locked_wheel(package: Package, source: DirectUrl) -> bool:
    """Say whether *source* is the address or the hash of a locked wheel: so are those of a claiming index installed."""
    files = [file for file in (*(package.wheels or ()), package.sdist) if file is not None]
    return any(source.url == file.url or bool(file.hashes.items() & source.hashes.items()) for file in files)


def _editable(source: DirectUrl) -> str:
    if source.editable:
        return "editable: its code can change at any time"
    return "the same version, but not from the index that it was locked from"
