"""Lists of findings: the filter and the page that a request asks for, and links to other pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from lockml.audit.findings import Group
from lockml.audit.model import FINDING_KINDS, SEVERITIES
from lockml.audit.store.open_findings import FindingFilter, Order
from lockml.audit.web.parameters import number_of, text_of

__all__ = ["AGES", "ORDERS", "PAGE", "SHOWN", "Listing", "choice_of", "filter_of", "group_asked"]

PAGE: Final = 50
"""Rows of a page."""

SHOWN: Final = ("open", "acknowledged", "all")
"""The findings to show: those that count, acknowledged ones, or both."""

ORDERS: Final[tuple[Order, ...]] = get_args(Order)
"""The sort keys of groups."""

_MOST_PAGES: Final = 1_000_000
_T = TypeVar("_T", bound=str)

AGES: Final[Mapping[str, tuple[timedelta | None, timedelta | None]]] = {
    "hour": (timedelta(0), timedelta(hours=1)),
    "day": (timedelta(hours=1), timedelta(days=1)),
    "week": (timedelta(days=1), timedelta(weeks=1)),
    "month": (timedelta(weeks=1), timedelta(days=30)),
    "older": (timedelta(days=30), None),
}
"""How long a finding has been open: longer than the first, at most the second."""


def choice_of(request: Request, name: str, choices: Sequence[_T], default: _T) -> _T:
    """Return the parameter *name*, one of *choices*, or *default*; raises HTTPException (400)."""
    text = text_of(request, name) or default
    found = next((each for each in choices if each == text), None)
    if found is None:
        raise HTTPException(400, f"{name} is not one of {', '.join(filter(None, choices))}")
    return found


def filter_of(request: Request, now: datetime, acknowledged: frozenset[int], show: str) -> FindingFilter:
    """Return the filter that *request* asks for; raises HTTPException (400).

    *show* is ``open`` for findings that count, ``acknowledged``, or ``all``.
    """
    kind = choice_of(request, "kind", ("", *FINDING_KINDS), "")
    severity = choice_of(request, "severity", ("", *SEVERITIES), "")
    age = choice_of(request, "age", ("", *AGES), "")
    longer, shorter = AGES[age] if age else (None, None)
    package = text_of(request, "package")
    return FindingFilter(
        words=tuple(text_of(request, "q").split()[:10]),
        kind=kind or None,
        severity=severity or None,
        package=package or None,
        version=text_of(request, "version") or None,
        target=text_of(request, "target") or None,
        group=group_asked(request),
        after=now - shorter if shorter is not None else None,
        before=now - longer if longer else None,
        acknowledged=acknowledged,
        counted={"open": True, "acknowledged": False, "all": None}[show],
    )


def group_asked(request: Request) -> Group | None:
    """Return the group that *request* names, None unless it names every part of it."""
    kind, package = text_of(request, "kind"), text_of(request, "package")
    if not (kind and package and "locked" in request.query_params and "found" in request.query_params):
        return None
    locked, found = text_of(request, "locked") or None, text_of(request, "found") or None
    return Group(kind=kind, package=package, locked=locked, found=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A page of a list at *path* with *query*: *size* rows of *total*, from *offset* on."""

    path: str
    query: Mapping[str, str]
    offset: int
    total: int
    size: int = PAGE

    @classmethod
    def of(cls, request: Request, offset: int, total: int, size: int = PAGE) -> "Listing":
        """Return the page that *request* shows."""
        return cls(path=request.url.path, query=dict(request.query_params), offset=offset, total=total, size=size)

    @staticmethod
    def asked_offset(request: Request, size: int = PAGE) -> int:
        """Return the first row of the page that *request* asks for; raises HTTPException (400)."""
        return ((number_of(request, "page", least=1, most=_MOST_PAGES) or 1) - 1) * size

    @property
    def page(self) -> int:
        """The number of the page, from 1."""
        return self.offset // self.size + 1

    @property
    def pages(self) -> int:
        """The number of pages."""
        return max(1, -(-self.total // self.size))

    @property
    def last(self) -> int:
        """The number of the last row on the page."""
        return min(self.offset + self.size, self.total)

    def link(self, **changes: object) -> str:
        """Return the address with other parameters: None removes one; without a page it is the first."""
        query = {key: value for key, value in self.query.items() if value and key != "page"}
        query |= {key: str(value) for key, value in changes.items() if value is not None}
        gone = {key for key, value in changes.items() if value is None}
        kept = {key: value for key, value in query.items() if key not in gone}
        return f"{self.path}?{urlencode(kept)}" if kept else self.path

    def sort_link(self, key: str, now: str) -> str:
        """Return the address of the list sorted by *key*, in reverse if it is sorted by *key* *now*."""
        return self.link(sort=f"-{key}" if now == key else key)
