"""A lock of another tool in, the indexes that it was made from out."""

import os

from packaging.utils import NormalizedName

from lockml.index.http.pip_config import public_index_url
from lockml.index.locations import IndexLocation, NamedIndexes, normalize_url, with_logins
from lockml.lock.model import Lock

__all__ = ["indexes_of"]


def indexes_of(foreign: Lock, named: NamedIndexes | None = None) -> NamedIndexes:
    """Return the indexes that were *named*, else those of the lock; the public one is pip's, whichever that is."""
    if named is not None and named != NamedIndexes():
        return named
    by_index: dict[str, list[NormalizedName]] = {}
    for package in foreign.pylock.packages:
        if package.index is not None:
            by_index.setdefault(package.index, []).append(package.name)
    links = tuple(index for index in by_index if "://" not in index)
    urls = {index: names for index, names in by_index.items() if "://" in index}
    default = max(urls, key=lambda index: len(urls[index]), default=None)
    others = [
        IndexLocation(url=index, name=f"locked-{number}", only=tuple(sorted(set(names))))
        for number, (index, names) in enumerate(sorted(urls.items()), 1)
        if index != default
    ]
    public = default is not None and normalize_url(default) == normalize_url(public_index_url())
    indexes = NamedIndexes(url=None if public else default, named=tuple(others), find_links=links)
    return with_logins(indexes, os.environ)
