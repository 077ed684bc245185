"""Fetches the page of a project, unless a cached one is fresh; stale ones are asked for by their ETag."""

import logging
import re
from typing import Final, NamedTuple

from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.index.cache.pages import CachedPage, PageCache
from lockml.index.http.client import HttpClient
from lockml.index.http.response import Response
from lockml.index.pages.parse import ACCEPT, SERIALIZED, PageError, checksummed_size, serialize_page

__all__ = ["FetchedPage", "cached_page", "fetch_page", "serialized"]

_LOG: Final = logging.getLogger("lockml.index")
_DEFAULT_MAX_AGE: Final = 600.0  # seconds; what the public index declares, used where a mirror drops the header
_MAX_AGE: Final = 24 * 3600.0  # seconds, whatever a server says: a page gets new releases
_ABSURD: Final = 366 * 24 * 3600.0  # seconds, the most that the predecessor of RFC 9111 allows
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_ETAG: Final = re.compile(r"[!-~]+")  # RFC 9110, 8.8.3, without what headers cannot carry everywhere
_OWN: Final = "application/vnd.lockml."
_JSON: Final = "application/vnd.pypi.simple.v1+json"


class FetchedPage(NamedTuple):
    """A page with the seconds that it may be kept, None if it is kept already."""

    page: CachedPage
    max_age: float | None = None


def cached_page(key: str, pages: PageCache) -> CachedPage | None:
    """Return the page that is kept under *key*, None where another lockml kept it in a form of its own."""
    cached = pages.page(key)
    foreign = cached is not None and cached.content_type.startswith(_OWN) and cached.content_type != SERIALIZED
    return None if foreign else cached


def fetch_page(
    url: str,
    *,
    client: HttpClient,
    pages: PageCache,
    outage: str | None = None,
    reload: bool = False,
    renew: bool = False,
) -> FetchedPage | None:
    """Return the page at *url*, cached or fetched, None where the index has none; with *reload*, always fetched.

    With *renew* the index is asked whether a cached page is still the same, also where that may be kept for longer.
    Raises PackageIndexError, with the hint *outage* where that is given and no answer came.
    """
    key = redact(url)
    cached = cached_page(key, pages) if not reload else None
    if cached is not None and ((cached.fresh and not renew) or client.offline):
        _LOG.debug("%s: from the cache", key)
        return FetchedPage(cached)
    tag = cached.etag if cached is not None else None
    conditions = {"If-None-Match": tag} if tag is not None and _ETAG.fullmatch(tag) else {}
    try:
        answer = client.get(url, {"Accept": ACCEPT, **conditions})
    except PackageIndexError as error:
        raise PackageIndexError(error.subject, error.problem, hint=outage or error.hint) from error
    if answer.status in (404, 410):
        return None
    if answer.status == 304 and cached is not None and conditions:
        pages.refresh(key, _max_age(answer))
        return FetchedPage(cached)
    if answer.status != 200:
        raise _refused(key, answer)
    return FetchedPage(_page_of(answer), _max_age(answer) if not url.startswith("file:") else None)


def _page_of(answer: Response) -> CachedPage:
    return CachedPage(
        base=redact(answer.url),
        etag=answer.headers.get("etag"),
        content_type=answer.headers.get("content-type") or (_JSON if answer.body[:1] == b"{" else "text/html"),
        body=answer.body,
        fresh=True,
    )


def serialized(page: CachedPage, url: str, name: NormalizedName) -> CachedPage:
    """Return *page*, of the project *name*, in the form in which it is kept; raises PackageIndexError."""
    try:
        body = serialize_page(bytes(page.body), page.content_type, name=name)
    except PageError as error:
        raise PackageIndexError(redact(url), str(error)) from error
    return replace(page, content_type=SERIALIZED, body=body, checksummed=checksummed_size(body))


def _refused(url: str, answer: Response) -> PackageIndexError:
    hint = None
    if answer.status in (401, 403):
        hint = "give a login by netrc, keyring, LOCKML_INDEX_<NAME>_USERNAME and _PASSWORD, or in the index URL"
    return PackageIndexError(url, f"answered with status {answer.status}", hint=hint)


def _max_age(answer: Response) -> float:
    """Return for how many seconds the page may be kept (RFC 9111, 4.2.1); what makes no sense is none, a day is most.

    What a server says of caching without an age, as must-revalidate, allows nothing to be kept without asking either.
    """
    control = answer.headers.get("cache-control", "").lower()
    directives = dict(part.strip().partition("=")[::2] for part in control.split(","))
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    if "max-age" in directives:
        age = directives["max-age"].strip('"')
        return _sensible(float(age)) if _SECONDS.fullmatch(age) else 0.0
    expires = answer.headers.get("expires")
    if expires is not None:
        date = _moment(answer.headers.get("date", ""))
        return _sensible(_moment(expires) - date) if date else 0.0
    return 0.0 if "must-revalidate" in directives else _DEFAULT_MAX_AGE


def _sensible(age: float) -> float:
    return min(age, _MAX_AGE) if 0 < age <= _ABSURD else 0.0


def _moment(text: str) -> float:
    """Return the date of a header as seconds since 1970, 0 for none."""
    from email.utils import parsedate_to_datetime  # takes longer to load than a warm compile has

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
