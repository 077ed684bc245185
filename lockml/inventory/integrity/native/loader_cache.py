"""The bytes of /etc/ld.so.cache in, the paths of the shared objects that the loader takes by it out.

glibc, sysdeps/generic/dl-cache.h: a table of the old format, of the new one, or of the new one behind the old one.
"""

import struct
from typing import Final

from lockml.inventory.file_tree import UnreadableError

__all__ = ["LOADER_CACHE", "paths_in_cache"]

LOADER_CACHE: Final = "/etc/ld.so.cache"
_OLD: Final = b"ld.so-1.7.0"
_NEW: Final = b"glibc-ld.so.cache1.1"
_OLD_HEAD: Final = struct.Struct("<11sxI")
_OLD_ENTRY: Final = struct.Struct("<iII")
_NEW_HEAD: Final = struct.Struct("<20sIIBxxxIIII")
_NEW_ENTRY: Final = struct.Struct("<iIIIQ")
_MAX_ENTRIES: Final = 100_000
_MAX_PATH: Final = 4096


def paths_in_cache(content: bytes) -> frozenset[str]:
    """Return the paths that the cache names, as written; () where it is none that the loader takes.

    Raises UnreadableError where it is one and names what is not in it.
    """
    old = content.startswith(_OLD) and len(content) >= _OLD_HEAD.size
    end = _OLD_HEAD.size + _OLD_ENTRY.size * _OLD_HEAD.unpack_from(content)[1] if old else 0
    start = -(-end // 8) * 8  # the new table is aligned
    named: set[str] = set()
    if content.startswith(_NEW, start) and len(content) - start >= _NEW_HEAD.size:
        count = _NEW_HEAD.unpack_from(content, start)[1]
        named |= _named(content, _NEW_ENTRY, count, start + _NEW_HEAD.size, start)
    elif old:
        named |= _named(content, _OLD_ENTRY, _OLD_HEAD.unpack_from(content)[1], _OLD_HEAD.size, end)
    return frozenset(named)


def _named(content: bytes, entry: struct.Struct, count: int, first: int, strings: int) -> set[str]:
    """Return the paths of *count* entries from *first* on, whose offsets count from *strings*."""
    if count > _MAX_ENTRIES or first + count * entry.size > len(content):
        raise UnreadableError(LOADER_CACHE, "it names more than it holds")
    found: set[str] = set()
    for place in range(first, first + count * entry.size, entry.size):
        begin = strings + entry.unpack_from(content, place)[2]
        stop = content.find(b"\0", begin, begin + _MAX_PATH)
        if stop < 0:
            raise UnreadableError(LOADER_CACHE, "it names more than it holds")
        found.add(content[begin:stop].decode("utf-8", "surrogateescape"))
    return found
