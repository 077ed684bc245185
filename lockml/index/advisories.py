"""Reads the known vulnerabilities of pinned releases from PyPI's JSON API, beside the simple one.

PyPI's documentation, "JSON API", "vulnerabilities"; they come from the advisory database of the Python Packaging
Authority. An index without such an API says nothing, which does not mean that there is none.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote, urljoin

import msgspec
from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.index.cache.pages import CachedPage
from lockml.index.cache.store import Cache
from lockml.index.http.client import HttpClient

__all__ = ["Advisory", "Release", "SilentIndexError", "read_advisories"]

_MAX_AGE: Final = 6 * 3600.0  # seconds
_THREADS: Final = 16
_OK: Final = 200

Release = tuple[NormalizedName, Version, str]
"""A project, a version of it, and the address of the simple index that has it."""


class Advisory(Struct, frozen=True, kw_only=True):
    """A known vulnerability: its *id*, other names of it, the versions that fix it, and what it is about."""

    id: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]
    summary: str


class _Vulnerability(msgspec.Struct):
    id: str
    aliases: list[str] = []
    fixed_in: list[str] = []
    summary: str | None = None
    details: str | None = None
    withdrawn: str | None = None


class _Page(msgspec.Struct):
    vulnerabilities: list[_Vulnerability] = []


class SilentIndexError(PackageIndexError):
    """An index that has no JSON API, and will have none a minute from now."""


def read_advisories(
    releases: Iterable[Release], *, client: HttpClient, cache: Cache
) -> Mapping[NormalizedName, tuple[Advisory, ...] | PackageIndexError]:
    """Return by project what is known of each of *releases*, or why that could not be determined."""
    wanted = list(releases)

    def ask(release: Release) -> tuple[Advisory, ...] | PackageIndexError:
        try:
            return _read(release, client, cache)
        except PackageIndexError as error:
            return error

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="lockml-advisories") as pool:
        return {release[0]: answer for release, answer in zip(wanted, pool.map(ask, wanted), strict=True)}


def _read(release: Release, client: HttpClient, cache: Cache) -> tuple[Advisory, ...]:
    name, version, index = release
    url = urljoin(index.rstrip("/") + "/", f"../pypi/{quote(name)}/{quote(str(version))}/json")
    cached = cache.pages.page(url)
    body = cached.body if cached is not None and cached.fresh else _fetched(url, index, client, cache)
    try:
        page = msgspec.json.decode(body, type=_Page)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PackageIndexError(redact(url), f"is not what the JSON API answers ({error})") from error
    return tuple(_advisory(each) for each in page.vulnerabilities if each.withdrawn is None)


def _fetched(url: str, index: str, client: HttpClient, cache: Cache) -> bytes:
    answer = client.get(url, {"Accept": "application/json"})
    if answer.status != _OK:
        hint = "only an index with PyPI's JSON API lists vulnerabilities"
        raise SilentIndexError(redact(index), "does not list vulnerabilities", hint=hint)
    page = CachedPage(base=url, etag=None, content_type="application/json", body=answer.body, fresh=True)
    cache.pages.keep(url, page, _MAX_AGE)
    return answer.body


def _advisory(each: _Vulnerability) -> Advisory:
    text = " ".join((each.summary or each.details or "").split())
    return Advisory(id=each.id, aliases=tuple(each.aliases), fixed_in=tuple(each.fixed_in), summary=text[:300])
