"""Read the members of a tar archive, one header at a time, trusting and extracting nothing.

POSIX.1-1988 ustar, POSIX.1-2001 pax, and GNU's long names and large numbers. Where the standard library's reader goes
on past a damaged header or an odd end, this one raises: what it did not see might be what somebody hides.
"""

import os
import struct
from collections.abc import Iterator
from typing import Final, Literal, Protocol

from msgspec import Struct

from lockml.inventory.file_tree import UnreadableError

__all__ = ["ByteSource", "FileSource", "Member", "MemberKind", "Stream", "StreamSource", "read_members"]

BLOCK: Final = 512
_MAX_EXTENSION: Final = 1 << 20  # bytes of a long name or of pax records
_MAX_MEMBERS: Final = 2_000_000
_MAX_NAME: Final = 1 << 14
_ZERO: Final = bytes(BLOCK)
_CHUNK: Final = 1 << 18

MemberKind = Literal["file", "folder", "link", "hardlink", "other"]
_KINDS: Final[dict[bytes, MemberKind]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "link",
    b"5": "folder",
}
_OTHERS: Final = b"346"  # devices and pipes
_HEADER: Final = struct.Struct("100s 8s 8s 8s 12s 12s 8s 1s 100s 8s 32s 32s 8s 8s 155s 12x")


class ByteSource(Protocol):
    """Where bytes come from, in order; *position* counts those read or skipped."""

    position: int

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""

    def skip(self, size: int) -> None:
        """Leave the next *size* bytes out."""

    def unread(self, content: bytes) -> None:
        """Take back *content*, which was read last."""


class FileSource:
    """A part of an open file, from *start* to *stop*; skipping costs nothing."""

    def __init__(self, handle: int, start: int, stop: int) -> None:
        self.handle = handle
        self.position = start
        self._stop = stop

    def read(self, size: int) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        content = os.pread(self.handle, min(size, max(self._stop - self.position, 0)), self.position)
        while len(content) < size and self.position + len(content) < self._stop:
            more = os.pread(self.handle, size - len(content), self.position + len(content))
            if not more:
                break
            content += more
        self.position += len(content)
        return content

    def skip(self, size: int) -> None:
        """Leave the next *size* bytes out; raises UnreadableError where there are not as many."""
        self.position += size
        if self.position > self._stop:
            raise UnreadableError("archive", "it ends in the middle of a file")

    def unread(self, content: bytes) -> None:
        """Take back *content*, which was read last."""
        self.position -= len(content)


class Stream(Protocol):
    """What can be read on and on."""

    def read(self, size: int, /) -> bytes:
        """Return at most *size* bytes, none at the end."""


class StreamSource:
    """A stream that can only be read on; *limit* is how many bytes of it belong to it, None for all."""

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
        """Read over the next *size* bytes; raises UnreadableError where there are not as many."""
        self.position += size
        while size:
            if self._at == len(self._buffer) and not self._fill():
                raise UnreadableError("archive", "it ends in the middle of a file")
            step = min(size, len(self._buffer) - self._at)
            self._at += step
            size -= step

    def unread(self, content: bytes) -> None:
        """Take back *content*, which was read last."""
        self._buffer = content + self._buffer[self._at :]
        self._at = 0
        self.position -= len(content)

    def _fill(self) -> bool:
        size = _CHUNK if self._left is None else min(_CHUNK, self._left)
        self._buffer, self._at = self._stream.read(size) if size else b"", 0
        if self._left is not None:
            self._left -= len(self._buffer)
        return bool(self._buffer)


class Member(Struct):
    """One member: its *name* and the *target* of a link as written, *size* in bytes, *modified* in seconds since 1970.

    *sparse* content is stored with its holes left out, and is not what a reader of the file would get.
    """

    name: str
    kind: MemberKind
    size: int
    modified: int
    target: str
    sparse: bool = False
    privileged: bool = False


def read_members(source: ByteSource) -> Iterator[Member]:
    """Yield the members of the archive in *source*, each with the source at its content; raises UnreadableError.

    The caller may read the content of a member, up to its size, from the source before asking for the next.
    """
    extended: dict[str, str] = {}
    for number in range(_MAX_MEMBERS):
        block = source.read(BLOCK)
        if block == _ZERO or not block:
            _require_end(source, block, empty=not number and not block)
            return
        if len(block) != BLOCK:
            raise UnreadableError("archive", "it ends in the middle of a header")
        kind, size, member = _parsed(block)
        if kind in (b"x", b"g", b"L", b"K"):
            extended |= _extended(kind, _extension(source, size))
            continue
        if kind == b"S":
            _skip_sparse_map(source, block)
        if extended:
            size = _extend(member, size, extended)
            extended = {}
        if member.kind == "file" and member.name.endswith("/"):
            member.kind = _folder_of_old(size)
        if len(member.name) > _MAX_NAME or len(member.target) > _MAX_NAME:
            raise UnreadableError(f"{member.name[:80]}…", "its name is too long")
        stored = size if member.kind == "file" or kind not in b"123456" else 0
        stop = source.position + stored + -stored % BLOCK
        yield member
        if stop > source.position:
            source.skip(stop - source.position)
    raise UnreadableError("archive", f"it has more than {_MAX_MEMBERS} members")


