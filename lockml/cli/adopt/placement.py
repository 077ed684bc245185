"""Find the index of each pin by the hashes of its files, for locks that do not name it.

uv's ``unsafe-best-match`` and pip choose the best version of all indexes. lockml uses the first that has a project, so
projects that the lock took from a later one must be named with ``--index-only``.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.display import redact
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.index.model import Project
from lockml.index.open import IndexOptions, open_index
from lockml.lock.model import Lock
from lockml.lock.references import index_files, source_of

__all__ = ["place_projects", "placement_words"]


def place_projects(lock: Lock, indexes: NamedIndexes, folder: Path, options: IndexOptions) -> NamedIndexes:
    """Return *indexes*, each but the last limited to the projects that *lock* took from it.

    A single index stays, as do indexes that are all limited already. Raises PackageIndexError.
    """
    asked = [index for index in indexes.named if not index.only]
    asked += [IndexLocation(url=url, name=f"index-{number}") for number, url in enumerate(indexes.extra_urls, 1)]
    if not asked or indexes.no_index:
        return indexes
    digests = _digests(lock)
    left = sorted(name for name in digests if not any(index.claims(name) for index in indexes.named))
    placed: list[IndexLocation] = []
    for location in (IndexLocation(url=indexes.url or "", name=""), *asked):
        alone = NamedIndexes(url=location.url or None)
        with open_index(alone, folder, options) as opened:
            opened.prefetch_projects(left)
            found = [name for name in left if _has(opened.project(name), digests[name])]
        left = [name for name in left if name not in found]
        placed += [replace(location, only=tuple(found))] if found and location.name else []
    others = tuple(index for index in indexes.named if index.only)
    return replace(indexes, named=(*others, *placed), extra_urls=())


def placement_words(indexes: NamedIndexes) -> str:
    """Return the options that assign projects to *indexes*, "" if none is limited to some."""
    words = (
        f"--index {index.name}={redact(index.url)} --index-only {index.name}={','.join(index.only)}"
        for index in indexes.named
        if index.only
    )
    return " ".join(words)


def _digests(lock: Lock) -> dict[NormalizedName, frozenset[str]]:
    """Return the digests that *lock* allows of each project of an index, as ``sha256:…``."""
    found: dict[NormalizedName, frozenset[str]] = {}
    for position, package in enumerate(lock.pylock.packages):
        if source_of(package) is None and package.index is None:
            named = {f"{kind}:{digest}" for file in index_files(package) for kind, digest in file.hashes.items()}
            hashes = frozenset(named or lock.hashes.get(position, ()))
            found[package.name] = found.get(package.name, frozenset()) | hashes
    return {name: hashes for name, hashes in found.items() if hashes}


def _has(project: Project | None, digests: frozenset[str]) -> bool:
    """Say whether *project* lists a file with one of *digests*."""
    return project is not None and not digests.isdisjoint(_listed(project))


def _listed(project: Project) -> Iterator[str]:
    for entries in project.releases.values():
        for entry in entries:
            yield from (f"{kind}:{digest.lower()}" for kind, digest in entry.hashes.items())
