"""The indexes that a lock of another tool was made from."""

from packaging.utils import NormalizedName

from lockml.index.locations import IndexLocation, NamedIndexes, normalize_url
from lockml.lock.model import Lock

__all__ = ["indexes_of"]


def indexes_of(lock: Lock, public_url: str) -> NamedIndexes:
    """Return the indexes that *lock* was made from; the public one, *public_url*, is the one in pip's configuration."""
    if not lock.format or lock.indexes != NamedIndexes():
        return lock.indexes
    by_index: dict[str, list[NormalizedName]] = {}
    for package in lock.pylock.packages:
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
    public = default is not None and normalize_url(default) == normalize_url(public_url)
    return NamedIndexes(url=None if public else default, named=tuple(others), find_links=links)
