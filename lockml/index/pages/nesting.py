"""Cuts what is nested too deeply out of JSON, so that what else it says can be read (RFC 8259, 9)."""

import re
from typing import Final

__all__ = ["without_deep_values"]

_DEEPEST: Final = 32
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def without_deep_values(body: bytes) -> bytes:
    """Return *body* with null in place of each value below the 32nd level; takes as long as *body* is."""
    parts: list[bytes] = []
    depth = copied = 0
    for token in _TOKEN.finditer(body):
        character = token[0]
        if character in (b"[", b"{"):
            depth += 1
            if depth == _DEEPEST + 1:
                parts += (body[copied : token.start()], b"null")
        elif character in (b"]", b"}"):
            if depth == _DEEPEST + 1:
                copied = token.end()
            depth -= 1
    return b"".join((*parts, body[copied:] if depth <= _DEEPEST else b""))
