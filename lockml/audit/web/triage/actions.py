"""What the forms do: acknowledge findings, undo an acknowledgement, request a run."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from lockml.audit.findings import Group
from lockml.audit.model import FINDING_KINDS, SEVERITIES
from lockml.audit.runs.host import Clock
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from lockml.audit.web.triage.forms import Forms, local_page
from lockml.common.errors import InputError

__all__ = ["MOST_DAYS", "Actions"]

MOST_DAYS: Final = 366
"""The longest acknowledgement."""

_LONGEST_REASON: Final = 500


class Actions:
    """Changes *store* as *forms* ask for, at the time of *clock*."""

    def __init__(self, store: Store, forms: Forms, clock: Clock) -> None:
        self._store = store
        self._forms = forms
        self._clock = clock

    @property
    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/actions/acknowledge", self.acknowledge, methods=["POST"]),
            Route("/actions/undo", self.undo, methods=["POST"]),
            Route("/actions/run", self.run, methods=["POST"]),
        ]

    async def acknowledge(self, request: Request) -> Response:
        """Acknowledge the open findings of a group, on one target or on all, with a reason, until the end of a day."""
        fields = await self._forms.read(request)
        now = self._clock()
        reason, until = " ".join(fields.get("reason", "").split()), _end_of(fields.get("until", ""))
        if not reason:
            raise HTTPException(400, "Give a reason for the acknowledgement")
        if not now < until <= now + timedelta(days=MOST_DAYS):
            raise HTTPException(400, f"until is not a date within the next {MOST_DAYS} days")
        try:
            number = await run_in_threadpool(
                self._store.acknowledgements.add,
                _scope_of(fields),
                fields.get("target") or None,
                reason[:_LONGEST_REASON],
                now,
                until,
            )
        except InputError as error:
            raise HTTPException(400, f"{error}: {error.hint}") from error
        if number is None:
            raise HTTPException(404, "None of these findings is open any more")
        return _back(fields)

    async def undo(self, request: Request) -> Response:
        """Undo an acknowledgement."""
        fields = await self._forms.read(request)
        number = fields.get("number", "")
        known = number.isascii() and number.isdigit() and len(number) < 19
        if not known or not await run_in_threadpool(self._store.acknowledgements.undo, int(number), self._clock()):
            raise HTTPException(404, "No such acknowledgement, or it has ended")
        return _back(fields)

    async def run(self, request: Request) -> Response:
        """Request a run of a target."""
        fields = await self._forms.read(request)
        target = await run_in_threadpool(self._store.targets.one, fields.get("target", ""))
        if target is None or target.gone is not None:
            raise HTTPException(404, "No such target")
        await run_in_threadpool(self._store.requests.add, target.name, self._clock())
        return _back(fields)


def _scope_of(fields: Mapping[str, str]) -> FindingScope:
    """Return the findings that the form's page showed; a program that names only the group means all open ones."""
    kind, severity, count = (fields.get(name, "") for name in ("kind", "severity", "count"))
    if kind not in FINDING_KINDS:
        raise HTTPException(400, "Unknown finding kind")
    if severity not in ("", *SEVERITIES):
        raise HTTPException(400, f"severity is not one of {', '.join(SEVERITIES)}")
    if count and not (count.isascii() and count.isdigit() and len(count) < 10):
        raise HTTPException(400, "count is not a whole number")
    return FindingScope(
        group=Group(
            kind=kind, package=fields.get("package", ""), locked=fields.get("locked"), found=fields.get("found")
        ),
        target=fields.get("seen-on") or fields.get("target") or None,
        severity=severity or None,
        oldest=_moment(fields, "oldest"),
        newest=_moment(fields, "newest"),
        count=int(count) if count else None,
    )


def _moment(fields: Mapping[str, str], name: str) -> datetime | None:
    """Return the time *name*, None if it is not given; raises HTTPException (400)."""
    text = fields.get(name, "")
    try:
        moment = datetime.fromisoformat(text) if text else None
        return moment.astimezone(UTC) if moment is not None else None
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, f"{name} is not a time: write 2027-01-31T12:00:00Z") from error


def _end_of(text: str) -> datetime:
    """Return the end of the day *text*, in UTC; raises HTTPException (400)."""
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError) as error:
        raise HTTPException(400, "until is not a date: write 2027-01-31") from error


def _back(fields: Mapping[str, str]) -> Response:
    return RedirectResponse(local_page(fields.get("next", "/")), status_code=303)
