"""The body of a project's page in, a `Project` out: JSON (PEP 691, 700, 792) or HTML (PEP 503, 592, 658, 714)."""

import html.parser
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.index.model import FileEntry, Project
from lockml.index.releases import ListedFile, PackedReleases, Releases, pack_releases

__all__ = ["ACCEPT", "PACKED", "PageError", "pack_page", "parse_links", "parse_page", "select_project"]

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
PACKED: Final = "application/vnd.lockml.page.v1+msgpack"
"""The content type of a page as `pack_page` gives it."""

_ALGORITHMS: Final = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
_SDIST_ENDINGS: Final = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")
_NO_FILE_NAME: Final = re.compile(r"[/\\\x00-\x1f]")
_T = TypeVar("_T")


class PageError(Exception):
    """A page that is no project page of an index; the text says why."""


class _Meta(msgspec.Struct, rename="kebab"):
    api_version: str


class _Status(msgspec.Struct):
    status: str = "active"
    reason: str | None = None


class _Page(msgspec.Struct, rename="kebab"):
    meta: _Meta
    name: str
    files: list[ListedFile]
    project_status: _Status | None = None


class _Packed(msgspec.Struct, array_like=True):
    """A page as it is kept."""

    name: str
    status: str
    status_reason: str | None
    skipped: list[tuple[str, str]]
    releases: PackedReleases


_DECODER: Final = msgspec.json.Decoder(_Page)
_UNPACK: Final = msgspec.msgpack.Decoder(_Packed)


def parse_page(body: bytes, content_type: str, url: str, *, name: NormalizedName, index_url: str) -> Project:
    """Return the project that the page at *url* describes; raises PageError for a page that does not describe *name*.

    A file whose name does not tell its release is left out and kept in `Project.skipped` with the reason.
    """
    return _unpacked(_packed(body, content_type, name), url, index_url)


def pack_page(body: bytes, content_type: str, *, name: NormalizedName) -> bytes:
    """Return the page in a form of content type `PACKED`, which `parse_page` takes apart as it is looked at."""
    return msgspec.msgpack.encode(_packed(body, content_type, name))


def parse_links(body: bytes, url: str) -> tuple[FileEntry, ...]:
    """Return the archives that the HTML page at *url* links to, of whatever project."""
    _, links = _read_html(body)
    listed = [file for file in links if file.filename.endswith((".whl", *_SDIST_ENDINGS))]
    packed = pack_releases({Version("0"): listed})
    return tuple(entry for entry in Releases(packed, url)[Version("0")] if not entry.fault)


def select_project(entries: Iterable[FileEntry], name: NormalizedName) -> Project | None:
    """Return what *entries*, of several projects, hold of the project *name*; None where that is nothing."""
    releases: dict[Version, list[FileEntry]] = {}
    names = _FileNames(name)
    for entry in entries:
        version = names.version(entry.filename)
        if isinstance(version, Version):
            releases.setdefault(version, []).append(entry)
    ordered = {version: tuple(releases[version]) for version in sorted(releases, reverse=True)}
    return Project(name=name, index_url="", releases=ordered) if releases else None


def _unpacked(packed: _Packed, url: str, index_url: str) -> Project:
    return Project(
        name=canonicalize_name(packed.name),
        index_url=index_url,
        releases=Releases(packed.releases, url),
        skipped=tuple(packed.skipped),
        status=packed.status,
        status_reason=packed.status_reason,
    )


def _packed(body: bytes, content_type: str, name: NormalizedName) -> _Packed:
    if content_type == PACKED:
        return _decoded(_UNPACK.decode, body)
    if "json" in content_type:
        page = _decode(body, name)
        status, files = page.project_status or _Status(), page.files
    else:
        status, files = _read_html(body)
    releases, skipped = _by_release(files, name)
    return _Packed(name, status.status, status.reason, skipped, pack_releases(releases))


def _by_release(
    files: Iterable[ListedFile], name: NormalizedName
) -> tuple[dict[Version, list[ListedFile]], list[tuple[str, str]]]:
    """Return the files by version, and those whose names tell none with the reason."""
    releases: dict[Version, list[ListedFile]] = {}
    skipped: list[tuple[str, str]] = []
    names = _FileNames(name)
    for file in files:
        version = names.version(file.filename)
        if isinstance(version, Version):
            releases.setdefault(version, []).append(file)
        else:
            skipped.append((file.filename, version))
    return releases, skipped


