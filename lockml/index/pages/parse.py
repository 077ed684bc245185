"""Parses the page of a project: JSON (PEP 691, 700, 792) or HTML (PEP 503, 592, 658, 714) → `Project`."""

import struct
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import msgspec
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.index.model import FileEntry, Project
from lockml.index.pages.file_names import SDIST_ENDINGS, FileNames, files_by_release
from lockml.index.pages.model import PageError, PageStatus
from lockml.index.pages.nesting import without_deep_values
from lockml.index.pages.releases import (
    FileMark,
    ListedFile,
    Releases,
    Reload,
    SerializedReleases,
    read_files,
    serialize_releases,
)

__all__ = [
    "ACCEPT",
    "SERIALIZED",
    "PageError",
    "checksummed_size",
    "parse_links",
    "parse_page",
    "select_project",
    "serialize_page",
]

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
SERIALIZED: Final = "application/vnd.lockml.page.v4+msgpack"
"""The content type of a page as `serialize_page` gives it; its number grows with each change of that."""

_T = TypeVar("_T")


class _Meta(msgspec.Struct, rename="kebab"):
    api_version: str


class _Page(msgspec.Struct, rename="kebab"):
    meta: _Meta
    name: str
    files: list[msgspec.Raw]
    project_status: PageStatus | None = None


class _Marks(msgspec.Struct):
    files: list[FileMark]


class _Head(msgspec.Struct, array_like=True):
    """What a page that is kept begins with; the files of its releases follow."""

    name: str
    status: str
    status_reason: str | None
    skipped: list[tuple[str, str]]
    versions: list[str]
    stops: list[int]
    uploads: list[str]
    checksums: list[int]


_DECODER: Final = msgspec.json.Decoder(_Page)
_MARKS: Final = msgspec.json.Decoder(_Marks)
_HEAD: Final = msgspec.msgpack.Decoder(_Head)
_LENGTH: Final = struct.Struct("<I")


def parse_page(
    body: bytes | memoryview,
    content_type: str,
    url: str,
    *,
    name: NormalizedName,
    index_url: str,
    reload: Reload | None = None,
) -> Project:
    """Return the project that the page at *url* describes; raises PageError for a page that does not describe *name*.

    A file whose name does not say its release is skipped and kept in `Project.skipped` with the reason. *reload*
    fetches the files where those of a cached page are damaged.
    """
    serialized = body if content_type == SERIALIZED else serialize_page(bytes(body), content_type, name=name)
    (length,) = _LENGTH.unpack_from(serialized)
    rest = memoryview(serialized)[_LENGTH.size :]
    head = _decoded(_HEAD.decode, rest[:length], SERIALIZED)
    return Project(
        name=canonicalize_name(head.name),
        index_url=index_url,
        releases=Releases(
            SerializedReleases(head.versions, head.stops, rest[length:], head.uploads, head.checksums),
            url,
            reload,
            origin=index_url,
        ),
        skipped=tuple(head.skipped),
        status=head.status,
        status_reason=head.status_reason,
    )


def serialize_page(body: bytes, content_type: str, *, name: NormalizedName) -> bytes:
    """Return the page in the form of content type `SERIALIZED`, which `parse_page` reads as far as it is used."""
    status, marks, files = _read(body, content_type, name)
    by_version, skipped = files_by_release([mark.filename for mark in marks], name)
    releases = serialize_releases(by_version, marks, files)
    head = _Head(
        name=name,
        status=status.status,
        status_reason=status.reason,
        skipped=skipped,
        versions=list(releases.versions),
        stops=list(releases.stops),
        uploads=list(releases.uploads),
        checksums=list(releases.checksums),
    )
    start = msgspec.msgpack.encode(head)
    return b"".join((_LENGTH.pack(len(start)), start, releases.body))


def checksummed_size(serialized: bytes) -> int:
    """Return how many bytes at the end of what `serialize_page` gives have checksums of their own."""
    (length,) = _LENGTH.unpack_from(serialized)
    return len(serialized) - _LENGTH.size - int(length)


def parse_links(body: bytes, content_type: str, url: str, origin: str) -> tuple[FileEntry, ...]:
    """Return the archives that the HTML page at *url*, asked for as *origin*, links to; raises PageError."""
    from lockml.index.pages.html import read_html

    _require_kind(content_type, "html")
    _, links = read_html(body)
    listed = [file for file in links if file.filename.endswith((".whl", *SDIST_ENDINGS))]
    return tuple(entry for entry in read_files(listed, url, origin) if not entry.fault)


def select_project(entries: Iterable[FileEntry], name: NormalizedName, index_url: str = "") -> Project | None:
    """Return what *entries*, of several projects at *index_url*, hold of *name*; None where that is nothing."""
    releases: dict[Version, list[FileEntry]] = {}
    names = FileNames(name)
    for entry in entries:
        version = names.version(entry.filename)
        if isinstance(version, Version):
            releases.setdefault(version, []).append(entry)
    ordered = {version: tuple(releases[version]) for version in sorted(releases, reverse=True)}
    return Project(name=name, index_url=index_url, releases=ordered) if releases else None


def _read(body: bytes, content_type: str, name: NormalizedName) -> tuple[PageStatus, list[FileMark], list[msgspec.Raw]]:
    """Return the status of the project, and the marks and the JSON objects of its files."""
    if "json" in content_type.partition(";")[0].lower():
        try:
            return _read_json(body, content_type, name)
        except RecursionError:
            return _read_json(without_deep_values(body), content_type, name)
    from lockml.index.pages.html import read_html  # few indexes have no JSON

    _require_kind(content_type, "html")
    status, links = read_html(body)
    return status, [FileMark(each.filename) for each in links], list(map(_raw, links))


def _read_json(
    body: bytes, content_type: str, name: NormalizedName
) -> tuple[PageStatus, list[FileMark], list[msgspec.Raw]]:
    page = _decode(body, content_type, name)
    return page.project_status or PageStatus(), _decoded(_MARKS.decode, body, content_type).files, page.files


def _require_kind(content_type: str, kind: str) -> None:
    """Require an answer to be a page of that *kind*: what a server calls otherwise may be anything."""
    if kind not in content_type.partition(";")[0].lower():
        raise PageError(f"is not a page of the simple API ({content_type})")


def _raw(file: ListedFile) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(file))


def _decode(body: bytes, content_type: str, name: NormalizedName) -> _Page:
    page = _decoded(_DECODER.decode, body, content_type)
    if page.meta.api_version.partition(".")[0] != "1":
        raise PageError(f"speaks version {page.meta.api_version!r} of the simple API; lockml knows version 1")
    if canonicalize_name(page.name) != name:
        raise PageError(f"describes {page.name!r} instead of {name!r}")
    return page


def _decoded(decode: Callable[[bytes | memoryview], _T], body: bytes | memoryview, content_type: str) -> _T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PageError(f"is not a page of the simple API ({content_type}: {error})") from error
