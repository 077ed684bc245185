"""Parse the names of the libraries that a shared object loads (ELF, DT_NEEDED)."""

import struct
from collections.abc import Iterator
from typing import Final

__all__ = ["needed_libraries"]

_DYNAMIC: Final = 2  # PT_DYNAMIC
_LOAD: Final = 1  # PT_LOAD
_NEEDED: Final = 1  # DT_NEEDED
_STRINGS: Final = 5  # DT_STRTAB
_MOST: Final = 256  # headers and entries that are read
_LONGEST: Final = 256


def needed_libraries(content: bytes) -> tuple[str, ...]:
    """Return the names in file order; () unless it is a valid 64-bit little-endian ELF file."""
    try:
        return tuple(_needed(content))
    except (struct.error, IndexError, OverflowError):
        return ()


def _needed(content: bytes) -> Iterator[str]:
    if content[:6] != b"\x7fELF\x02\x01":
        return
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    headers = [struct.unpack_from("<IIQQQQ", content, table + size * number) for number in range(min(count, _MOST))]
    loads = [(address, length, offset) for kind, _, offset, address, _, length in headers if kind == _LOAD]
    for kind, _, offset, _, _, length in headers:
        if kind != _DYNAMIC:
            continue
        entries = [struct.unpack_from("<qQ", content, offset + 16 * at) for at in range(min(length // 16, _MOST))]
        strings = next((value for tag, value in entries if tag == _STRINGS), None)
        place = _offset_of(strings, loads) if strings is not None else None
        if place is None:
            continue
        for tag, value in entries:
            if tag == _NEEDED:
                start = place + value
                yield content[start : start + _LONGEST].partition(b"\0")[0].decode("ascii", "replace")


def _offset_of(address: int, loads: list[tuple[int, int, int]]) -> int | None:
    """Return the file offset of the virtual *address*."""
    for start, length, offset in loads:
        if start <= address < start + length:
            return address - start + offset
    return None
