"""Reads the metadata and RECORD of a wheel from ranges of it, without unpacking to disk.

Wheels: PEP 427; the dist-info sits at the end of the archive, so its tail holds nearly all that is wanted.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Final

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity, RecordError, RecordRow, identify_wheel, parse_record
from lockml.index.model import MetadataError

__all__ = ["BROKEN", "RangeFile", "ReadRange", "WheelArchive", "open_member"]

ReadRange = Callable[[int, int], bytes]
"""Return the bytes from the first to before the second offset."""

_TAIL: Final = 1 << 16
_NEAR: Final = 1 << 18  # what lies this near before the directory is fetched with one range to its end
_MAX_RANGE: Final = 64 << 20
_MAX_METADATA: Final = 8 << 20
_MAX_RECORD: Final = 64 << 20
BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    IndexError,
)
"""What `zipfile` raises for damaged archives."""


class RangeFile(io.RawIOBase):
    """A file of *size* bytes that is fetched in ranges, each byte once."""

    def __init__(self, read_range: ReadRange, size: int) -> None:
        self._read_range = read_range
        self._size = size
        self._position = 0
        self._held: list[tuple[int, bytes]] = []

    def seekable(self) -> bool:
        """Say that it has positions."""
        return True

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes; raises MetadataError, or what fetching raises."""
        start = min(self._position, self._size)
        stop = self._size if count < 0 else min(start + count, self._size)
        self._position = stop
        begin, content = self.hold(start, stop)
        return content[start - begin : stop - begin]

    def holds(self, start: int, stop: int) -> bool:
        """Say whether the bytes from *start* to before *stop* cost no further range."""
        return any(begin <= start and stop <= begin + len(content) for begin, content in self._held)

    def hold(self, start: int, stop: int) -> tuple[int, bytes]:
        """Fetch what is not yet held of the bytes from *start* to before *stop*; return a held run that has them."""
        start, stop = max(0, start), min(stop, self._size)
        for begin, content in self._held:
            if begin <= start and stop <= begin + len(content):
                return begin, content
        for number, (begin, content) in enumerate(self._held):
            if start < begin <= stop <= begin + len(content):
                self._held[number] = (start, self._fetch(start, begin) + content)
                return self._held[number]
        self._held.append((start, self._fetch(start, stop)))
        return self._held[-1]

    def _fetch(self, start: int, stop: int) -> bytes:
        if stop - start > _MAX_RANGE:
            raise MetadataError(f"its archive needs {stop - start} bytes read for its directory")
        content = self._read_range(start, stop)
        if len(content) != stop - start:
            raise MetadataError(f"the index sent {len(content)} bytes where {stop - start} were asked for")
        return content


