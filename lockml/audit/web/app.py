"""The ASGI application that serves the pages, the API and the metrics of a store."""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lockml.audit.config.model import Actions as WhoActs
from lockml.audit.runs.host import Clock, utc_now
from lockml.audit.store.store import Store
from lockml.audit.web.api import Api
from lockml.audit.web.login import Login
from lockml.audit.web.metrics import metrics_page
from lockml.audit.web.pages import Pages
from lockml.audit.web.security import HEALTH, Gate
from lockml.audit.web.triage.actions import Actions
from lockml.audit.web.triage.forms import Forms
from lockml.audit.web.triage.pages import TriagePages
from lockml.common.display import redact
from lockml.common.errors import LockmlError

__all__ = ["build_app"]


def build_app(
    store: Store,
    *,
    token: str | None = None,
    hosts: Iterable[str] = (),
    actions: Callable[[], WhoActs] = lambda: "login",
    alive: Callable[[], bool] = lambda: True,
    clock: Clock = utc_now,
) -> Starlette:
    """Return the application for *store*, for users who have *token*, under the names *hosts*, or any without them.

    *actions* says who may change something, *alive* whether the scheduler runs, which ``/healthz`` reports.
    """
    login = Login(token, clock) if token is not None else None
    forms = Forms(login, actions)
    pages, api = Pages(store, login, forms, clock), Api(store, clock)
    triage = TriagePages(store, pages.show, clock)

    def refused(request: Request, error: Exception) -> Response:
        status, text, headers = _described(error)
        if request.scope["path"].startswith("/api/"):
            return JSONResponse({"error": text}, status_code=status, headers=headers)
        answer = pages.show("error.html", request, status, status=status, text=text)
        answer.headers.update(headers or {})
        return answer

    return Starlette(
        routes=[
            *Actions(store, forms, clock).routes,
            *triage.routes,
            *pages.routes,
            *api.routes,
            Route("/metrics", lambda request: metrics_page(store, request, clock)),
            Route(HEALTH, lambda request: _health(store, alive(), named=request.state.known, now=clock())),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
        ],
        middleware=[Middleware(Gate, login=login, hosts=tuple(hosts))],
        exception_handlers={HTTPException: refused, LockmlError: refused},
    )


def _health(store: Store, alive: bool, *, named: bool, now: datetime) -> Response:
    """Say whether this process works and which others are dead: ``degraded``, which is no failure of this one.

    The hosts of dead processes are *named* only to those who may read the pages: anyone may ask for the health.
    """
    dead: list[dict[str, str]] = []
    try:
        for each in store.workers.all(now):
            if each.is_dead:
                more = {"host": each.host, "seen": msgspec.to_builtins(each.seen)} if named else {}
                dead.append({"role": each.role, **more})
        answers = True
    except LockmlError:
        answers = False
    fit = answers and alive
    status = "failed" if not fit else "degraded" if dead else "ok"
    content = {"status": status, "store": answers, "scheduler": alive, "dead": dead}
    return JSONResponse(content, status_code=200 if fit else 503)


def _described(error: Exception) -> tuple[int, str, Any]:
    if isinstance(error, HTTPException):
        return error.status_code, error.detail, error.headers
    return 503, redact(str(error)), {"Retry-After": "10"}
