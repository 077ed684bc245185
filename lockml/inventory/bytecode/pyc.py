"""Judge a compiled module by its header: whether Python would load it, and for which source.

PEP 3147 (names in ``__pycache__``) and PEP 552 (headers). A matching header means that Python treats the file as the
compilation of the source; no header can prove its content.
"""

import importlib.util
import re
import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct

__all__ = ["CompiledName", "Fault", "judge_bytecode", "module_of_machine_code", "parse_compiled_name"]

_NAME: Final = re.compile(r"(?P<module>.+?)\.(?P<tag>(?:cpython|pypy|graalpy)-?\w+?)(?P<rest>(?:[.-][\w.-]+)?)\.pyc")
_NUMBA: Final = re.compile(r"(?P<module>[^.]+)\..+-\w+\.py3\d+[a-z]*\.(?:nbi|\d+\.nbc)")  # numba/core/caching.py
_HEADER: Final = struct.Struct("<4sIII")
_CHECKED: Final = 0b11
_UNCHECKED: Final = 0b01
# CPython's magic numbers by minor release: the lowest and highest of its pre-releases and releases.
_MAGICS: Final = {
    8: (3400, 3419),
    9: (3420, 3429),
    10: (3430, 3449),
    11: (3450, 3499),
    12: (3500, 3549),
    13: (3550, 3599),
}
_SIPHASH_1_3_SINCE: Final = 11


class CompiledName(Struct, frozen=True):
    """The name of a file in ``__pycache__``: ``module.cpython-311.opt-1.pyc``."""

    module: str
    tag: str
    rest: str


class Fault(Struct, frozen=True):
    """Why a compiled module does not come from its source; Python recompiles *stale* ones instead of loading them.

    *age_only* says that only the time of the source differs.
    """

    detail: str
    stale: bool = False
    age_only: bool = False


def parse_compiled_name(name: str) -> CompiledName | None:
    """Return the parts of *name*, None if it is not the name of a compiled module."""
    match = _NAME.fullmatch(name)
    return CompiledName(match["module"], match["tag"], match["rest"]) if match else None


def module_of_machine_code(name: str) -> str | None:
    """Return the module whose function numba compiled into the file *name* of ``__pycache__``, else None."""
    match = _NUMBA.fullmatch(name)
    return match["module"] if match else None


def judge_bytecode(
    header: bytes, *, minor: int, size: int, modified: int, source: Callable[[], bytes | None]
) -> Fault | None:
    """Return what is wrong with a compiled module by its first 16 bytes, None if it comes from its source.

    *minor* is that of Python, *size* and *modified* (seconds since 1970) are those of the source, *source* reads it.
    """
    if len(header) < _HEADER.size:
        return Fault("it is not a compiled module: Python refuses it", stale=True)
    magic, flags, first, second = _HEADER.unpack(header[: _HEADER.size])
    lowest, highest = _MAGICS.get(minor, (3600, 1 << 16))
    if magic[2:] != b"\r\n" or not lowest <= int.from_bytes(magic[:2], "little") <= highest:
        return Fault("another Python compiled it, and this one recompiles it on import", stale=True)
    if flags == 0:
        return _judge_age(first, second, size=size, modified=modified)
    if flags == _CHECKED:
        return _judge_hash(magic, header[8:16], source(), minor)
    if flags == _UNCHECKED:
        return Fault("Python loads it regardless of its source: it is marked as unchecked (PEP 552)")
    return Fault(f"its header has unknown flags ({flags:#x}), and Python refuses it", stale=True)


def _judge_age(stated_time: int, stated_size: int, *, size: int, modified: int) -> Fault | None:
    if stated_size != size & 0xFFFFFFFF:
        return Fault(f"it was compiled from a source of {stated_size} bytes, but its source has {size}", stale=True)
    if stated_time != modified & 0xFFFFFFFF:
        return Fault("it was compiled from a source with another timestamp", stale=True, age_only=True)
    return None


def _judge_hash(magic: bytes, stated: bytes, content: bytes | None, minor: int) -> Fault | None:
    if content is None:
        return Fault("its source cannot be read to compare its hash")
    fits = _source_hash(magic, content, minor) == stated
    return None if fits else Fault("it was compiled from another source (PEP 552 hash)", stale=True)


def _source_hash(magic: bytes, content: bytes, minor: int) -> bytes:
    """Return the hash of a source as the Python of that *magic* number computes it (PEP 552)."""
    if magic == importlib.util.MAGIC_NUMBER:
        return importlib.util.source_hash(content)
    return _siphash(int.from_bytes(magic, "little"), content, rounds=1 if minor >= _SIPHASH_1_3_SINCE else 2)


def _siphash(key: int, content: bytes, *, rounds: int) -> bytes:
    """Return SipHash-1-3 or, with two *rounds*, SipHash-2-4 of *content*, 8 bytes (Aumasson and Bernstein, 2012)."""
    words = [key ^ 0x736F6D6570736575, 0x646F72616E646F6D, key ^ 0x6C7967656E657261, 0x7465646279746573]
    padded = content + bytes(7 - len(content) % 8) + bytes([len(content) & 0xFF])
    for word in struct.unpack(f"<{len(padded) // 8}Q", padded):
        words[3] ^= word
        _mix(words, rounds)
        words[0] ^= word
    words[2] ^= 0xFF
    _mix(words, 3 if rounds == 1 else 4)
    return (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(8, "little")


def _mix(words: list[int], rounds: int) -> None:
    mask = 0xFFFFFFFFFFFFFFFF
    a, b, c, d = words
    for _ in range(rounds):
        a = (a + b) & mask
        b = ((b << 13 | b >> 51) & mask) ^ a
        a = (a << 32 | a >> 32) & mask
        c = (c + d) & mask
        d = ((d << 16 | d >> 48) & mask) ^ c
        a = (a + d) & mask
        d = ((d << 21 | d >> 43) & mask) ^ a
        c = (c + b) & mask
        b = ((b << 17 | b >> 47) & mask) ^ c
        c = (c << 32 | c >> 32) & mask
    words[:] = a, b, c, d