def _decode(body: bytes, name: NormalizedName) -> _Page:
    page = _decoded(_DECODER.decode, body)
    if page.meta.api_version.partition(".")[0] != "1":
        raise PageError(f"speaks version {page.meta.api_version!r} of the simple API; lockml knows version 1")
    if canonicalize_name(page.name) != name:
        raise PageError(f"describes {page.name!r} where {name!r} was asked for")
    page.name = name
    return page


def _decoded(decode: Callable[[bytes], _T], body: bytes) -> _T:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PageError(f"is not a page of the simple API ({error})") from error


class _FileNames:
    """What names of files of the project *name* tell; what they have in common is read once."""

    def __init__(self, name: NormalizedName) -> None:
        self._name = name
        self._own: dict[str, bool] = {}
        self._versions: dict[str, Version | str] = {}

    def version(self, filename: str) -> Version | str:
        """Return the version that *filename* carries, or the reason why it carries none of this project."""
        if _NO_FILE_NAME.search(filename):
            return "its name is not that of a file"
        if filename.endswith(".whl"):
            if filename.count("-") not in (4, 5):
                return "its name is not that of a wheel (PEP 427)"
            project, text, _ = filename.split("-", 2)
            return self._version(project, text)
        ending = next((ending for ending in _SDIST_ENDINGS if filename.endswith(ending)), None)
        if ending is None:
            return "it is neither a wheel nor a source archive"
        return self._version(*self._split_sdist(filename.removesuffix(ending)))

    def _version(self, project: str, text: str) -> Version | str:
        if not self._is_own(project):
            return "its name is that of another project"
        found = self._versions.get(text)
        if found is None:
            try:
                found = Version(text)
            except InvalidVersion:
                found = f"its version {text!r} is none (PEP 440)"
            self._versions[text] = found
        return found

    def _is_own(self, project: str) -> bool:
        own = self._own.get(project)
        if own is None:
            own = self._own[project] = canonicalize_name(project) == self._name
        return own

    def _split_sdist(self, stem: str) -> tuple[str, str]:
        """Split ``NAME-VERSION``; old names hold hyphens themselves, so the split is where the name fits."""
        for match in re.finditer("-", stem):
            if self._is_own(stem[: match.start()]):
                return stem[: match.start()], stem[match.end() :]
        return stem.rpartition("-")[0], stem.rpartition("-")[2]


class _Links(html.parser.HTMLParser):
    """Collects the anchors of a PEP 503 page with their text, its base address and its project status."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[Mapping[str, str | None], str]] = []
        self.base: str | None = None
        self.status: dict[str, str] = {}
        self._open: Mapping[str, str | None] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "base" and self.base is None:
            self.base = values.get("href")
        elif tag == "meta" and (values.get("name") or "").startswith("pypi:"):
            self.status[values.get("name") or ""] = values.get("content") or ""
        elif tag == "a":
            self._open, self._text = values, ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open is not None:
            self.links.append((self._open, self._text.strip()))
            self._open = None


def _read_html(body: bytes) -> tuple[_Status, list[ListedFile]]:
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    version = parser.status.get("pypi:repository-version", "1.0")
    if version.partition(".")[0] != "1":
        raise PageError(f"speaks version {version!r} of the simple API; lockml knows version 1")
    status = _Status(
        parser.status.get("pypi:project-status", "active"), parser.status.get("pypi:project-status-reason")
    )
    return status, [_listed(link, parser.base or "") for link in parser.links if link[0].get("href")]


def _listed(link: tuple[Mapping[str, str | None], str], base: str) -> ListedFile:
    attributes, text = link
    url, _, fragment = urljoin(base, attributes.get("href") or "").partition("#")
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    yanked = (attributes["data-yanked"] or True) if "data-yanked" in attributes else False
    return ListedFile(
        filename=text or unquote(urlsplit(url).path.rpartition("/")[2]),
        url=url,
        hashes=_fragment_hash(fragment),
        requires_python=attributes.get("data-requires-python"),
        yanked=yanked,
        core_metadata=(_fragment_hash(metadata) or True) if metadata and metadata != "false" else None,
    )


def _fragment_hash(fragment: str) -> dict[str, str]:
    algorithm, equals, digest = fragment.partition("=")
    return {algorithm: digest} if equals and algorithm in _ALGORITHMS else {}
