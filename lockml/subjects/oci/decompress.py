"""Decompress a byte source: gzip (RFC 1952), zstd (RFC 8878), or neither.

Excessive expansion is refused: a layer of gigabytes of zeros costs its sender nothing.
"""

import sys
import zlib
from types import ModuleType
from typing import Final, Protocol

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.tar import ByteSource, StreamSource

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["inflated", "is_compressed"]


def _fastest() -> ModuleType:
    """Return isal's zlib if it is installed, as it is two to three times as fast, else zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


_GZIP_LIBRARY: Final = _fastest()
_CHUNK: Final = 1 << 18
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"  # after one byte
_FREE: Final = 1 << 30  # bytes of output that are always allowed
_DAMAGES: Final[tuple[type[Exception], ...]] = (zlib.error, _GZIP_LIBRARY.error, zstd.ZstdError)
_MAX_RATIO: Final = 250  # the highest ratio of output to input beyond that


class _Step(Protocol):
    """A gzip member or zstd frame. *ended* says that it is complete, *rest* holds unused input."""

    ended: bool
    rest: bytes
    hungry: bool

    def feed(self, content: bytes) -> bytes:
        """Return the output for *content*, at most one chunk."""


class _Gzip:
    def __init__(self) -> None:
        self._decompressor = _GZIP_LIBRARY.decompressobj(31)
        self.ended = False
        self.rest = b""
        self.hungry = True

    def feed(self, content: bytes) -> bytes:
        out: bytes = self._decompressor.decompress(content, _CHUNK)
        self.ended = self._decompressor.eof
        self.rest = self._decompressor.unused_data if self.ended else self._decompressor.unconsumed_tail
        self.hungry = not self.rest and not out
        return out


class _Zstd:
    def __init__(self) -> None:
        self._decompressor = zstd.ZstdDecompressor()
        self.ended = False
        self.rest = b""
        self.hungry = True

    def feed(self, content: bytes) -> bytes:
        out = self._decompressor.decompress(content, _CHUNK)
        self.ended = self._decompressor.eof
        self.rest = self._decompressor.unused_data if self.ended else b""
        self.hungry = not self.ended and self._decompressor.needs_input
        return out


class _Inflating:
    """The decompressed stream of a *source* with one or more members or frames."""

    def __init__(self, source: ByteSource, head: bytes, kind: type[_Gzip | _Zstd]) -> None:
        self._source = source
        self._kind = kind
        self._step: _Step = kind()
        self._pending = head
        self._in = len(head)
        self._out = 0
        self._ready = b""

    def read(self, size: int) -> bytes:
        """Return at most *size* bytes, none at the end; raises UnreadableError."""
        while not self._ready:
            if not self._pending and (self._step.hungry or self._step.ended):
                self._pending = self._source.read(_CHUNK)
                self._in += len(self._pending)
                if not self._pending:
                    if not self._step.ended:
                        raise UnreadableError("archive", "its compressed stream is truncated")
                    return b""
            self._ready = self._next()
        taken, self._ready = (
            (self._ready, b"") if len(self._ready) <= size else (self._ready[:size], self._ready[size:])
        )
        return taken

    def _next(self) -> bytes:
        if self._step.ended:
            if not self._pending.strip(b"\0"):  # padding
                self._pending = b""
                return b""
            self._step = self._kind()
        try:
            out = self._step.feed(self._pending)
        except _DAMAGES as error:
            raise UnreadableError("archive", f"its compressed stream is damaged ({error})") from error
        self._pending = self._step.rest
        self._out += len(out)
        if self._out > _FREE and self._out > _MAX_RATIO * self._in:
            raise UnreadableError("archive", f"it unpacks to more than {_MAX_RATIO} times its size")
        return out


def is_compressed(head: bytes) -> bool:
    """Return whether content that begins with these four bytes is compressed in a supported format."""
    return head.startswith(_GZIP) or head == _ZSTD or head[1:] == _ZSTD_SKIPPABLE


def inflated(source: ByteSource) -> ByteSource:
    """Return *source* itself if it is not compressed, else its decompressed stream; raises UnreadableError."""
    head = source.read(4)
    if head.startswith(_GZIP):
        return StreamSource(_Inflating(source, head, _Gzip))
    if head == _ZSTD or head[1:] == _ZSTD_SKIPPABLE:
        return StreamSource(_Inflating(source, head, _Zstd))
    source.unread(head)
    return source
