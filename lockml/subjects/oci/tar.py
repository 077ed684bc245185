"""Read the members of a tar archive, one header at a time, without trusting or extracting anything.

Other readers continue after a damaged header or an odd end; this one raises, as an attacker could hide something
there. `tar_header` defines which headers are read.
"""

import os
from collections.abc import Iterator
from typing import Final, Protocol

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.oci.tar_header import (
    BLOCK,
    EXTENDING,
    MAX_EXTENSION,
    Extensions,
    Member,
    MemberKind,
    parse_header,
    require_one_reading,
    require_pieces,
)

__all__ = ["ByteSource", "FileSource", "Member", "MemberKind", "Stream", "StreamSource", "read_members"]

_MAX_MEMBERS: Final = 2_000_000
_ZERO: Final = bytes(BLOCK)
_CHUNK: Final = 1 << 18
_MAX_PADDING: Final = 1 << 30


class ByteSource(Protocol):
    """A source of bytes in order; *position* counts those read or skipped."""

    position: int

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""

    def skip(self, size: int) -> None:
        """Skip the next *size* bytes."""

    def unread(self, content: bytes) -> None:
        """Push back *content*, which was read last."""


class FileSource:
    """A part of an open file, from *start* to *stop*; skipping costs nothing."""

    def __init__(self, handle: int, start: int, stop: int) -> None:
        self.handle = handle
        self.position = start
        self.stop = stop

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        content = os.pread(self.handle, min(size, max(self.stop - self.position, 0)), self.position)
        while len(content) < size and self.position + len(content) < self.stop:
            more = os.pread(self.handle, size - len(content), self.position + len(content))
            if not more:
                break
            content += more
        self.position += len(content)
        return content

    def skip(self, size: int) -> None:
        """Skip the next *size* bytes; raises UnreadableError if there are fewer."""
        self.position += size
        if self.position > self.stop:
            raise UnreadableError("archive", "it is truncated inside a file")

    def unread(self, content: bytes) -> None:
        """Push back *content*, which was read last."""
        self.position -= len(content)


class Stream(Protocol):
    """A readable stream."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, none at the end."""


class StreamSource:
    """A stream without seeking; *limit* is how many of its bytes belong to the source, None for all."""

    def __init__(self, stream: Stream, limit: int | None = None) -> None:
        self._stream = stream
        self._left = limit
        self._buffer = b""
        self._at = 0
        self.position = 0

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        parts: list[bytes] = []
        missing = size
        while missing and (self._at < len(self._buffer) or self._fill()):
            part = self._buffer[self._at : self._at + missing]
            self._at += len(part)
            missing -= len(part)
            parts.append(part)
        self.position += size - missing
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int) -> None:
        """Skip the next *size* bytes by reading; raises UnreadableError if there are fewer."""
        self.position += size
        while size:
            if self._at == len(self._buffer) and not self._fill():
                raise UnreadableError("archive", "it is truncated inside a file")
            step = min(size, len(self._buffer) - self._at)
            self._at += step
            size -= step

    def unread(self, content: bytes) -> None:
        """Push back *content*, which was read last."""
        self._buffer = content + self._buffer[self._at :]
        self._at = 0
        self.position -= len(content)

    def _fill(self) -> bool:
        size = _CHUNK if self._left is None else min(_CHUNK, self._left)
        self._buffer, self._at = self._stream.read(size) if size else b"", 0
        if self._left is not None:
            self._left -= len(self._buffer)
        return bool(self._buffer)


def read_members(source: ByteSource) -> Iterator[Member]:
    """Yield the members of the archive in *source*, each with the source at its content; raises UnreadableError.

    The caller may read the content of a member, up to its size, from the source before asking for the next.
    """
    extensions = Extensions()
    for number in range(_MAX_MEMBERS):
        block = source.read(BLOCK)
        if block == _ZERO or not block:
            _require_end(source, block, empty=not number, extended=bool(extensions))
            return
        if len(block) != BLOCK:
            raise UnreadableError("archive", "it is truncated inside a header")
        kind, size, member = parse_header(block)
        if kind in EXTENDING:
            extensions.take(kind, _extension(source, size), member.name)
            continue
        if kind == b"S":
            _read_sparse_map(source, member, more=block[482])
        extended = bool(extensions)
        if extended:
            size = extensions.apply(kind, member, size)
        require_one_reading(kind, member, extended=extended)
        stop = source.position + size + -size % BLOCK
        yield member
        if stop > source.position:
            source.skip(stop - source.position)
    raise UnreadableError("archive", f"it has more than {_MAX_MEMBERS} members")


def _extension(source: ByteSource, size: int) -> bytes:
    if size > MAX_EXTENSION:
        raise UnreadableError("archive", f"a header in it has {size} bytes")
    content = source.read(size + -size % BLOCK)
    if len(content) < size + -size % BLOCK:
        raise UnreadableError("archive", "it is truncated inside a header")
    return content[:size]


def _read_sparse_map(source: ByteSource, member: Member, *, more: int) -> None:
    while more:
        block = source.read(BLOCK)
        if len(block) != BLOCK:
            raise UnreadableError("archive", "it is truncated inside a header")
        more = block[504]
        require_pieces(member, block[:504], more=more)


def _require_end(source: ByteSource, block: bytes, *, empty: bool, extended: bool) -> None:
    """Refuse an end of archive that other readers ignore or do not recognise."""
    if not block:
        raise UnreadableError("archive", "it is empty" if empty else "its end is missing")
    if extended:
        raise UnreadableError("archive", "it ends after an extended header, without the member")
    start = source.position
    while rest := source.read(_CHUNK):
        if rest.count(0) != len(rest):
            raise UnreadableError("archive", "data follows its end marker")
        if source.position - start > _MAX_PADDING:
            raise UnreadableError("archive", f"more than {_MAX_PADDING} bytes of padding follow its end")
