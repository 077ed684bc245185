"""Caches of glibc's loader, as ldconfig writes them."""

import struct

__all__ = ["loader_cache"]


def loader_cache(*paths: str, old: bool = False, new: bool = True, order: str = "<") -> bytes:
    """Return a cache that names *paths*, with a table of the *old* format, of the *new* one, or both.

    *order* is that of the bytes of its numbers, as `struct` names it.
    """
    strings, places = b"", []
    for path in paths:
        name = path.rpartition("/")[2]
        places.append((len(strings), len(strings) + len(name) + 1))
        strings += name.encode() + b"\0" + path.encode() + b"\0"
    first = b"ld.so-1.7.0\0" + struct.pack(f"{order}I", len(paths)) if old else b""
    if old:
        first += b"".join(struct.pack(f"{order}iII", 1, *place) for place in places)
    if not new:
        return first + strings
    first += b"\0" * (-len(first) % 8)
    head = struct.pack(f"{order}20sIIB19x", b"glibc-ld.so.cache1.1", len(paths), len(strings), 2 if order == "<" else 3)
    start = len(head) + 24 * len(paths)
    entries = (struct.pack(f"{order}iIIIQ", 1, start + name, start + path, 0, 0) for name, path in places)
    return first + head + b"".join(entries) + strings