class WheelArchive:
    """The directory of a wheel of *size* bytes, read through *read_range*.

    Costs one to three ranges to open and read METADATA or RECORD; *held* says that ranges cost nothing. Raises
    MetadataError for what is no wheel of *project* at *version*.
    """

    def __init__(
        self, read_range: ReadRange, size: int, *, project: NormalizedName, version: Version, held: bool = False
    ) -> None:
        self._held = held
        self._file = RangeFile(read_range, size)
        self._file.hold(size - _TAIL, size)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except BROKEN as error:
            raise MetadataError(f"it is not a wheel ({error})") from error
        if min((entry.header_offset for entry in self._zip.infolist()), default=0) != 0:
            raise MetadataError("its archive does not begin with its first file, as if it followed another archive")
        self.dist_info = self._find_dist_info(project, version)
        self._rows: tuple[RecordRow, ...] | None = None

    def _find_dist_info(self, project: NormalizedName, version: Version) -> str:
        folders = {
            name.partition("/")[0] for name in self._zip.namelist() if name.partition("/")[0].endswith(".dist-info")
        }
        if len(folders) != 1:
            raise MetadataError(f"it has {len(folders)} dist-info folders instead of one")
        folder = folders.pop()
        name, _, text = folder.removesuffix(".dist-info").rpartition("-")
        try:
            fits = canonicalize_name(name) == project and Version(text) == version
        except ValueError:
            fits = False
        if not fits:
            raise MetadataError(f"its dist-info folder {folder!r} is that of another release")
        return folder

    def metadata(self) -> bytes:
        """Return the content of METADATA."""
        return self._member(f"{self.dist_info}/METADATA", _MAX_METADATA)

    @property
    def record_held(self) -> bool:
        """Whether RECORD costs no further range."""
        if self._held:
            return True
        entry = self._zip.NameToInfo.get(f"{self.dist_info}/RECORD")
        scripts = f"{self.dist_info.removesuffix('.dist-info')}.data/scripts/"
        return (
            entry is not None
            and self._file.holds(entry.header_offset, self._zip.start_dir)
            and not any(name.startswith(scripts) for name in self._zip.NameToInfo)
        )

    def record(self) -> tuple[RecordRow, ...]:
        """Return the rows of RECORD; raises RecordError for what is no table."""
        if self._rows is not None:
            return self._rows
        content = self._member(f"{self.dist_info}/RECORD", _MAX_RECORD)
        try:
            self._rows = parse_record(content.decode("utf-8"))
            return self._rows
        except UnicodeDecodeError as error:
            raise RecordError(f"not UTF-8 ({error.reason} at byte {error.start})") from error

    def identity(self) -> ArtifactIdentity:
        """Return what the wheel installs; raises RecordError where its RECORD cannot serve as proof."""
        rows = self.record()
        listed = {row.path.replace("\\", "/").removeprefix("./") for row in rows}
        records = {f"{self.dist_info}/{name}" for name in ("RECORD", "RECORD.jws", "RECORD.p7s")}
        files = {name for name in self._zip.namelist() if not name.endswith("/")}
        unlisted = sorted(files - listed - records)
        if unlisted:
            raise RecordError(f"it does not list {unlisted[0]!r}")
        scripts = f"{self.dist_info.removesuffix('.dist-info')}.data/scripts/"
        rewritten = {
            name.removeprefix(scripts)
            for name in self._zip.namelist()
            if name.startswith(scripts) and not name.endswith("/") and self._first_bytes(name) == b"#!python"
        }
        return identify_wheel(rows, dist_info=self.dist_info, rewritten=rewritten)

    def _first_bytes(self, name: str) -> bytes:
        header = self._zip.getinfo(name).header_offset
        self._file.hold(header, header + 4096)
        try:
            with open_member(self._zip, name) as member:
                return member.read(len(b"#!python"))
        except BROKEN as error:
            raise MetadataError(f"its {name} cannot be read ({error})") from error

    def _member(self, name: str, limit: int) -> bytes:
        if sum(1 for listed in self._zip.namelist() if listed == name) != 1:
            raise MetadataError(f"it does not have exactly one {name}")
        entry = self._zip.getinfo(name)
        if entry.file_size > limit:
            raise MetadataError(f"its {name} has {entry.file_size} bytes")
        stop = entry.header_offset + 30 + len(name) + 64 + entry.compress_size
        directory = self._zip.start_dir
        self._file.hold(entry.header_offset, directory if 0 <= directory - stop < _NEAR else stop)
        try:
            with open_member(self._zip, entry) as member:
                content = member.read(limit + 1)
        except BROKEN as error:
            raise MetadataError(f"its {name} cannot be read ({error})") from error
        if len(content) > limit:
            raise MetadataError(f"its {name} has more than {limit} bytes")
        return content


def open_member(archive: zipfile.ZipFile, name: str | zipfile.ZipInfo) -> IO[bytes]:
    """Open a member; raises NotImplementedError for what not every installer can unpack, nor every Python."""
    entry = archive.getinfo(name) if isinstance(name, str) else name
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(f"it is compressed by method {entry.compress_type}")
    return archive.open(entry)