_PRIVILEGED: Final = 0o6000  # set-user-ID and set-group-ID
_LONG: Final = {b"L": "path", b"K": "linkpath"}


def _parsed(block: bytes) -> tuple[bytes, int, Member]:
    """Return the type, the size in the archive and the member that a header *block* describes."""
    name, mode, _, _, size_text, time_text, checksum, kind, target, magic, _, _, _, _, prefix = _HEADER.unpack(block)
    if _number(checksum) != sum(block) - sum(checksum) + 256:
        raise UnreadableError("archive", "a header in it is damaged: its checksum is wrong")
    path = name.partition(b"\0")[0]
    if magic[:6] == b"ustar\0" and prefix[0]:
        path = prefix.partition(b"\0")[0] + b"/" + path
    size = _number(size_text)
    if size < 0:
        raise UnreadableError("archive", "a header in it has a negative size")
    told = _KINDS.get(kind, "other" if kind in _OTHERS else "file")
    member = Member(_text(path), told, size, _number(time_text), _text(target.partition(b"\0")[0]), kind == b"S")
    member.privileged = told == "file" and bool(_number(mode) & _PRIVILEGED)
    return kind, size, member


def _folder_of_old(size: int) -> MemberKind:
    """Return what a file is whose name ends in a slash: a folder, of which readers disagree whether content follows."""
    if size:
        raise UnreadableError("archive", "a header in it is a folder's and a file's at once")
    return "folder"


def _number(field: bytes) -> int:
    """Return a number as octal digits, or as GNU's binary form."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big")
        bits = 8 * len(field)
        return value - (1 << bits) if field[0] == 0xFF else value & ((1 << (bits - 1)) - 1)
    try:
        return int(field.partition(b"\0")[0].strip() or b"0", 8)
    except ValueError:
        raise UnreadableError("archive", "a header in it is damaged: a number is none") from None


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _extension(source: ByteSource, size: int) -> bytes:
    if size > _MAX_EXTENSION:
        raise UnreadableError("archive", f"a header in it has {size} bytes")
    content = source.read(size + -size % BLOCK)
    if len(content) < size:
        raise UnreadableError("archive", "it ends in the middle of a header")
    return content[:size]


def _records(content: bytes) -> dict[str, str]:
    """Return the pax records of an extended header (POSIX pax, "pax Header Block")."""
    records: dict[str, str] = {}
    while content:
        length, space, _ = content[:20].partition(b" ")
        if not space or not length.isdigit() or not len(length) + 2 < int(length) <= len(content):
            raise UnreadableError("archive", "a header in it is damaged: its pax records are none")
        key, equals, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        if not equals or content[int(length) - 1 : int(length)] != b"\n":
            raise UnreadableError("archive", "a header in it is damaged: its pax records are none")
        records[_text(key)] = _text(value)
        content = content[int(length) :]
    return records


def _extended(kind: bytes, content: bytes) -> dict[str, str]:
    """Return what the *content* of an extended header says of the next member."""
    if kind == b"g":
        _require_harmless(_records(content))
        return {}
    return _records(content) if kind == b"x" else {_LONG[kind]: _text(content.rstrip(b"\0"))}


def _require_harmless(records: dict[str, str]) -> None:
    changing = sorted(records.keys() & {"path", "linkpath", "size"})
    if changing:
        raise UnreadableError("archive", f"a global header in it sets the {changing[0]} of every member")


def _extend(member: Member, size: int, records: dict[str, str]) -> int:
    """Put what extended headers say into *member*; return its size in the archive."""
    member.name = records.get("path", member.name)
    member.target = records.get("linkpath", member.target)
    try:
        size = int(records.get("size", size))
        member.modified = int(float(records.get("mtime", member.modified)))
        member.sparse = member.sparse or any(key.startswith("GNU.sparse.") for key in records)
        member.size = int(records.get("GNU.sparse.realsize", records.get("GNU.sparse.size", size)))
    except (ValueError, OverflowError):
        raise UnreadableError("archive", "a header in it is damaged: a number is none") from None
    member.name = records.get("GNU.sparse.name", member.name)
    if size < 0 or member.size < 0 or "\0" in member.name or "\0" in member.target:
        raise UnreadableError("archive", "a header in it is damaged")
    return size


def _skip_sparse_map(source: ByteSource, block: bytes) -> None:
    more = block[482]
    while more:
        block = source.read(BLOCK)
        if len(block) != BLOCK:
            raise UnreadableError("archive", "it ends in the middle of a header")
        more = block[504]


def _require_end(source: ByteSource, block: bytes, *, empty: bool) -> None:
    """Refuse an end that other readers read past: a lone block of zeros with more members after it."""
    if empty:
        raise UnreadableError("archive", "it is empty")
    if block and source.read(BLOCK) not in (_ZERO, b""):
        raise UnreadableError("archive", "something follows what looks like its end")
