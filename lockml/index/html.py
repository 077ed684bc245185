"""The HTML page of a project in, its files as JSON would list them out (PEP 503, 592, 658, 714)."""

import html.parser
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from lockml.index.page_parts import PageError, PageStatus
from lockml.index.releases import ListedFile

__all__ = ["read_html"]

_ALGORITHMS: Final = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})


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


def read_html(body: bytes) -> tuple[PageStatus, list[ListedFile]]:
    """Return the status of the project and the files that the page links to; raises PageError."""
    parser = _Links()
    parser.feed(body.decode("utf-8", "replace"))
    parser.close()
    version = parser.status.get("pypi:repository-version", "1.0")
    if version.partition(".")[0] != "1":
        raise PageError(f"speaks version {version!r} of the simple API; lockml knows version 1")
    status = PageStatus(
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
