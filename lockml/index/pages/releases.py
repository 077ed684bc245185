"""The releases of a project, serialized newest first; only what is used of them is decoded.

Most pages list thousands of files, and resolving looks at those of one release.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Final, NamedTuple, overload
from urllib.parse import urljoin, urlsplit

import msgspec
from packaging.version import Version

from lockml.common.references import encode_url
from lockml.index.model import FileEntry
from lockml.index.pages.nesting import without_deep_values

__all__ = ["FileMark", "ListedFile", "Releases", "Reload", "SerializedReleases", "read_files", "serialize_releases"]

_HASH: Final = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_USUAL_URL: Final = re.compile(r"(?:https?:/)?/[^/?#][^?#]*", re.DOTALL)  # absolute, or a path of the same server
_PLAIN_URL: Final = re.compile(  # the same, with nothing to encode
    r"(?:https?:/)?/[!$&'()*+,.0-9:;=@A-Z_a-z~-][!$&'()*+,./0-9:;=@A-Z_a-z~-]*"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LONG_NUMBER: Final = 1000
_NUMBER_WITHOUT_END: Final = re.compile(rf"\d{{{_LONG_NUMBER}}}")  # Python refuses to read one of 4,301 digits


class FileMark(msgspec.Struct, rename="kebab"):
    """What alone is looked at of every file of a page."""

    filename: str
    upload_time: str | None = None


class ListedFile(msgspec.Struct, rename="kebab", omit_defaults=True):
    """A file as a JSON page lists it (PEP 691, 700, 714); *url* may be relative to the page."""

    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str = False
    core_metadata: bool | dict[str, str] | None = None
    dist_info_metadata: bool | dict[str, str] | None = None


_DECODER: Final = msgspec.json.Decoder(list[ListedFile])


class SerializedReleases(NamedTuple):
    """*versions* newest first, and where in *body* the files of each end, which are a JSON list.

    *uploads* are the moments when the first file of each was uploaded, ``2024-10-01T00:00:00`` (UTC), "" where that is
    not known of all its files; *checksums* are the CRC-32 of the files of each.
    """

    versions: Sequence[str]
    stops: Sequence[int]
    body: bytes | memoryview
    uploads: Sequence[str]
    checksums: Sequence[int]


def serialize_releases(
    releases: Mapping[Version, Sequence[int]], marks: Sequence[FileMark], files: Sequence[msgspec.Raw]
) -> SerializedReleases:
    """Return *releases*, each as the positions of its files in *marks* and *files*, in the form that is kept."""
    ordered = sorted(releases, reverse=True)
    parts = [b"[%b]" % b",".join([files[position] for position in releases[version]]) for version in ordered]
    moments = _moments([mark.upload_time for mark in marks])
    uploads = [_to_second(min([moments[position] for position in releases[version]])) for version in ordered]
    return SerializedReleases(
        versions=list(map(str, ordered)),
        stops=list(accumulate(map(len, parts))),
        body=b"".join(parts),
        uploads=uploads,
        checksums=list(map(zlib.crc32, parts)),
    )


def _moments(texts: Sequence[str | None]) -> Sequence[str]:
    """Return moments whose order as texts is theirs, "" for those that are not UTC as PEP 700 has it."""
    return [text if text and len(text) >= 20 and text[-1] == "Z" and text[10] == "T" else "" for text in texts]


def _to_second(moment: str) -> str:
    """Return *moment* without what follows its seconds, "" for what is none."""
    try:
        datetime.fromisoformat(moment[:19])
    except ValueError:
        return ""
    return moment[:19]


Reload = Callable[[], Mapping[Version, tuple[FileEntry, ...]]]
"""Fetches the files of each release again."""


class Releases(Mapping[Version, tuple[FileEntry, ...]]):
    """The files of each release, whose addresses are seen from *base*, as the index *origin* lists them.

    Where *serialized* is damaged, the files come from *reload*.
    """

    def __init__(
        self, serialized: SerializedReleases, base: str, reload: Reload | None = None, *, origin: str = ""
    ) -> None:
        self._serialized = serialized
        self._reload = reload
        self._base = _Base(base, origin)
        self._found: dict[int, tuple[FileEntry, ...]] = {}
        self._positions: dict[Version, int] = {}
        self.versions: Sequence[Version] = _Versions(serialized.versions)
        self.uploads = serialized.uploads

    def map_from(self, body: bytes | memoryview) -> None:
        """Read the files from *body*, the same bytes mapped from a file, so that their memory is free."""
        self._serialized = self._serialized._replace(body=body)

    def __iter__(self) -> Iterator[Version]:
        return iter(self.versions)

    def __len__(self) -> int:
        return len(self.versions)

    def __contains__(self, version: object) -> bool:
        return isinstance(version, Version) and self._position(version) is not None

    def __getitem__(self, version: Version) -> tuple[FileEntry, ...]:
        position = self._position(version)
        if position is None:
            raise KeyError(version)
        found = self._found.get(position)
        if found is None:
            start = self._serialized.stops[position - 1] if position else 0
            part = memoryview(self._serialized.body)[start : self._serialized.stops[position]]
            if self._reload is not None and zlib.crc32(part) != self._serialized.checksums[position]:
                found = self._reload().get(version, ())
            else:
                found = tuple(_entry(file, self._base) for file in _listed(part))
            self._found[position] = found
        return found

    def _position(self, version: Version) -> int | None:
        """Return the position of *version*, by bisection."""
        position = self._positions.get(version)
        if position is None:
            low, high = 0, len(self.versions)
            while low < high:
                middle = (low + high) // 2
                if self.versions[middle] > version:
                    low = middle + 1
                else:
                    high = middle
            if low == len(self.versions) or self.versions[low] != version:
                return None
            position = self._positions[version] = low
        return position


def _listed(part: memoryview) -> list[ListedFile]:
    """Return the files that *part* lists; one that a page should not list so has no address."""
    try:
        return _DECODER.decode(part)
    except RecursionError:
        return _listed(memoryview(without_deep_values(bytes(part))))
    except msgspec.ValidationError:
        named = zip(
            msgspec.json.decode(part, type=list[FileMark]),
            msgspec.json.decode(part, type=list[msgspec.Raw]),
            strict=True,
        )
        files: list[ListedFile] = []
        for name, raw in named:
            try:
                files.append(msgspec.json.decode(raw, type=ListedFile))
            except msgspec.ValidationError:
                files.append(ListedFile(filename=name.filename, url=""))
        return files


class _Versions(Sequence[Version]):
    """Versions that are parsed when they are looked at."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._parsed: list[Version | None] = [None] * len(texts)

    def __len__(self) -> int:
        return len(self._texts)

    @overload
    def __getitem__(self, position: int) -> Version: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[Version]: ...
    def __getitem__(self, position: int | slice) -> Version | Sequence[Version]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        found = self._parsed[position]
        if found is None:
            found = self._parsed[position] = Version(self._texts[position])
        return found


