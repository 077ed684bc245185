"""The HTML pages, which work without scripts and say everything in words."""

import re
from typing import Any, Final
from urllib.parse import parse_qs, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lockml import __version__
from lockml.audit.findings import group_of
from lockml.audit.model import STATES
from lockml.audit.runs.host import Clock
from lockml.audit.store.history import FindingRow, RunRow
from lockml.audit.store.store import Store
from lockml.audit.web.charts import spark_line
from lockml.audit.web.login import LIFETIME, Login, TooManyWrongTokensError
from lockml.audit.web.openapi import document
from lockml.audit.web.parameters import number_of, text_of
from lockml.audit.web.security import COOKIE, address_of
from lockml.audit.web.triage.forms import FIELD, Forms, local_page
from lockml.audit.web.triage.grouping import found_groups, one_by_one
from lockml.audit.web.triage.listing import PAGE, Listing, group_asked
from lockml.audit.web.views import (
    OVERDUE,
    SORTS,
    FleetFilter,
    TargetView,
    ago,
    counts,
    fleet_view,
    sorted_views,
    with_details,
)
from lockml.common.display import escape, redact
from lockml.common.errors import LockmlError
from lockml.drift.model import LEVELS
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.queries.difference import Change, compare_locks

__all__ = ["Pages"]

_LISTED: Final = 200
_INSTALLED: Final = re.compile(r"^/.*/(?=(?:site|dist)-packages/)")
_HIDDEN: Final = Markup('<input type="hidden" name="{}" value="{}"><input type="hidden" name="next" value="{}">')
_MAX_FORM: Final = 4096


