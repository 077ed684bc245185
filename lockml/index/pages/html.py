"""Reads an HTML page of links as JSON would list its files (PEP 503, 592, 658, 714, 792).

The end of an address is the name of the file, as pip and uv take it; what a link shows may be cut short or anything.
"""

from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

from lockml.index.pages.html_tags import Tag, read_tags
from lockml.index.pages.model import PageError, PageStatus
from lockml.index.pages.releases import ListedFile

__all__ = ["read_html"]

_ALGORITHMS: Final = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
_FILES: Final = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz", ".tar.Z", ".tar")
_OLD_FILES: Final = (".egg", ".exe", ".msi", ".rpm", ".dmg", ".deb")
_WORKING: Final = frozenset({"form", "input", "button", "script", "iframe"})
_SPACE: Final = " \t\n\r\f"


class _Page:
    """What the tags of a page say: its links, its base address and the status of its project."""

    def __init__(self, text: str) -> None:
        self.links: list[Tag] = []
        self.base: str | None = None
        self.status: dict[str, str] = {}
        self.works = False  # whether it asks for something, or does something
        for tag in read_tags(text):
            values = tag.attributes
            if tag.name == "base" and self.base is None:
                self.base = values.get("href")
            elif tag.name == "meta" and values.get("name", "").startswith("pypi:"):
                self.status[values["name"]] = values.get("content", "")
            elif tag.name == "a" and values.get("href", "").strip(_SPACE):
                self.links.append(tag)
            self.works = self.works or tag.name in _WORKING


def read_html(body: bytes) -> tuple[PageStatus, list[ListedFile]]:
    """Return the status of the project and the files that the page links to; raises PageError."""
    page = _Page(body.decode("utf-8-sig", "replace"))
    if not any(map(_is_file, page.links)) and (page.works or any(map(_leads_away, page.links))):
        raise PageError("is not a page of the simple API (text/html without a link to a file: perhaps a login page)")
    version = page.status.get("pypi:repository-version", "1.0")
    if version.partition(".")[0] != "1":
        raise PageError(f"speaks version {version!r} of the simple API; lockml knows version 1")
    status = PageStatus(page.status.get("pypi:project-status", "active"), page.status.get("pypi:project-status-reason"))
    base = (page.base or "").strip(_SPACE)
    return status, [_listed(link, base) for link in page.links]


def _is_file(link: Tag) -> bool:
    return _file_name(_address(link)).endswith((*_FILES, *_OLD_FILES))


def _leads_away(link: Tag) -> bool:
    """Say whether a page of files would have no such link: to no folder, no order of them and no page of a project."""
    address = _address(link)
    return bool(address) and "rel" not in link.attributes and not address.startswith("?") and not address.endswith("/")


def _address(link: Tag) -> str:
    return link.attributes["href"].strip(_SPACE).partition("#")[0]


def _file_name(address: str) -> str:
    """Return the last part of the path of *address*, "" where it has none; an encoded slash stays part of it."""
    try:
        return unquote(urlsplit(address).path.rpartition("/")[2])
    except ValueError:
        return ""


def _listed(link: Tag, base: str) -> ListedFile:
    values = link.attributes
    address, _, fragment = values["href"].strip(_SPACE).partition("#")
    metadata = values.get("data-core-metadata", values.get("data-dist-info-metadata"))
    return ListedFile(
        filename=_file_name(address),
        url=_seen_from(base, address) if not link.ambiguous else "",
        hashes=_fragment_hash(fragment),
        requires_python=values.get("data-requires-python"),
        upload_time=values.get("data-upload-time") or None,
        yanked=(values["data-yanked"] or True) if "data-yanked" in values else False,
        core_metadata=(_fragment_hash(metadata) or True) if metadata and metadata != "false" else None,
    )


def _seen_from(base: str, address: str) -> str:
    """Return *address* as seen from *base*, which may be relative to the page itself; "" where that is no address."""
    try:
        if urlsplit(base).scheme or base.startswith("/"):
            return urljoin(base, address)
        if urlsplit(address).scheme or address.startswith("/"):
            return address
    except ValueError:
        return ""
    return base[: base.rfind("/") + 1] + address


def _fragment_hash(fragment: str) -> dict[str, str]:
    """Return the hash in *fragment*, which may hold more than that (PEP 503)."""
    for part in fragment.split("&"):
        algorithm, equals, digest = part.partition("=")
        if equals and algorithm in _ALGORITHMS:
            return {algorithm: digest}
    return {}
