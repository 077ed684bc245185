"""The pages: requests in, HTML out, which works without scripts and says everything in words."""

from typing import Any, Final
from urllib.parse import parse_qs, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lockml import __version__
from lockml.audit.findings import Changes
from lockml.audit.model import STATES
from lockml.audit.runs.host import Clock
from lockml.audit.store.history import RunRow
from lockml.audit.store.store import Store
from lockml.audit.web.charts import kinds_of, spark_line, timeline
from lockml.audit.web.login import LIFETIME, Login, TooManyWrongTokensError
from lockml.audit.web.parameters import number_of, text_of
from lockml.audit.web.security import COOKIE, address_of
from lockml.audit.web.views import FleetFilter, ago, counts, fleet_view, target_view
from lockml.common.display import escape, redact
from lockml.common.errors import LockmlError
from lockml.drift.model import LEVELS
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.queries.difference import Change, compare_locks

__all__ = ["Pages"]

_RUNS: Final = 60  # that a timeline shows
_LISTED: Final = 200
_MAX_FORM: Final = 4096


class Pages:
    """The pages of *store* at the time of *clock*; *login* lets in, None lets in anybody."""

    def __init__(self, store: Store, login: Login | None, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._login = login
        self._templates = Environment(
            loader=PackageLoader("lockml.audit.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters |= {
            "shown": lambda text: escape(redact(str(text))),
            "moment": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
            "ago": lambda moment: ago(moment, clock()),
            "part": lambda text: quote(str(text), safe=""),
            "spark": spark_line,
        }

    @property
    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("/", self.fleet),
            Route("/login", self.login, methods=["GET"]),
            Route("/login", self.enter, methods=["POST"]),
            Route("/logout", self.leave, methods=["POST"]),
            Route("/targets/{name:path}", self.target),
            Route("/runs/{run}", self.run),
            Route("/runs/{run}/diff/{other}", self.difference),
            Route("/search", self.search),
        ]

    def show(self, name: str, request: Request, code: int = 200, **context: Any) -> Response:
        """Return the page made of the template *name*."""
        template = self._templates.get_template(name)
        leaves = self._login is not None and self._login.is_open(request.cookies.get(COOKIE, ""))
        shared = {"version": __version__, "path": request.url.path, "now": self._clock(), "leaves": leaves}
        return HTMLResponse(template.render({**shared, **context}), status_code=code)

    def fleet(self, request: Request) -> Response:
        """Show all targets and how they are."""
        chosen = FleetFilter(
            words=text_of(request, "q"), state=text_of(request, "state"), label=text_of(request, "label")
        )
        every = fleet_view(self._store, FleetFilter())
        labels = sorted({f"{key}={value}" for view in every for key, value in view.target.labels.items()})
        shown = [view for view in every if chosen.fits(view)]
        states = (*STATES, "waiting")
        return self.show(
            "fleet.html",
            request,
            views=shown,
            counts=counts(every),
            chosen=chosen,
            labels=labels,
            states=states,
            workers=self._store.workers.all(self._clock()),
        )

    def target(self, request: Request) -> Response:
        """Show one target: what is open, and how it went."""
        name = request.path_params["name"]
        view = target_view(self._store, name)
        if view is None:
            raise HTTPException(404, "there is no such target")
        before = number_of(request, "before")
        runs = self._store.history.runs(name, limit=_RUNS, before=before)
        return self.show(
            "target.html",
            request,
            view=view,
            runs=runs,
            picture=timeline(runs[::-1]),
            kinds=kinds_of(runs),
            older=runs[-1].id if len(runs) == _RUNS else None,
            open=self._store.history.findings(name),
            closed=[each for each in self._store.history.findings(name, closed=True, limit=50) if each.resolved],
        )

    def run(self, request: Request) -> Response:
        """Show what one run found."""
        run = self._run_of(request, "run")
        earlier = next(iter(self._store.history.runs(run.target, limit=1, before=run.id)), None)
        document = self._store.history.document(run)
        return self.show("run.html", request, run=run, document=document, earlier=earlier, levels=LEVELS)

    def difference(self, request: Request) -> Response:
        """Show what changed from one run to another: findings and locks."""
        one, other = self._run_of(request, "run"), self._run_of(request, "other")
        before, after = self._store.history.document(one), self._store.history.document(other)
        old = {finding.fingerprint: finding for finding in before.findings}
        new = {finding.fingerprint: finding for finding in after.findings}
        changes = Changes(
            opened=tuple(each for key, each in new.items() if key not in old),
            resolved=tuple(each for key, each in old.items() if key not in new),
        )
        locks, reason = self._locks(one, other)
        return self.show("diff.html", request, one=one, other=other, changes=changes, locks=locks, reason=reason)

    def _locks(self, one: RunRow, other: RunRow) -> tuple[tuple[Change, ...], str]:
        """Return how the locks of two runs differ, or why that cannot be told."""
        if one.lock == other.lock:
            return (), "Both were held against the same lock."
        texts = self._store.history.lock_text(one), self._store.history.lock_text(other)
        if texts[0] is None or texts[1] is None:
            return (), "One of them could not read its lock."
        try:
            old, new = (parse_any_lock(text.encode("utf-8", "surrogateescape"), "lock") for text in texts if text)
        except LockmlError as error:
            return (), f"A lock cannot be read: {error}"
        return compare_locks(old, new), "The locks differ, but not in what they pin."

    def search(self, request: Request) -> Response:
        """Show the findings and targets that have words in their names."""
        words = text_of(request, "q").strip()
        found = self._store.history.findings(name=words, closed=True, limit=_LISTED) if words else []
        targets = fleet_view(self._store, FleetFilter(words=words), gone=True) if words else []
        return self.show("search.html", request, words=words, findings=found, targets=targets)

    def login(self, request: Request) -> Response:
        """Ask for the token."""
        return self.show("login.html", request, next=_local(text_of(request, "next")), wrong=None)

    async def enter(self, request: Request) -> Response:
        """Let in who gives the token."""
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_FORM:
                raise HTTPException(413, "that is no token")
        form = parse_qs(body.decode("utf-8", "replace"))
        given, page = form.get("token", [""])[0], _local(form.get("next", ["/"])[0])
        try:
            key = self._login.begin(given, address_of(request)) if self._login is not None else None
        except TooManyWrongTokensError as error:
            answer = self.show("login.html", request, 429, next=page, wrong=f"{str(error).capitalize()}.")
            answer.headers["Retry-After"] = str(error.seconds)
            return answer
        if key is None:
            return self.show("login.html", request, 403, next=page, wrong="That is not the token.")
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
            raise HTTPException(404, "there is no such run")
        return run


def _local(path: str) -> str:
    """Return *place* where it is one of our own pages, and the first of them where it is not."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
