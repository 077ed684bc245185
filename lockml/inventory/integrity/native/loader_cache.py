"""Parse /etc/ld.so.cache: the paths of the shared objects that the loader finds through it.

glibc, sysdeps/generic/dl-cache.h: a table in the old format, in the new one, or in the new one after the old one.
"""

import struct
from typing import Final

from lockml.inventory.file_tree import UnreadableError

__all__ = ["LOADER_CACHE", "paths_in_cache"]

LOADER_CACHE: Final = "/etc/ld.so.cache"
_OLD: Final = b"ld.so-1.7.0"
_NEW: Final = b"glibc-ld.so.cache1.1"
_OLD_HEAD: Final = "11sxI"
_OLD_ENTRY: Final = "iII"
_NEW_HEAD: Final = "20sIIBxxxIIII"
_NEW_ENTRY: Final = "iIIIQ"
_MAX_ENTRIES: Final = 100_000
_MAX_PATH: Final = 4096


def paths_in_cache(content: bytes, *, big_endian: bool = False) -> frozenset[str]:
    """Return the paths in the cache, as written; () if it is not a cache that the loader accepts.

    Its numbers are in the byte order of the processor. Raises UnreadableError if an entry points outside it.
    """
    order = ">" if big_endian else "<"
    old_head, old_entry, new_head, new_entry = (
        struct.Struct(order + each) for each in (_OLD_HEAD, _OLD_ENTRY, _NEW_HEAD, _NEW_ENTRY)
    )
    old = content.startswith(_OLD) and len(content) >= old_head.size
    end = old_head.size + old_entry.size * old_head.unpack_from(content)[1] if old else 0
    start = -(-end // 8) * 8  # the new table is aligned
    named: set[str] = set()
    if content.startswith(_NEW, start) and len(content) - start >= new_head.size:
        count = new_head.unpack_from(content, start)[1]
        named |= _named(content, new_entry, count, start + new_head.size, start)
    elif old:
        named |= _named(content, old_entry, old_head.unpack_from(content)[1], old_head.size, end)
    return frozenset(named)


def _named(content: bytes, entry: struct.Struct, count: int, first: int, strings: int) -> set[str]:
    """Return the paths of *count* entries from *first*, with offsets relative to *strings*."""
    if count > _MAX_ENTRIES or first + count * entry.size > len(content):
        raise UnreadableError(LOADER_CACHE, "it has entries that point outside it")
    found: set[str] = set()
    for place in range(first, first + count * entry.size, entry.size):
        begin = strings + entry.unpack_from(content, place)[2]
        stop = content.find(b"\0", begin, begin + _MAX_PATH)
        if stop < 0:
            raise UnreadableError(LOADER_CACHE, "it has entries that point outside it")
        found.add(content[begin:stop].decode("utf-8", "surrogateescape"))
    return found
