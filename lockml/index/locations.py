"""The places that projects come from: the indexes and folders that a user names."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.display import redact

__all__ = ["IndexLocation", "NamedIndexes", "normalize_url", "with_login", "with_logins"]

_PORTS: Final = {"http": 80, "https": 443}


class IndexLocation(Struct, frozen=True, kw_only=True):
    """The address of a simple-API index, or, with *is_find_links*, of a page or folder of files.

    *name* is what the user calls it, for a folder the path as it was named, "" for none. With *only*, patterns of
    project names, it is asked for these alone, and they are taken from nowhere else.
    """

    url: str
    name: str = ""
    only: tuple[str, ...] = ()
    is_find_links: bool = False

    @property
    def folder(self) -> str:
        """The address in its usual form, with a slash at its end, from which those of projects are seen."""
        return normalize_url(self.url)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder or a page of this machine."""
        return self.url[:5].lower() == "file:"

    @property
    def is_page(self) -> bool:
        """Whether it is a page of links, not a folder, by its name."""
        return not self.is_local or self.url.lower().endswith((".html", ".htm"))

    def page_of(self, project: NormalizedName) -> str:
        """Return the address of the page of *project* (PEP 503)."""
        return f"{self.folder}{project}/"

    def claims(self, project: NormalizedName) -> bool:
        """Say whether *project* is to come from here and from nowhere else."""
        return any(fnmatchcase(project, pattern) for pattern in self.only)


class NamedIndexes(Struct, frozen=True, kw_only=True):
    """The indexes that the user named, not those that are there anyway: *url* in place of the default one.

    *named* come first, then *extra_urls*, then *url*; *find_links*, pages and folders, before them all, and with
    *no_index* alone.
    """

    url: str | None = None
    extra_urls: tuple[str, ...] = ()
    named: tuple[IndexLocation, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False

    def without_logins(self) -> "NamedIndexes":
        """Return the same without user names and passwords."""
        return replace(_map_urls(self, redact), find_links=tuple(map(redact, self.find_links)))

    def normalized(self) -> "NamedIndexes":
        """Return the same with each address of an index in its usual form, so that equal indexes are equal."""
        return _map_urls(self, normalize_url)


def _map_urls(indexes: NamedIndexes, change: Callable[[str], str]) -> NamedIndexes:
    """Return *indexes* with the address of each index as *change* returns it; pages and folders stay."""
    return replace(
        indexes,
        url=change(indexes.url) if indexes.url else None,
        extra_urls=tuple(map(change, indexes.extra_urls)),
        named=tuple(replace(index, url=change(index.url)) for index in indexes.named),
    )


@lru_cache(maxsize=1024)
def normalize_url(url: str) -> str:
    """Return the address *url* of an index so that two of the same index are equal (RFC 3986, 6.2).

    The scheme and the host are lower-case, the scheme's own port goes, and one slash is at the end of the path. What
    is no address stays as it is.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url if url.endswith("/") else f"{url}/"
    login, at, _ = parts.netloc.rpartition("@")
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    place = host if port is None or _PORTS.get(parts.scheme) == port else f"{host}:{port}"
    path = f"{parts.path.rstrip('/')}/"
    return parts._replace(netloc=f"{login}{at}{place}", path=path, fragment="").geturl()


def with_login(url: str, name: str, environment: Mapping[str, str]) -> str:
    """Return *url* with the login that *environment* has for the index *name*."""
    prefix = f"LOCKML_INDEX_{re.sub('[^A-Z0-9]', '_', name.upper())}"
    user, password = environment.get(f"{prefix}_USERNAME"), environment.get(f"{prefix}_PASSWORD")
    if user is None and password is None:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = f"{quote(user or '', safe='')}:{quote(password or '', safe='')}"
    return parts._replace(netloc=f"{login}@{host}").geturl()


def with_logins(indexes: NamedIndexes, environment: Mapping[str, str]) -> NamedIndexes:
    """Return *indexes* with the logins that *environment* has for those with a name."""
    named = (replace(index, url=with_login(index.url, index.name, environment)) for index in indexes.named)
    return replace(indexes, named=tuple(named))
