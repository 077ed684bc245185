"""Finds the PKG-INFO of a source archive in all of its bytes or in the first of them, without unpacking to disk.

tar as POSIX and GNU write it: headers are read, contents passed over. Installers unpack an archive to its end, where a
later entry takes the place of an earlier one, so all entries that could be the PKG-INFO must say the same.
"""

import bz2
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Final, Protocol

from msgspec import Struct

from lockml.index.distributions.archive import BROKEN, RangeFile, open_member
from lockml.index.distributions.unpacked_paths import UnpackedPaths, is_pkg_info, unclear
from lockml.index.model import DynamicMetadataError, MetadataError

__all__ = ["find_in_front", "read_sdist_metadata", "read_zip_metadata"]

_MAX_METADATA: Final = 8 << 20
_MOST_ON_TOP: Final = 16  # PKG-INFO in the directory of a zip, which can have one content under each
_MAX_UNPACKED: Final = 1 << 30
_MAX_ENTRIES: Final = 200_000
_MAX_EXTENSION: Final = 1 << 20  # bytes of a name, or of other attributes, before an entry
_MAX_EXTENSIONS: Final = 16 << 20  # bytes of all of them
_MAX_MEMBERS: Final = 20_000  # of a file that is several compressed ones
_PIECE: Final = 1 << 16
_UNPACKED_PIECE: Final = 1 << 20
_MAX_MEMORY: Final = 256 << 20  # bytes that a decompressor of xz may want
_LOCAL_HEADER: Final = 1 << 10  # bytes, more than what precedes a member of a zip
_BLOCK: Final = 512
_EXTENSIONS: Final = frozenset((b"L", b"K", b"x", b"X", b"g"))
_OLD_FILE: Final = b"\0"  # a folder where its name ends in a slash
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
        return _only(_on_top(_Bytes(_unpacked(packed, filename))))
    except _CutError as error:
        raise MetadataError("it is not a source archive (it ends too early)") from error
    except _DAMAGED as error:
        raise MetadataError(f"it is not a source archive ({error})") from error


def find_in_front(front: bytes, filename: str) -> bytes | None:
    """Return the first PKG-INFO on top of the tar that begins with *front*, None where it is not in there."""
    pieces = (front[start : start + _PIECE] for start in range(0, len(front), _PIECE))  # each is copied many times
    with suppress(_CutError, MetadataError, *_DAMAGED):  # reading the whole archive says why it cannot be read
        return next(_on_top(_Bytes(_unpacked(pieces, filename))), None)
    return None


def read_zip_metadata(
    content: IO[bytes] | RangeFile, hold: Callable[[int, int], object] = lambda _start, _stop: None
) -> bytes:
    """Return the PKG-INFO on top of the sdist *content*, by its directory; raises as `read_sdist_metadata` does.

    What will be read, from its first byte to before the one behind it, is given to *hold* first.
    """
    try:
        with zipfile.ZipFile(content) as archive:
            if min((entry.header_offset for entry in archive.infolist()), default=0) != 0:
                raise MetadataError("its archive does not begin with its first file, as if it followed another archive")
            on_top = [entry for entry in archive.infolist() if is_pkg_info(entry.filename)]
            if len(on_top) > _MOST_ON_TOP:
                raise MetadataError(f"it has {len(on_top)} PKG-INFO on top")
            return _only(_zip_members(archive, on_top, hold))
    except (OSError, *BROKEN) as error:
        raise MetadataError(f"it is not a source archive ({error})") from error


def _zip_members(
    archive: zipfile.ZipFile, entries: Iterable[zipfile.ZipInfo], hold: Callable[[int, int], object]
) -> Iterator[bytes]:
    for entry in entries:
        start = entry.header_offset
        hold(start, start + _LOCAL_HEADER + min(entry.compress_size, _MAX_METADATA))
        with open_member(archive, entry) as member:
            yield member.read(_MAX_METADATA + 1)


