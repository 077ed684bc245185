"""Finds the PKG-INFO of a source archive in all of its bytes or in the first of them, without unpacking to disk.

tar as POSIX and GNU write it: headers are read, contents passed over. Installers unpack an archive to its end, where a
later entry takes the place of an earlier one, so all entries that could be the PKG-INFO must say the same.
"""

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Final, Protocol

from msgspec import Struct

from lockml.index.distributions.archive import BROKEN, RangeFile, open_member
from lockml.index.model import DynamicMetadataError, MetadataError

__all__ = ["find_in_front", "read_sdist_metadata", "read_zip_metadata"]

_MAX_METADATA: Final = 8 << 20
_MOST_ON_TOP: Final = 16  # PKG-INFO in the directory of a zip, which can have one content under each
_MAX_UNPACKED: Final = 1 << 30
_MAX_ENTRIES: Final = 200_000
_MAX_EXTENSION: Final = 1 << 20  # bytes of a name, or of other attributes, that stand before an entry
_MAX_EXTENSIONS: Final = 16 << 20  # bytes of all of them
_MAX_MEMBERS: Final = 20_000  # of a file that is several compressed ones
_PIECE: Final = 1 << 16
_UNPACKED_PIECE: Final = 1 << 20
_MAX_MEMORY: Final = 256 << 20  # bytes that a decompressor of xz may want
_LOCAL_HEADER: Final = 1 << 10  # bytes, more than what stands before a member of a zip
_BLOCK: Final = 512
_REGULAR: Final = frozenset((b"0", b"\0", b"7"))
_WITHOUT_CONTENT: Final = frozenset((b"1", b"2", b"3", b"4", b"5", b"6"))
_LINKS: Final = frozenset((b"1", b"2"))
_DAMAGED: Final = (OSError, EOFError, lzma.LZMAError, *BROKEN)


def read_sdist_metadata(content: IO[bytes], filename: str) -> bytes:
    """Return the PKG-INFO on top of the sdist *content*, which is there to its end.

    Raises DynamicMetadataError where there is none, MetadataError for what is no source archive, or says two things.
    """
    if filename.endswith(".zip"):
        return read_zip_metadata(content)
    packed = iter(lambda: content.read(_PIECE), b"")
    try:
        found = dict.fromkeys(_on_top(_Bytes(_unpacked(packed, filename))))
    except _CutError as error:
        raise MetadataError("it is not a source archive (it ends too early)") from error
    except _DAMAGED as error:
        raise MetadataError(f"it is not a source archive ({error})") from error
    return _only(found)


def find_in_front(front: bytes, filename: str) -> bytes | None:
    """Return the first PKG-INFO on top of the tar that begins with *front*, None where it is not in there."""
    pieces = (front[start : start + _PIECE] for start in range(0, len(front), _PIECE))  # each is copied many times
    with suppress(_CutError, MetadataError, *_DAMAGED):  # the whole archive tells, and says why it cannot be read
        return next(_on_top(_Bytes(_unpacked(pieces, filename))), None)
    return None


def read_zip_metadata(
    content: IO[bytes] | RangeFile, hold: Callable[[int, int], object] = lambda _start, _stop: None
) -> bytes:
    """Return the PKG-INFO on top of the sdist *content*, by its directory; raises as `read_sdist_metadata` does.

    What will be read, from its first byte to before the one behind it, is given to *hold* first.
    """
    found: dict[bytes, None] = {}
    try:
        with zipfile.ZipFile(content) as archive:
            if min((entry.header_offset for entry in archive.infolist()), default=0) != 0:
                raise MetadataError("its archive does not begin with a file of it, as if it followed another archive")
            on_top = [entry for entry in archive.infolist() if _is_on_top(entry.filename)]
            if len(on_top) > _MOST_ON_TOP:
                raise MetadataError(f"it has {len(on_top)} PKG-INFO on top")
            for entry in on_top:
                start = entry.header_offset
                hold(start, start + _LOCAL_HEADER + min(entry.compress_size, _MAX_METADATA))
                with open_member(archive, entry) as member:
                    found[member.read(_MAX_METADATA + 1)] = None
    except (OSError, *BROKEN) as error:
        raise MetadataError(f"it is not a source archive ({error})") from error
    return _only(found)


