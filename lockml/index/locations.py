"""Where projects are to be had: the indexes and folders that a user names."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from urllib.parse import quote, urlsplit

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.display import redact

__all__ = ["IndexLocation", "NamedIndexes", "with_login", "with_logins"]


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
        """The address with a slash at its end, from which those of projects are seen."""
        return self.url if self.url.endswith("/") else f"{self.url}/"

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
        return NamedIndexes(
            url=redact(self.url) if self.url else None,
            extra_urls=tuple(map(redact, self.extra_urls)),
            named=tuple(replace(index, url=redact(index.url)) for index in self.named),
            find_links=tuple(map(redact, self.find_links)),
            no_index=self.no_index,
        )


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
