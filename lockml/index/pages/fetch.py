"""Fetches the page of a project, unless a cached one is fresh; stale ones are asked for by their ETag."""

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

_DEFAULT_MAX_AGE: Final = 600.0  # seconds; what the public index declares, used where a mirror drops the header
_OWN: Final = "application/vnd.lockml."
_JSON: Final = "application/vnd.pypi.simple.v1+json"


class FetchedPage(NamedTuple):
    """A page, and for how many seconds it may be kept; None where it is kept already."""

    page: CachedPage
    max_age: float | None = None


def cached_page(key: str, pages: PageCache) -> CachedPage | None:
    """Return the page that is kept under *key*, None where another lockml kept it in a form of its own."""
    kept = pages.page(key)
    foreign = kept is not None and kept.content_type.startswith(_OWN) and kept.content_type != SERIALIZED
    return None if foreign else kept


def fetch_page(
    url: str, *, client: HttpClient, pages: PageCache, outage: str | None = None, reload: bool = False
) -> FetchedPage | None:
    """Return the page at *url*, cached or fetched, None where the index has none; with *reload*, always fetched.

    Raises PackageIndexError, with the hint *outage* where that is given and no answer came.
    """
    key = redact(url)
    kept = cached_page(key, pages) if not reload else None
    if kept is not None and (kept.fresh or client.offline):
        return FetchedPage(kept)
    conditions = {"If-None-Match": kept.etag} if kept is not None and kept.etag is not None else {}
    try:
        answer = client.get(url, {"Accept": ACCEPT, **conditions})
    except PackageIndexError as error:
        raise PackageIndexError(error.subject, error.problem, hint=outage or error.hint) from error
    if answer.status in (404, 410):
        return None
    if answer.status == 304 and kept is not None:
        pages.refresh(key, _max_age(answer))
        return FetchedPage(kept)
    if answer.status != 200:
        raise _refused(key, answer)
    content_type = answer.headers.get("content-type") or (_JSON if answer.body[:1] == b"{" else "text/html")
    page = CachedPage(
        base=redact(answer.url),
        etag=answer.headers.get("etag"),
        content_type=content_type,
        body=answer.body,
        fresh=True,
    )
    return FetchedPage(page, _max_age(answer))


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
    control = answer.headers.get("cache-control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0.0
    match = re.search(r"max-age=(\d{1,9})", control)
    return float(match[1]) if match else _DEFAULT_MAX_AGE