class _Base:
    """The address of a page, from which those of its files are seen, and the index *origin* that has it."""

    def __init__(self, url: str, origin: str) -> None:
        self.origin = origin
        self.schemes = ("http", "https", "file") if url.startswith("file:") else ("http", "https")
        self._url = url
        self._server = encode_url(urljoin(url, "/").removesuffix("/"))

    def join(self, url: str) -> str:
        """Return *url* as an absolute address, as `urljoin` does; the usual forms cost no parsing.

        What no address may hold is percent-encoded, and a fragment is dropped. An address that is none is "".
        """
        url = url.partition("#")[0]
        if "/." not in url and _PLAIN_URL.fullmatch(url):
            return f"{self._server}{url}" if url[0] == "/" else url
        if "/." not in url and "[" not in url and _USUAL_URL.fullmatch(url):
            return encode_url(f"{self._server}{url}" if url[0] == "/" else url)
        try:
            return encode_url(urljoin(self._url, url))
        except ValueError:
            return ""


def read_files(files: Iterable[ListedFile], url: str, origin: str) -> tuple[FileEntry, ...]:
    """Return *files* as listed by the page at *url* of *origin*."""
    base = _Base(url, origin)
    return tuple(_entry(file, base) for file in files)


def _entry(file: ListedFile, base: _Base) -> FileEntry:
    advertised = file.core_metadata if file.core_metadata is not None else file.dist_info_metadata
    yanked = file.yanked if isinstance(file.yanked, str) else ""
    url = base.join(file.url) if file.url else ""
    return FileEntry(
        filename=file.filename,
        url=url,
        hashes=file.hashes,
        requires_python=file.requires_python,
        size=file.size if file.size is None or file.size > 0 else None,
        upload_time=file.upload_time,
        yanked=yanked if file.yanked is not False and file.yanked != "" else None,
        core_metadata=(advertised if isinstance(advertised, dict) else {}) if advertised else None,
        fault=_fault(file, url, base),
        origin=base.origin,
    )


def _fault(file: ListedFile, url: str, base: _Base) -> str:
    """Return why no installer could use *file*, whose absolute address is *url*, "" where one can."""
    for algorithm, digest in file.hashes.items():
        if algorithm in _HASH and not _is_digest(digest, _HASH[algorithm]):
            return f"its {algorithm} is not a hexadecimal digest"
    if not file.url or not url:
        return "the page does not list it as PEP 691 has it"
    if not url.startswith(("https://", "http://")) and urlsplit(url).scheme not in base.schemes:
        return "its address is not an http address"
    if _CONTROL.search(file.url):
        return "its address holds control characters"
    python = file.requires_python or ""
    if len(python) >= _LONG_NUMBER and _NUMBER_WITHOUT_END.search(python):
        return "its Requires-Python has a number of 1000 digits or more"
    return ""


def _is_digest(text: str, length: int) -> bool:
    try:
        return len(text) == length == 2 * len(bytes.fromhex(text))
    except ValueError:
        return False
