"""The body of a project's page in, a `Project` out: JSON (PEP 691, 700, 792) or HTML (PEP 503, 592, 658, 714)."""

import html.parser
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import msgspec
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.index.model import FileEntry, Project

__all__ = ["ACCEPT", "PageError", "parse_links", "parse_page", "select_project"]

ACCEPT: Final = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
_HASH: Final = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_SDIST_ENDINGS: Final = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")


class PageError(Exception):
    """A page that is no project page of an index; the text says why."""


class _File(msgspec.Struct, rename="kebab"):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str = False
    core_metadata: bool | dict[str, str] | None = None
    dist_info_metadata: bool | dict[str, str] | None = None


class _Meta(msgspec.Struct, rename="kebab"):
    api_version: str


class _Status(msgspec.Struct):
    status: str = "active"
    reason: str | None = None


class _Page(msgspec.Struct, rename="kebab"):
    meta: _Meta
    name: str
    files: list[_File]
    project_status: _Status | None = None


_DECODER: Final = msgspec.json.Decoder(_Page)


def parse_page(body: bytes, content_type: str, url: str, *, name: NormalizedName, index_url: str) -> Project:
    """Return the project that the page at *url* describes; raises PageError for a page that does not describe *name*.

    A file that cannot be used is left out and kept in `Project.skipped` with the reason.
    """
    if "json" in content_type:
        page = _decode(body, name)
        status = page.project_status or _Status()
        entries = [_entry(file, url) for file in page.files]
    else:
        status, links, base = _read_html(body)
        entries = [_entry_of_link(link, urljoin(url, base or "")) for link in links]
    releases, skipped = _by_release(entries, name)
    return Project(
        name=name,
        index_url=index_url,
        releases=releases,
        skipped=skipped,
        status=status.status,
        status_reason=status.reason,
    )


def parse_links(body: bytes, url: str) -> tuple[FileEntry, ...]:
    """Return the archives that the HTML page at *url* links to, of whatever project."""
    _, links, base = _read_html(body)
    entries = (_entry_of_link(link, urljoin(url, base or "")) for link in links)
    return tuple(entry for entry in entries if entry.filename.endswith((".whl", *_SDIST_ENDINGS)))


def select_project(entries: Iterable[FileEntry], name: NormalizedName) -> Project | None:
    """Return what *entries*, of several projects, hold of the project *name*; None where that is nothing."""
    releases, _ = _by_release(entries, name)
    return Project(name=name, index_url="", releases=releases) if releases else None


def _by_release(
    entries: Iterable[FileEntry], name: NormalizedName
) -> tuple[dict[Version, tuple[FileEntry, ...]], tuple[tuple[str, str], ...]]:
    """Return the usable files by version, newest first, and the others with the reason."""
    releases: dict[Version, list[FileEntry]] = {}
    skipped: list[tuple[str, str]] = []
    versions: dict[str, Version] = {}
    for entry in entries:
        try:
            version = _version(entry.filename, name, versions)
            _check(entry)
        except ValueError as error:
            skipped.append((entry.filename, str(error)))
            continue
        releases.setdefault(version, []).append(entry)
    return {version: tuple(releases[version]) for version in sorted(releases, reverse=True)}, tuple(skipped)


def _decode(body: bytes, name: NormalizedName) -> _Page:
    try:
        page = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise PageError(f"is not a page of the simple API ({error})") from error
    if page.meta.api_version.partition(".")[0] != "1":
        raise PageError(f"speaks version {page.meta.api_version!r} of the simple API; lockml knows version 1")
    if canonicalize_name(page.name) != name:
        raise PageError(f"describes {page.name!r} where {name!r} was asked for")
    return page


