"""Compare two compiled modules for equal code; the time and the path of their sources may differ."""

import hashlib
import posixpath
from typing import Final

from lockml.drift.differences.walk import Found, Pair
from lockml.inventory.bytecode.code_objects import CodeError, code_digest
from lockml.inventory.bytecode.comparison import HEADER
from lockml.inventory.bytecode.pyc import parse_compiled_name
from lockml.inventory.file_tree import FileTree, UnreadableError

__all__ = ["CompiledPairs"]

_MAX_SIZE: Final = 8 << 20
_MAX_TAKEN_APART: Final = 64 << 20  # bytes of all modules: reading code is slow; the rest counts as different


class CompiledPairs:
    """A comparison of the compiled modules of two *trees* for a release *python*."""

    def __init__(self, trees: tuple[FileTree, FileTree], python: str) -> None:
        self._trees = trees
        minor = python.partition(".")[2].partition(".")[0]
        self._minor = int(minor) if minor.isdigit() else 0
        self._taken_apart = 0

    def same(self, pair: Pair) -> bool:
        """Return whether both files of *pair* have the same code; False if one cannot be read within bounds."""
        one = self._body(0, pair.before)
        other = self._body(1, pair.after)
        if one is None or other is None or pair.before is None or pair.after is None or one[:4] != other[:4]:
            return False
        bodies = (one[HEADER:], other[HEADER:])
        if bodies[0] == bodies[1]:
            return True
        mark = hashlib.sha256(one + other).digest()  # that occurs in neither
        if _without_path(bodies[0], pair.before, mark) == _without_path(bodies[1], pair.after, mark):
            return True
        self._taken_apart += len(one) + len(other)
        if self._taken_apart > _MAX_TAKEN_APART:
            return False
        try:
            return code_digest(bodies[0], self._minor) == code_digest(bodies[1], self._minor)
        except CodeError:
            return False

    def _body(self, side: int, found: Found | None) -> bytes | None:
        try:
            content = self._trees[side].read(found.real, _MAX_SIZE + 1) if found is not None and found.real else None
        except UnreadableError:
            return None
        return content if content is not None and HEADER <= len(content) <= _MAX_SIZE else None


def _without_path(body: bytes, found: Found, mark: bytes) -> bytes:
    """Return *body* with *mark* instead of the source's path, which the compiler wrote after its length."""
    folder, _, name = found.path.rpartition("/")
    compiled = parse_compiled_name(name)
    if compiled is None:
        return body
    source = f"{posixpath.dirname(folder)}/{compiled.module}.py".encode("utf-8", "surrogateescape")
    return body.replace(bytes([len(source)]) + source, mark) if len(source) < 256 else body