class Pages:
    """The pages of *store* at the time of *clock*, for users of *login*, for everyone without it, with *forms*."""

    def __init__(self, store: Store, login: Login | None, forms: Forms, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._login = login
        self._forms = forms
        self._templates = Environment(
            loader=PackageLoader("lockml.audit.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters |= {
            "shown": lambda text: escape(redact(str(text))),
            "moment": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
            "iso": lambda moment: moment.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "ago": lambda moment: ago(moment, clock()),
            "part": lambda text: quote(str(text), safe=""),
            "spark": spark_line,
            "tail": lambda package: _INSTALLED.sub("…/", package),
        }

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/", self.fleet),
            Route("/login", self.login, methods=["GET"]),
            Route("/login", self.enter, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
            Route("/runs", self.runs),
            Route("/api", self.api),
            Route("/runs/{run}", self.run),
            Route("/runs/{run}/diff/{other}", self.difference),
            Route("/search", self.search),
        ]

    def show(self, name: str, request: Request, code: int = 200, **context: Any) -> Response:
        """Return the page of the template *name*."""
        template = self._templates.get_template(name)
        leaves = self._login is not None and self._login.is_open(request.cookies.get(COOKIE, ""))
        shared: dict[str, Any] = {
            "version": __version__,
            "path": request.url.path,
            "now": self._clock(),
            "leaves": leaves,
        }
        if self._forms.offered:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            shared |= {"acts": True, "hidden": _HIDDEN.format(FIELD, self._forms.token(request), here)}
        else:
            shared |= {"acts": False, "hidden": ""}
        return HTMLResponse(template.render({**shared, **context}), status_code=code)

    def fleet(self, request: Request) -> Response:
        """Show all targets with their states and worst findings, a page at a time."""
        chosen = FleetFilter(
            words=text_of(request, "q"), state=text_of(request, "state"), label=text_of(request, "label")
        )
        sort = text_of(request, "sort") or "state"
        if sort.removeprefix("-") not in SORTS:
            raise HTTPException(400, f"sort is not one of {', '.join(SORTS)}, with a minus before it for the reverse")
        now = self._clock()
        every = fleet_view(self._store, now, FleetFilter())
        shown = sorted_views(filter(chosen.fits, every), sort)
        offset = Listing.asked_offset(request)
        offset = offset if offset < len(shown) else 0
        return self.show(
            "fleet.html",
            request,
            views=with_details(self._store, now, shown[offset : offset + PAGE]),
            listing=Listing.of(request, offset, len(shown)),
            counts=counts(every),
            chosen=chosen,
            sort=sort,
            labels=sorted({f"{key}={value}" for view in every for key, value in view.target.labels.items()}),
            states=(*STATES, "waiting", OVERDUE),
            workers=self._store.workers.all(now),
        )

    def runs(self, request: Request) -> Response:
        """Show the last runs of all targets."""
        before = number_of(request, "before")
        found = self._store.history.runs(limit=PAGE + 1, before=before)
        older = found[PAGE - 1].id if len(found) > PAGE else None
        return self.show("runs.html", request, runs=found[:PAGE], older=older, before=before)

    def api(self, request: Request) -> Response:
        """List the paths of the API."""
        described = document()["paths"]
        paths = [
            (path, each["get"]["summary"], [one["name"] for one in each["get"]["parameters"] if one["in"] == "query"])
            for path, each in described.items()
        ]
        return self.show("api.html", request, paths=paths)

    def run(self, request: Request) -> Response:
        """Show the findings of one run by group, or all of one group."""
        run = self._run_of(request, "run")
        earlier = next(iter(self._store.history.runs(run.target, limit=1, before=run.id)), None)
        found = self._store.history.document(run)
        whole = group_asked(request)
        if whole is None:
            offset = Listing.asked_offset(request)
            grouped = found_groups(found.findings, request.url.path, PAGE, offset)
            groups, total, size = grouped.groups, grouped.total, PAGE
        else:
            theirs = [each for each in found.findings if group_of(each) == whole]
            offset, total, size = Listing.asked_offset(request, _LISTED), len(theirs), _LISTED
            groups = one_by_one(theirs[offset : offset + size])
        listing = Listing.of(request, offset, total, size)
        shown: dict[str, Any] = {"run": run, "document": found, "earlier": earlier, "levels": LEVELS}
        return self.show("run.html", request, **shown, groups=groups, listing=listing, whole=whole)

    def difference(self, request: Request) -> Response:
        """Show how findings and locks changed from one run to another."""
        one, other = self._run_of(request, "run"), self._run_of(request, "other")
        before, after = self._store.history.document(one), self._store.history.document(other)
        old = {finding.fingerprint: finding for finding in before.findings}
        new = {finding.fingerprint: finding for finding in after.findings}
        opened = found_groups([each for key, each in new.items() if key not in old], f"/runs/{other.id}", _LISTED)
        resolved = found_groups([each for key, each in old.items() if key not in new], f"/runs/{one.id}", _LISTED)
        locks, reason = self._locks(one, other)
        shown: dict[str, Any] = {"one": one, "other": other, "opened": opened, "resolved": resolved}
        return self.show("diff.html", request, **shown, locks=locks, reason=reason)

    def _locks(self, one: RunRow, other: RunRow) -> tuple[tuple[Change, ...], str]:
        """Return how the locks of two runs differ, or why that is unknown."""
        if one.lock == other.lock:
            return (), "Both runs used the same lock."
        texts = self._store.history.lock_text(one), self._store.history.lock_text(other)
        if texts[0] is None or texts[1] is None:
            return (), "One of the runs could not read its lock."
        try:
            old, new = (parse_any_lock(text.encode("utf-8", "surrogateescape"), "lock") for text in texts if text)
        except LockmlError as error:
            return (), f"A lock cannot be read: {error}"
        return compare_locks(old, new), "The locks differ, but not in their pins."

    def search(self, request: Request) -> Response:
        """Show the findings and targets whose names contain words."""
        words = text_of(request, "q").strip()
        before = number_of(request, "before")
        found: list[FindingRow] = []
        targets: list[TargetView] = []
        if words:
            found = self._store.history.findings(name=words, closed=True, limit=_LISTED + 1, before=before)
            targets = fleet_view(self._store, self._clock(), FleetFilter(words=words), gone=True)
        return self.show(
            "search.html",
            request,
            words=words,
            findings=found[:_LISTED],
            total=self._store.history.count_findings(words) if words else 0,
            older=found[_LISTED - 1].id if len(found) > _LISTED else None,
            before=before,
            targets=targets[:PAGE],
            targets_total=len(targets),
        )

    def login(self, request: Request) -> Response:
        """Show the login form."""
        return self.show("login.html", request, next=local_page(text_of(request, "next")), wrong=None)

    async def enter(self, request: Request) -> Response:
        """Begin a session for the token of a form."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM:
                raise HTTPException(413, "The token is too long")
        form = parse_qs(body.decode("utf-8", "replace"))
        given, page = form.get("token", [""])[0], local_page(form.get("next", ["/"])[0])
        try:
            key = self._login.begin(given, address_of(request)) if self._login is not None else None
        except TooManyWrongTokensError as error:
            answer = self.show("login.html", request, 429, next=page, wrong=f"{str(error).capitalize()}.")
            answer.headers["Retry-After"] = str(error.seconds)
            return answer
        if key is None:
            return self.show("login.html", request, 403, next=page, wrong="Wrong token.")
        answer = RedirectResponse(page, status_code=303)
        seconds, secure = int(LIFETIME.total_seconds()), request.url.scheme == "https"
        answer.set_cookie(COOKIE, key, max_age=seconds, httponly=True, samesite="strict", secure=secure)
        return answer

    async def leave(self, request: Request) -> Response:
        """End the session of this browser."""
        if self._login is not None:
            self._login.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login" if self._login is not None else "/", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https")
        return answer

    def _run_of(self, request: Request, name: str) -> RunRow:
        run = self._store.history.run(number_of(request, name, path=True) or 0)
        if run is None:
            raise HTTPException(404, "No such run")
        return run
