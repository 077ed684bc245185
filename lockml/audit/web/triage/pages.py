"""The pages of open findings, of one target, and of acknowledgements."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lockml.audit.model import FINDING_KINDS, SEVERITIES, Finding
from lockml.audit.runs.host import Clock
from lockml.audit.store.acknowledgements import Acknowledgement
from lockml.audit.store.history import FindingRow
from lockml.audit.store.open_findings import FindingFilter, GroupRow
from lockml.audit.store.store import Store
from lockml.audit.web.charts import kinds_of, timeline
from lockml.audit.web.parameters import number_of
from lockml.audit.web.triage.listing import AGES, ORDERS, PAGE, SHOWN, Listing, choice_of, filter_of
from lockml.audit.web.views import target_view

__all__ = ["GroupView", "TriagePages"]

_BY: Final = ("package", "kind", "age", "target", "finding")
_RUNS: Final = 60  # in a timeline
_LISTED_RUNS: Final = 15
_SAMPLES: Final = 10  # findings of a group on a target's page
_RESOLVED: Final = 20

Show = Callable[..., Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group with the first of its *findings*."""

    row: GroupRow
    findings: Sequence[FindingRow]

    @property
    def fix(self) -> str:
        """The fix of all listed findings, "" if they have several or none."""
        fixes = {each.finding.fix for each in self.findings}
        return fixes.pop() if len(fixes) == 1 else ""

    @property
    def example(self) -> Finding:
        """The first finding."""
        return self.findings[0].finding


class TriagePages:
    """The pages of *store* at the time of *clock*, which *show* renders."""

    def __init__(self, store: Store, show: Show, clock: Clock) -> None:
        self._store = store
        self._show = show
        self._clock = clock

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/findings", self.findings),
            Route("/acknowledgements", self.acknowledgements),
            Route("/targets/{name:path}", self.target),
        ]

    def findings(self, request: Request) -> Response:
        """Show open findings over the fleet, grouped as the request asks."""
        now = self._clock()
        by, show = choice_of(request, "by", _BY, "package"), choice_of(request, "show", SHOWN, "open")
        sort = choice_of(request, "sort", ORDERS, "severity")
        held = self._store.acknowledgements.holding(now)
        chosen = filter_of(request, now, frozenset(held), show)
        offset = Listing.asked_offset(request)
        if by == "age":
            found: Any = self._ages(chosen, now)
            rows, offset, total, count = found, 0, len(found), sum(each for _, each in found)
        elif by == "finding":
            page = self._store.findings.rows(chosen, limit=PAGE, offset=offset)
            rows, offset, total, count = page.rows, page.offset, page.total, page.count
        else:
            page = self._store.findings.groups(chosen, sort, limit=PAGE, offset=offset, by=by)
            rows, offset, total, count = page.rows, page.offset, page.total, page.count
        return self._show(
            "findings.html",
            request,
            rows=rows,
            listing=Listing.of(request, offset, total),
            count=count,
            by=by,
            sort=sort,
            show=show,
            chosen=chosen,
            held=held,
            kinds=FINDING_KINDS,
            severities=SEVERITIES,
            ages=AGES,
            orders=ORDERS,
            tomorrow=_in_days(now, 1),
            week=_in_days(now, 7),
            last=_in_days(now, 365),
        )

    def _ages(self, chosen: FindingFilter, now: datetime) -> list[tuple[str, int]]:
        """Return the number of *chosen* findings of each age, the youngest first."""
        ends = [(name, now - shorter if shorter is not None else datetime.min.replace(tzinfo=now.tzinfo))
                for name, (_, shorter) in AGES.items()]  # fmt: skip
        counted = self._store.findings.opened(chosen, [moment for _, moment in ends])
        before = [0, *counted]
        return [(name, count - before[at]) for at, ((name, _), count) in enumerate(zip(ends, counted, strict=True))]

    def acknowledgements(self, request: Request) -> Response:
        """Show acknowledgements, ended ones included."""
        now = self._clock()
        rows = self._store.acknowledgements.all(limit=PAGE + 1, before=number_of(request, "before"))
        older = rows[PAGE - 1].id if len(rows) > PAGE else None
        return self._show("acknowledgements.html", request, rows=rows[:PAGE], older=older, moment_now=now)

    def target(self, request: Request) -> Response:
        """Show one target: its open findings, their fixes and its runs."""
        name, now = request.path_params["name"], self._clock()
        view = target_view(self._store, now, name) if "\0" not in name else None
        if view is None:
            raise HTTPException(404, "No such target")
        before = number_of(request, "before")
        runs = self._store.history.runs(name, limit=_RUNS, before=before)
        held = self._store.acknowledgements.holding(now)
        chosen = FindingFilter(target=name, acknowledged=frozenset(held), counted=True)
        page = self._store.findings.groups(chosen, "severity", limit=PAGE, offset=Listing.asked_offset(request))
        known = self._store.findings.groups(
            FindingFilter(target=name, acknowledged=frozenset(held), counted=False), "severity", limit=PAGE
        )
        resolved = self._store.history.resolved(name, limit=_RESOLVED + 1)
        return self._show(
            "target.html",
            request,
            view=view,
            groups=self._with_samples(chosen, page.rows),
            listing=Listing.of(request, page.offset, page.total),
            count=page.count,
            known=[(row, _rules_of(row, held)) for row in known.rows],
            known_more=known.total - len(known.rows),
            runs=runs[:_LISTED_RUNS],
            before=before,
            older=runs[_LISTED_RUNS - 1].id if len(runs) > _LISTED_RUNS else None,
            next_runs=runs[1 : _LISTED_RUNS + 1],
            picture=timeline(runs[::-1]),
            pictured=len(runs),
            kinds=kinds_of(runs),
            resolved=resolved[:_RESOLVED],
            more_resolved=len(resolved) > _RESOLVED,
            tomorrow=_in_days(now, 1),
            week=_in_days(now, 7),
            last=_in_days(now, 365),
        )

    def _with_samples(self, chosen: FindingFilter, rows: Sequence[GroupRow]) -> list[GroupView]:
        samples = self._store.findings.samples(chosen, rows, _SAMPLES)
        return [GroupView(row=row, findings=found) for row in rows if (found := samples[row.group])]


def _rules_of(row: GroupRow, held: dict[int, Acknowledgement]) -> Acknowledgement | None:
    """Return the acknowledgement of *row*."""
    number = row.example.acknowledged if row.example is not None else None
    return held.get(number) if number is not None else None


def _in_days(now: datetime, days: int) -> str:
    return f"{now + timedelta(days=days):%Y-%m-%d}"