def _entry(file: _File, url: str) -> FileEntry:
    advertised = file.core_metadata if file.core_metadata is not None else file.dist_info_metadata
    yanked = file.yanked if isinstance(file.yanked, str) else ""
    return FileEntry(
        filename=file.filename,
        url=urljoin(url, file.url),
        hashes=file.hashes,
        requires_python=file.requires_python,
        size=file.size,
        upload_time=file.upload_time,
        yanked=yanked if file.yanked is not False and file.yanked != "" else None,
        core_metadata=(advertised if isinstance(advertised, dict) else {}) if advertised else None,
    )


def _version(filename: str, name: NormalizedName, known: dict[str, Version]) -> Version:
    """Return the version that *filename* carries; raises ValueError with the reason where it is not one of *name*."""
    if "/" in filename or "\\" in filename or any(ord(character) < 32 for character in filename):
        raise ValueError("its name is not that of a file")
    if filename.endswith(".whl"):
        parts = filename.removesuffix(".whl").split("-")
        if len(parts) not in (5, 6):
            raise ValueError("its name is not that of a wheel (PEP 427)")
        project, text = parts[0], parts[1]
    else:
        ending = next((ending for ending in _SDIST_ENDINGS if filename.endswith(ending)), None)
        if ending is None:
            raise ValueError("it is neither a wheel nor a source archive")
        project, text = _split_sdist(filename.removesuffix(ending), name)
    if canonicalize_name(project) != name:
        raise ValueError("its name is that of another project")
    version = known.get(text)
    if version is None:
        try:
            version = known[text] = Version(text)
        except InvalidVersion as error:
            raise ValueError(f"its version {text!r} is none (PEP 440)") from error
    return version


def _split_sdist(stem: str, name: NormalizedName) -> tuple[str, str]:
    """Split ``NAME-VERSION``; old names hold hyphens themselves, so the split is where the name fits."""
    for match in re.finditer("-", stem):
        if canonicalize_name(stem[: match.start()]) == name:
            return stem[: match.start()], stem[match.end() :]
    return stem.rpartition("-")[0], stem.rpartition("-")[2]


def _check(entry: FileEntry) -> None:
    """Refuse what no installer could use; only the user's own folders have ``file:`` addresses."""
    for algorithm, digest in entry.hashes.items():
        if algorithm in _HASH and not re.fullmatch(f"[0-9a-fA-F]{{{_HASH[algorithm]}}}", digest):
            raise ValueError(f"its {algorithm} is not a hexadecimal digest")
    if urlsplit(entry.url).scheme not in (("file",) if entry.local is not None else ("http", "https")):
        raise ValueError("its address is not an http address")
    if any(ord(character) < 33 for character in entry.url):
        raise ValueError("its address holds control characters")


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


def _read_html(body: bytes) -> tuple[_Status, Iterable[tuple[Mapping[str, str | None], str]], str | None]:
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    version = parser.status.get("pypi:repository-version", "1.0")
    if version.partition(".")[0] != "1":
        raise PageError(f"speaks version {version!r} of the simple API; lockml knows version 1")
    status = _Status(
        parser.status.get("pypi:project-status", "active"), parser.status.get("pypi:project-status-reason")
    )
    return status, [link for link in parser.links if link[0].get("href")], parser.base


def _entry_of_link(link: tuple[Mapping[str, str | None], str], base: str) -> FileEntry:
    attributes, text = link
    url, _, fragment = urljoin(base, attributes.get("href") or "").partition("#")
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    return FileEntry(
        filename=text or unquote(urlsplit(url).path.rpartition("/")[2]),
        url=url,
        hashes=_fragment_hash(fragment),
        requires_python=attributes.get("data-requires-python"),
        yanked=(attributes["data-yanked"] or "") if "data-yanked" in attributes else None,
        core_metadata=_fragment_hash(metadata) if metadata and metadata != "false" else None,
    )


def _fragment_hash(fragment: str) -> dict[str, str]:
    algorithm, equals, digest = fragment.partition("=")
    return {algorithm: digest} if equals and algorithm in _HASH else {}
