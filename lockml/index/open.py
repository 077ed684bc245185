"""Opens the indexes that a user names, in the order to ask them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName

from lockml.common.progress import Progress, silent
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient
from lockml.index.http.file_urls import file_url, path_of_url
from lockml.index.http.pip_config import certificates, client_certificate, default_index_url
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.index.simple import SimpleIndex

__all__ = ["IndexOptions", "open_index"]


class IndexOptions(Struct, frozen=True, kw_only=True):
    """How an index is asked: what was fetched is kept in *cache_dir*, None for this process alone.

    With *offline* nothing else is used. *certificates* and *client_certificate* come before those of pip. An address
    of https may redirect to one of http on *insecure_hosts*. Pages of projects in *renewed*, or with *renew_all* all,
    are asked for also where the cache may still keep them.
    """

    cache_dir: Path | None = None
    offline: bool = False
    certificates: Path | None = None
    client_certificate: Path | None = None
    insecure_hosts: tuple[str, ...] = ()
    renew_all: bool = False
    renewed: frozenset[NormalizedName] = frozenset()


@contextmanager
def open_index(
    indexes: NamedIndexes, folder: Path, options: IndexOptions, progress: Progress = silent
) -> Iterator[SimpleIndex]:
    """Give the index of *indexes*; paths in them are seen from *folder*, the lock's. Raises InputError."""
    cache = Cache(options.cache_dir)
    client = HttpClient(
        certificates=options.certificates or certificates(),
        client_certificate=options.client_certificate or client_certificate(),
        offline=options.offline,
        insecure_hosts=options.insecure_hosts,
    )
    try:
        locations = tuple(_locations(indexes, folder))
        renewed = _renewed(options)
        with SimpleIndex(locations, client=client, cache=cache, progress=progress, renewed=renewed) as simple:
            yield simple
    finally:
        client.close()
        cache.close()


def _renewed(options: IndexOptions) -> Callable[[NormalizedName | None], bool]:
    return lambda name: options.renew_all or name in options.renewed


def _locations(indexes: NamedIndexes, folder: Path) -> Iterator[IndexLocation]:
    """Yield where projects come from, the first to ask first."""
    for links in indexes.find_links:
        if links.startswith(("http://", "https://")):
            yield IndexLocation(url=links, is_find_links=True)
        else:
            path = str(path_of_url(links)) if links[:5].lower() == "file:" else links
            yield IndexLocation(url=file_url(path, folder), name=path, is_find_links=True)
    if indexes.no_index:
        return
    yield from indexes.named
    yield from (IndexLocation(url=url) for url in indexes.extra_urls)
    yield IndexLocation(url=indexes.url or default_index_url())
