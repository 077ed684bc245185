"""The JSON API, which `openapi.py` describes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lockml.audit.model import FINDING_KINDS, SEVERITIES
from lockml.audit.runs.host import Clock
from lockml.audit.store.acknowledgements import Acknowledgement
from lockml.audit.store.history import FindingQuery, FindingRow, RunRow
from lockml.audit.store.open_findings import FindingFilter, GroupRow
from lockml.audit.store.store import Store
from lockml.audit.web.openapi import document
from lockml.audit.web.parameters import number_of, text_of
from lockml.audit.web.triage.listing import ORDERS, SHOWN, choice_of, filter_of
from lockml.audit.web.views import FleetFilter, TargetView, counts, fleet_view, target_view

__all__ = ["Api", "as_json"]

_MOST: Final = 1000
_MOST_PAGES: Final = 1_000_000


def as_json(request: Request, value: object) -> Response:
    """Return *value* as JSON in ASCII: names of files may hold what UTF-8 cannot. Times are UTC and end in Z.

    The response has an ETag, and no body if *request* has it already (RFC 9110, 13.1.2).
    """
    body = json.dumps(msgspec.to_builtins(value)).encode("ascii")
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    if tag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


class Api:
    """The answers from *store*, at the time of *clock*."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/api/openapi.json", self.describe),
            Route("/api/summary", self.summary),
            Route("/api/targets", self.targets),
            Route("/api/targets/{name:path}/runs", self.target_runs),
            Route("/api/targets/{name:path}", self.target),
            Route("/api/runs", self.runs),
            Route("/api/runs/{run}", self.run),
            Route("/api/findings", self.findings),
            Route("/api/groups", self.groups),
            Route("/api/acknowledgements", self.acknowledgements),
        ]

    def describe(self, request: Request) -> Response:
        """Return the description of the API (OpenAPI 3.1)."""
        return as_json(request, document())

    def summary(self, request: Request) -> Response:
        """Return the number of targets in each state."""
        views = fleet_view(self._store, self._clock(), FleetFilter())
        return as_json(request, {"targets": len(views), "states": counts(views)})

    def targets(self, request: Request) -> Response:
        """Return all targets, or those that the parameters choose."""
        chosen = FleetFilter(
            words=text_of(request, "q"), state=text_of(request, "state"), label=text_of(request, "label")
        )
        return as_json(request, {"targets": [_target(view) for view in fleet_view(self._store, self._clock(), chosen)]})

    def target(self, request: Request) -> Response:
        """Return one target with its open findings."""
        name = _name(request)
        view = target_view(self._store, self._clock(), name)
        if view is None:
            raise HTTPException(404, "No such target")
        held = frozenset(self._store.acknowledgements.holding(self._clock()))
        page = self._store.findings.rows(FindingFilter(target=name), limit=_MOST)
        found = [_finding(row, held) for row in page.rows]
        return as_json(request, {**_target(view), "findings": found, "findings_total": page.total})

    def target_runs(self, request: Request) -> Response:
        """Return the runs of one target."""
        name = _name(request)
        if self._store.targets.one(name) is None:
            raise HTTPException(404, "No such target")
        return as_json(request, {"runs": self._runs(request, name)})

    def runs(self, request: Request) -> Response:
        """Return the runs of all targets."""
        return as_json(request, {"runs": self._runs(request, None)})

    def _runs(self, request: Request, target: str | None) -> Sequence[Mapping[str, Any]]:
        limit = number_of(request, "limit", least=1, most=_MOST) or 100
        found = self._store.history.runs(target, limit=limit, before=number_of(request, "before"))
        return [_run(run) for run in found]

    def run(self, request: Request) -> Response:
        """Return one run with its findings."""
        run = self._store.history.run(number_of(request, "run", path=True) or 0)
        if run is None:
            raise HTTPException(404, "No such run")
        found = msgspec.to_builtins(self._store.history.document(run))
        return as_json(request, {**_run(run), **found})

    def findings(self, request: Request) -> Response:
        """Return open findings, with ``all=true`` resolved ones too."""
        limit = number_of(request, "limit", least=1, most=_MOST) or 500
        every = choice_of(request, "all", ("true", "false"), "false")
        kind, severity = (
            choice_of(request, "kind", ("", *FINDING_KINDS), ""),
            choice_of(request, "severity", ("", *SEVERITIES), ""),
        )
        chosen = FindingQuery(
            target=text_of(request, "target") or None,
            name=text_of(request, "name") or None,
            package=text_of(request, "package") or None,
            kind=kind or None,
            severity=severity or None,
            closed=every == "true",
        )
        found = self._store.history.find(chosen, limit=limit, before=number_of(request, "before"))
        held = frozenset(self._store.acknowledgements.holding(self._clock()))
        return as_json(request, {"findings": [_finding(row, held) for row in found]})

    def groups(self, request: Request) -> Response:
        """Return open findings by kind, package and version, a page at a time."""
        now = self._clock()
        limit = number_of(request, "limit", least=1, most=_MOST) or 100
        page = number_of(request, "page", least=1, most=_MOST_PAGES) or 1
        show = choice_of(request, "show", SHOWN, "open")
        chosen = filter_of(request, now, frozenset(self._store.acknowledgements.holding(now)), show)
        order = choice_of(request, "sort", ORDERS, "severity")
        found = self._store.findings.groups(chosen, order, limit=limit, offset=(page - 1) * limit)
        rows = found.rows if found.offset == (page - 1) * limit else ()
        return as_json(
            request, {"groups": [_group(row) for row in rows], "total": found.total, "findings": found.count}
        )

    def acknowledgements(self, request: Request) -> Response:
        """Return acknowledgements, ended ones included, the newest first."""
        limit = number_of(request, "limit", least=1, most=_MOST) or 100
        found = self._store.acknowledgements.all(limit=limit, before=number_of(request, "before"))
        now = self._clock()
        return as_json(request, {"acknowledgements": [_acknowledgement(each, now) for each in found]})


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if "\0" in name or any("\ud800" <= each <= "\udfff" for each in name):
        raise HTTPException(404, "No such target")
    return name


def _run(run: RunRow) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(run)
    return {key: value for key, value in row.items() if key not in ("document", "lock")}


def _finding(row: FindingRow, held: frozenset[int]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(row)
    return {**found.pop("finding"), **found, "acknowledged": row.acknowledged if row.acknowledged in held else None}


def _group(row: GroupRow) -> dict[str, Any]:
    table: dict[str, Any] = msgspec.to_builtins(row)
    group, example = table.pop("group"), table.pop("example")
    del table["target"], table["held"]
    fix = example["finding"]["fix"] if example is not None else ""
    return {**group, **table, "fix": fix}


def _acknowledgement(rule: Acknowledgement, now: datetime) -> dict[str, Any]:
    table: dict[str, Any] = msgspec.to_builtins(rule)
    return {**table.pop("group"), **table, "holds": rule.holds(now)}


def _target(view: TargetView) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(view.target)
    row.pop("definition")
    moments = {"since": view.since, "next": view.next, "overdue": view.overdue, "asked": view.asked}
    run = _run(view.run) if view.run is not None else None
    return {**row, "state": view.state, **msgspec.to_builtins(moments), "run": run}