def _only(found: dict[bytes, None]) -> bytes:
    if not found:
        raise DynamicMetadataError("it has no PKG-INFO, so that only a build can tell what it needs")
    if len(found) > 1:
        raise MetadataError(f"it has {len(found)} PKG-INFO that differ, of which installers would take the last")
    content = next(iter(found))
    if len(content) > _MAX_METADATA:
        raise MetadataError(f"its PKG-INFO has more than {_MAX_METADATA} bytes")
    return content


class _CutError(Exception):
    """The bytes end in the middle of an archive. Internal: never reaches the user."""


class _Decompressor(Protocol):
    """What `bz2` and `lzma` have."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """The same for one member of a gzip file."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._rest = b""
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        unpacked = self._zlib.decompress(self._rest + data if self._rest else data, max_length)
        self._rest = self._zlib.unconsumed_tail
        self.eof, self.unused_data = self._zlib.eof, self._zlib.unused_data
        self.needs_input = not self._rest and len(unpacked) < max_length
        return unpacked


def _decompressor(filename: str) -> _Decompressor:
    if filename.endswith(".bz2"):
        return bz2.BZ2Decompressor()
    if filename.endswith(".xz"):
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MAX_MEMORY)
    return _Gzip()


def _unpacked(packed: Iterator[bytes], filename: str) -> Iterator[bytes]:
    """Yield what *packed* pieces of the file hold, in pieces; zeros may follow a member, and others of its kind."""
    current, members = _decompressor(filename), 1
    for piece in packed:
        rest = piece
        while True:
            if current.eof:
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                current, members = _decompressor(filename), members + 1
                if members > _MAX_MEMBERS:
                    raise _unclear(f"it is more than {_MAX_MEMBERS} compressed files")
            unpacked = current.decompress(rest, _UNPACKED_PIECE)
            rest = current.unused_data if current.eof else b""
            if unpacked:
                yield unpacked
            if not current.eof and current.needs_input:
                break
    if not current.eof:
        raise _CutError


