"""Convert a row of an installed RECORD into what it says about its file (PEP 376, PEP 627)."""

import binascii
import hashlib
import re
from functools import cache
from typing import Final

from lockml.common.digest import RecordRow
from lockml.inventory.model import Expected, InstalledDistribution

__all__ = ["expected_of_row", "is_empty_digest"]

_ALGORITHMS: Final = frozenset(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")  # RECORD uses the URL-safe alphabet
_HEXADECIMAL: Final = re.compile(r"[0-9a-fA-F]+")


def expected_of_row(distribution: InstalledDistribution, row: RecordRow, basis: str) -> Expected:
    """Return what *row* says about its file: no algorithm for a row without a hash; nothing matches an invalid digest.

    Digests are base64 (PEP 376); some wheels of 2016 have hexadecimal ones, and every installer copies those.
    """
    _, digest, length = row
    algorithm, _, text = digest.partition("=")
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None
    if not algorithm:
        return Expected(distribution.name, basis, None, None, size, distribution.folder)
    if algorithm not in _ALGORITHMS:  # pip and uv install files with an unknown algorithm
        return Expected(distribution.name, basis, "sha256", b"", size, distribution.folder)
    return Expected(distribution.name, basis, algorithm, _digest(algorithm, text), size, distribution.folder)


def is_empty_digest(row: RecordRow) -> bool:
    """Return whether *row* names an algorithm without a digest, as PDM writes when it installs from its cache."""
    algorithm, equals, text = row.digest.partition("=")
    return bool(equals) and not text and algorithm in _ALGORITHMS


@cache
def _digest_size(algorithm: str) -> int:
    return hashlib.new(algorithm, usedforsecurity=False).digest_size


def _digest(algorithm: str, text: str) -> bytes:
    """Return *text* decoded as a digest, b"" if it is not one."""
    length = _digest_size(algorithm)
    stripped = text.rstrip("=")
    if len(stripped) == 2 * length and _HEXADECIMAL.fullmatch(stripped):
        return bytes.fromhex(stripped)
    try:
        padded = (stripped + "=" * (-len(stripped) % 4)).encode("ascii").translate(_STANDARD)
        digest = binascii.a2b_base64(padded, strict_mode=True)
    except (binascii.Error, ValueError):
        return b""
    return digest if len(digest) == length else b""
