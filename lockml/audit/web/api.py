"""The JSON API: requests in, what the store remembers out; `openapi.py` describes it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lockml.audit.store.history import FindingRow, RunRow
from lockml.audit.store.store import Store
from lockml.audit.web.openapi import document
from lockml.audit.web.parameters import number_of, text_of
from lockml.audit.web.views import FleetFilter, TargetView, counts, fleet_view, target_view

__all__ = ["Api", "as_json"]

_MOST = 1000


def as_json(value: object, status: int = 200) -> Response:
    """Return *value* as JSON in ASCII: names of files may hold what UTF-8 cannot."""
    return Response(json.dumps(msgspec.to_builtins(value)), status_code=status, media_type="application/json")


class Api:
    """Answers from *store*."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/api/openapi.json", self.describe),
            Route("/api/summary", self.summary),
            Route("/api/targets", self.targets),
            Route("/api/targets/{name:path}/runs", self.target_runs),
            Route("/api/targets/{name:path}", self.target),
            Route("/api/runs", self.runs),
            Route("/api/runs/{run}", self.run),
            Route("/api/findings", self.findings),
        ]

    def describe(self, _: Request) -> Response:
        """Return the description of the API (OpenAPI 3.1)."""
        return as_json(document())

    def summary(self, _: Request) -> Response:
        """Return how many targets there are of each state."""
        views = fleet_view(self._store, FleetFilter())
        return as_json({"targets": len(views), "states": counts(views)})

    def targets(self, request: Request) -> Response:
        """Return all targets, or those that are asked for."""
        chosen = FleetFilter(
            words=text_of(request, "q"), state=text_of(request, "state"), label=text_of(request, "label")
        )
        return as_json({"targets": [_target(view) for view in fleet_view(self._store, chosen)]})

    def target(self, request: Request) -> Response:
        """Return one target with what is open."""
        name = _name(request)
        view = target_view(self._store, name)
        if view is None:
            raise HTTPException(404, "there is no such target")
        found = self._store.history.findings(name)
        return as_json({**_target(view), "findings": [_finding(row) for row in found]})

    def target_runs(self, request: Request) -> Response:
        """Return the runs of one target."""
        name = _name(request)
        if self._store.targets.one(name) is None:
            raise HTTPException(404, "there is no such target")
        return as_json({"runs": self._runs(request, name)})

    def runs(self, request: Request) -> Response:
        """Return the runs of all targets."""
        return as_json({"runs": self._runs(request, None)})

    def _runs(self, request: Request, target: str | None) -> Sequence[Mapping[str, Any]]:
        limit = number_of(request, "limit", least=1, most=_MOST) or 100
        found = self._store.history.runs(target, limit=limit, before=number_of(request, "before"))
        return [_run(run) for run in found]

    def run(self, request: Request) -> Response:
        """Return one run with all that it found."""
        run = self._store.history.run(number_of(request, "run", path=True) or 0)
        if run is None:
            raise HTTPException(404, "there is no such run")
        found = msgspec.to_builtins(self._store.history.document(run))
        return as_json({**_run(run), **found})

    def findings(self, request: Request) -> Response:
        """Return findings: the open ones, with ``all=true`` those that are resolved too."""
        limit = number_of(request, "limit", least=1, most=_MOST) or 500
        every = text_of(request, "all", "false")
        if every not in ("true", "false"):
            raise HTTPException(400, "all is true or false")
        name, target = text_of(request, "name") or None, text_of(request, "target") or None
        before = number_of(request, "before")
        found = self._store.history.findings(target, name=name, closed=every == "true", limit=limit, before=before)
        return as_json({"findings": [_finding(row) for row in found]})


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    if "\0" in name or any("\ud800" <= each <= "\udfff" for each in name):
        raise HTTPException(404, "there is no such target")
    return name


def _run(run: RunRow) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(run)
    return {key: value for key, value in row.items() if key not in ("document", "lock")}


def _finding(row: FindingRow) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(row)
    return {**found.pop("finding"), **found}


def _target(view: TargetView) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(view.target)
    row.pop("definition")
    since = view.since.isoformat() if view.since is not None else None
    return {**row, "state": view.state, "since": since, "run": _run(view.run) if view.run is not None else None}