class _Bytes:
    """Reads the bytes of *pieces* one after the other; raises _CutError where they end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = bytearray()
        self.position = 0
        self.extensions = 0  # bytes of what stands before entries

    def read(self, count: int) -> bytes:
        while len(self._held) < count:
            self._held += self._next()
        taken = bytes(self._held[:count])
        del self._held[:count]
        self.position += count
        return taken

    def read_header(self) -> bytes:
        """Return the next block, b"" at the end."""
        if not self._held:
            self._held += next(self._pieces, b"")
        return self.read(_BLOCK) if self._held else b""

    def skip(self, count: int) -> None:
        """Pass *count* bytes over; raises MetadataError where the archive would unpack to too much."""
        self.position += count
        if self.position > _MAX_UNPACKED:  # before it is unpacked
            raise MetadataError(f"it unpacks to more than {_MAX_UNPACKED} bytes")
        while len(self._held) < count:
            count -= len(self._held)
            self._held = bytearray(self._next())
        del self._held[:count]

    def ends_in_zeros(self) -> bool:
        """Say whether nothing but zeros is left."""
        left = len(self._held)
        zeros = not self._held.strip(b"\0")
        for piece in self._pieces if zeros else ():
            left += len(piece)
            if piece.strip(b"\0") or self.position + left > _MAX_UNPACKED:
                return False
        return zeros

    def _next(self) -> bytes:
        piece = next(self._pieces, None)
        if piece is None:
            raise _CutError
        return piece


class _Extension(Struct):
    """What stands before an entry in place of what its header says (GNU's long names, pax)."""

    names: tuple[bytes, ...] = ()
    size: int | None = None


def _on_top(archive: _Bytes) -> Iterator[bytes]:
    """Yield the content of each PKG-INFO on top of the tar.

    Raises _CutError where the tar ends before its end, MetadataError for what two readers could read differently.
    """
    extension = _Extension()
    for _ in range(_MAX_ENTRIES):
        header = archive.read_header()
        if not header.strip(b"\0"):
            if not archive.ends_in_zeros():
                raise _unclear("it goes on behind its end")
            return
        _require_checksum(header)
        kind, size = header[156:157], _number(header[124:136])
        if kind in (b"L", b"K", b"x", b"X", b"g"):
            _extend(extension, kind, _extension_content(archive, size))
            continue
        if kind == b"S":
            raise _unclear("it holds sparse files")
        names = extension.names or _names(header)
        size = size if extension.size is None else extension.size
        extension = _Extension()
        if kind in _WITHOUT_CONTENT and size:
            raise _unclear("an entry that has no content has a size")
        on_top = [name for name in names if _is_on_top(name.decode("utf-8", "surrogateescape"))]
        if not on_top:
            if kind in _LINKS and any(len(_parts(name.decode("utf-8", "surrogateescape"))) < 2 for name in names):
                raise _unclear("a link stands for its folder")
            archive.skip(_padded(size))
        elif len(on_top) < len(names) or kind not in _REGULAR:
            raise MetadataError("its PKG-INFO is not plainly a file")
        else:
            yield _content(archive, size, _MAX_METADATA)
    raise _unclear(f"it has more than {_MAX_ENTRIES} entries")


def _content(archive: _Bytes, size: int, limit: int) -> bytes:
    if size > limit:
        raise MetadataError(f"its PKG-INFO, or what stands before an entry, has {size} bytes")
    content = archive.read(size)
    archive.skip(_padded(size) - size)
    return content


def _extension_content(archive: _Bytes, size: int) -> bytes:
    archive.extensions += size
    if archive.extensions > _MAX_EXTENSIONS:  # each record takes time
        raise _unclear(f"more than {_MAX_EXTENSIONS} bytes of names and attributes stand before its entries")
    return _content(archive, size, _MAX_EXTENSION)


def _extend(extension: _Extension, kind: bytes, content: bytes) -> None:
    if kind == b"L":
        extension.names = (*extension.names[-1:], content.partition(b"\0")[0])
        return
    if kind == b"K":
        return
    for key, value in _pax_records(content):
        if key.startswith(b"GNU.sparse") or (kind == b"g" and key in (b"path", b"size")):
            raise _unclear("it holds sparse files or names for all entries")
        if key == b"path":
            extension.names = (*extension.names[-1:], value)
        elif key == b"size":
            extension.size = _decimal(value)


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records ``LENGTH KEY=VALUE`` of an extended header (POSIX pax)."""
    position = 0
    while position < len(content) and content[position] != 0:
        space = content.find(b" ", position, position + 20)
        length = _decimal(content[position : max(space, position)])
        record = content[space + 1 : position + length]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n") or position + length > len(content):
            raise _unclear("an attribute of an entry cannot be read")
        yield key, value[:-1]
        position += length


def _names(header: bytes) -> tuple[bytes, ...]:
    """Return the names that readers take of *header*: GNU's own format has other things where POSIX has a prefix."""
    name, prefix = header[:100].partition(b"\0")[0], header[345:500].partition(b"\0")[0]
    if not prefix:
        return (name,)
    joined = prefix + b"/" + name
    return (joined,) if header[257:263] == b"ustar\0" else (name, joined)


def _require_checksum(header: bytes) -> None:
    """Raise MetadataError where *header* is not that of an entry: some writers summed signed bytes."""
    counted = header[:148] + b" " * 8 + header[156:]
    total = sum(counted)
    signed = total - 256 * sum(byte > 127 for byte in counted) if not counted.isascii() else total
    if _number(header[148:156]) not in (total, signed):
        raise MetadataError("it is not a source archive (an entry has a damaged header)")


def _number(field: bytes) -> int:
    """Return a number of a header: octal, or binary where that is too short."""
    if field[0] in (0x80, 0xFF):
        number = int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    else:
        text = field.partition(b"\0")[0].strip()
        number = int(text, 8) if text.isdigit() else 0 if not text else -1
    if number < 0:
        raise _unclear("a number of a header cannot be read")
    return number


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19 or (len(text) > 1 and text[:1] == b"0"):
        raise _unclear("an attribute of an entry cannot be read")
    return int(text)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _parts(name: str) -> list[str]:
    """Return the folders and the name of a path, as it is unpacked."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _unclear("an entry leads out of its folder")
    return parts


def _is_on_top(name: str) -> bool:
    if "PKG-INFO" not in name or name.endswith("/"):
        return False
    parts = _parts(name)
    return len(parts) <= 2 and parts[-1] == "PKG-INFO"


def _unclear(reason: str) -> DynamicMetadataError:
    """Return the error for an archive that a build can unpack, and whose entries may not be what we take them for."""
    return DynamicMetadataError(f"its archive does not tell for sure what it needs: {reason}")