def _only(contents: Iterator[bytes]) -> bytes:
    """Return the one content of all *contents*, of which no more than two are held."""
    first = next(contents, None)
    if first is None:
        raise DynamicMetadataError("it has no PKG-INFO, so that only a build can say what it needs")
    if any(content != first for content in contents):
        raise MetadataError("its PKG-INFO files differ, and installers use the last one")
    if len(first) > _MAX_METADATA:
        raise MetadataError(f"its PKG-INFO has more than {_MAX_METADATA} bytes")
    return first


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
                    raise unclear(f"it is more than {_MAX_MEMBERS} compressed files")
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
        self.extensions = 0  # bytes of what precedes entries

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
    """The name and size before an entry that replace those of its header (GNU's long names, pax)."""

    name: bytes | None = None
    size: int | None = None

    def take_name(self, name: bytes) -> None:
        """Take the name of the entry; raises MetadataError for a second one, as readers differ in which they use.

        Likewise for a NUL in it, where some readers end the name.
        """
        if not name or b"\0" in name or self.name not in (None, name):
            raise unclear("an entry has two names, an empty name, or a NUL in its name")
        self.name = name

    def take_size(self, size: int) -> None:
        """Take the size of the entry; raises MetadataError for a second one."""
        if self.size not in (None, size):
            raise unclear("an entry has two sizes")
        self.size = size


def _on_top(archive: _Bytes) -> Iterator[bytes]:
    """Yield the content of each PKG-INFO on top of the tar.

    Raises _CutError where the tar ends before its end, MetadataError for what two readers could read differently.
    """
    extension, paths = _Extension(), UnpackedPaths()
    for _ in range(_MAX_ENTRIES):
        header = archive.read_header()
        if not header.strip(b"\0"):
            if not archive.ends_in_zeros():
                raise unclear("it goes on behind its end")
            return
        _require_checksum(header)
        kind, size = header[156:157], _number(header[124:136])
        if kind in _EXTENSIONS:
            _extend(extension, kind, _extension_content(archive, size))
            continue
        names, size = _names(header, extension), size if extension.size is None else extension.size
        _require_one_reading(kind, size, (*_names_of_header(header), *names))
        extension = _Extension()
        texts = [name.decode("utf-8", "surrogateescape") for name in names]
        paths.add(texts, link=kind in _LINKS)
        on_top = [is_pkg_info(text) for text in texts]
        if not any(on_top):
            archive.skip(_padded(size))
        elif not all(on_top) or kind not in _REGULAR:
            raise MetadataError("its PKG-INFO is not plainly a file")
        else:
            yield _content(archive, size, _MAX_METADATA)
    raise unclear(f"it has more than {_MAX_ENTRIES} entries")


def _require_one_reading(kind: bytes, size: int, names: Iterable[bytes]) -> None:
    """Raise MetadataError for an entry whose content some readers take for the entries that follow."""
    if kind == b"S":
        raise unclear("it holds sparse files")
    is_folder = kind == _OLD_FILE and any(name.endswith(b"/") for name in names)
    if size and (kind in _WITHOUT_CONTENT or is_folder):
        raise unclear("an entry that has no content has a size")


def _content(archive: _Bytes, size: int, limit: int) -> bytes:
    if size > limit:
        raise MetadataError(f"its PKG-INFO, or what precedes an entry, has {size} bytes")
    content = archive.read(size)
    archive.skip(_padded(size) - size)
    return content


def _extension_content(archive: _Bytes, size: int) -> bytes:
    archive.extensions += size
    if archive.extensions > _MAX_EXTENSIONS:  # each record takes time
        raise unclear(f"more than {_MAX_EXTENSIONS} bytes of names and attributes precede its entries")
    return _content(archive, size, _MAX_EXTENSION)


def _extend(extension: _Extension, kind: bytes, content: bytes) -> None:
    if kind == b"L":
        extension.take_name(content.partition(b"\0")[0])
    if kind in b"LK":
        return
    for key, value in _pax_records(content):
        if key.startswith(b"GNU.sparse") or (kind == b"g" and key in (b"path", b"size")):
            raise unclear("it holds sparse files or names for all entries")
        if key == b"path":
            extension.take_name(value)
        elif key == b"size":
            extension.take_size(_decimal(value))


def _pax_records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the records ``LENGTH KEY=VALUE`` of an extended header (POSIX pax)."""
    position = 0
    while position < len(content) and content[position] != 0:
        space = content.find(b" ", position, position + 20)
        length = _decimal(content[position : max(space, position)])
        record = content[space + 1 : position + length]
        key, equals, value = record.partition(b"=")
        if not equals or not value.endswith(b"\n") or position + length > len(content):
            raise unclear("an attribute of an entry cannot be read")
        yield key, value[:-1]
        position += length


def _names(header: bytes, extension: _Extension) -> tuple[bytes, ...]:
    return _names_of_header(header) if extension.name is None else (extension.name,)


def _names_of_header(header: bytes) -> tuple[bytes, ...]:
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
        raise unclear("a number of a header cannot be read")
    return number


def _decimal(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19 or (len(text) > 1 and text[:1] == b"0"):
        raise unclear("an attribute of an entry cannot be read")
    return int(text)


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
