"""Reads the HTML page of a project as JSON would list its files (PEP 503, 592, 658, 714)."""

import html.parser
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from lockml.index.pages.model import PageError, PageStatus
from lockml.index.pages.releases import ListedFile

__all__ = ["read_html"]

_ALGORITHMS: Final = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})


_FILES: Final = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar.Z", ".tar")
_OLD_FILES: Final = (".egg", ".exe", ".msi", ".rpm", ".dmg", ".deb")
_WORKING: Final = frozenset({"form", "input", "button", "script", "iframe"})

_Link = tuple[Mapping[str, str | None], str]
"""The attributes of an anchor, and its text."""


class _Links(html.parser.HTMLParser):
    """Collects the anchors of a PEP 503 page with their text, its base address and its project status."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[_Link] = []
        self.base: str | None = None
        self.status: dict[str, str] = {}
        self.works = False  # whether it asks for something, or does something
        self._open: Mapping[str, str | None] | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "base" and self.base is None:
            self.base = values.get("href")
        elif tag == "meta" and (values.get("name") or "").startswith("pypi:"):
            self.status[values.get("name") or ""] = values.get("content") or ""
        elif tag in _WORKING:
            self.works = True
        elif tag == "a":
            self._open, self._text = values, ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._open is not None:
            self.links.append((self._open, self._text.strip()))
            self._open = None


def read_html(body: bytes) -> tuple[PageStatus, list[ListedFile]]:
    """Return the status of the project and the files that the page links to; raises PageError."""
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    if not any(map(_is_file, parser.links)) and (parser.works or any(map(_leads_away, parser.links))):
        raise PageError("is not a page of the simple API (text/html without a link to a file: perhaps a login page)")
    version = parser.status.get("pypi:repository-version", "1.0")
    if version.partition(".")[0] != "1":
        raise PageError(f"speaks version {version!r} of the simple API; lockml knows version 1")
    status = PageStatus(
        parser.status.get("pypi:project-status", "active"), parser.status.get("pypi:project-status-reason")
    )
    return status, [_listed(link, parser.base or "") for link in parser.links if link[0].get("href")]


def _is_file(link: _Link) -> bool:
    path = unquote(urlsplit(_address(link)).path)
    return path.endswith((*_FILES, *_OLD_FILES)) or link[1].endswith((*_FILES, *_OLD_FILES))


def _leads_away(link: _Link) -> bool:
    """Say whether a page of files would have no such link: to no folder, no order of them and no page of a project."""
    address = _address(link)
    return bool(address) and "rel" not in link[0] and not address.startswith("?") and not address.endswith("/")


def _address(link: _Link) -> str:
    return (link[0].get("href") or "").partition("#")[0]


def _listed(link: _Link, base: str) -> ListedFile:
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
