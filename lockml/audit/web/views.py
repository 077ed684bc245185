"""Targets as pages and the API show them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from lockml.audit.config.schedule import next_tick, parse_schedule
from lockml.audit.findings import state_now
from lockml.audit.model import STATES
from lockml.audit.overdue import due_states
from lockml.audit.store.history import RunRow
from lockml.audit.store.open_findings import FindingFilter, GroupRow, TargetCounts
from lockml.audit.store.store import Store
from lockml.audit.store.targets import TargetRow

__all__ = [
    "OVERDUE",
    "SORTS",
    "FleetFilter",
    "TargetView",
    "ago",
    "counts",
    "fleet_view",
    "sorted_views",
    "target_view",
    "with_details",
]

OVERDUE: Final = "overdue"
"""The mark of a target that should have had a run by now, whatever its state."""

_SPARKS: Final = 30
_NAMED: Final = 3  # groups of findings in a row of the fleet
_ORDER: Final[Mapping[str, int]] = {"drift": 0, "misconfigured": 1, "unreachable": 2, "incomplete": 3, "waiting": 4}
_NOTHING: Final = TargetCounts(severities={}, held=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """A target with its last run, None before the first.

    *state* is its state now, ``waiting`` before the first run. *next* is its next run, *overdue* when a run should have
    been, *asked* when a user requested one, *running* whether one is in progress. *counted* are the findings that count
    now, None for those of the run. *worst* are its worst groups, *groups* is the number of all.
    """

    target: TargetRow
    run: RunRow | None
    state: str
    next: datetime | None = None
    overdue: datetime | None = None
    asked: datetime | None = None
    running: bool = False
    counted: TargetCounts | None = None
    reached: bool = True
    worst: tuple[GroupRow, ...] = ()
    groups: int = 0
    sparks: tuple[tuple[str, int], ...] = ()

    @property
    def since(self) -> datetime | None:
        """When it entered its state."""
        return self.run.since if self.run is not None else None

    @property
    def severities(self) -> Mapping[str, int]:
        """The number of findings that count, by severity."""
        if self.counted is not None:
            return self.counted.severities
        run = self.run
        return {"error": run.errors, "warning": run.warnings, "note": run.notes} if run is not None else {}

    @property
    def known(self) -> bool:
        """Whether its state is known: a target that was never checked or reached is not in order."""
        return self.run is not None and self.reached


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilter:
    """The targets to show: with *words* in name, subject or labels, in *state*, with the *label* KEY=VALUE."""

    words: str = ""
    state: str = ""
    label: str = ""

    def fits(self, view: TargetView) -> bool:
        """Say whether the filter shows *view*."""
        target = view.target
        text = " ".join((target.name, target.subject, *(f"{k}={v}" for k, v in target.labels.items()))).casefold()
        key, _, value = self.label.partition("=")
        return (
            all(word in text for word in self.words.casefold().split())
            and (self.state in ("", view.state) or (self.state == OVERDUE and view.overdue is not None))
            and (not self.label or target.labels.get(key) == value)
        )


def fleet_view(store: Store, now: datetime, chosen: FleetFilter, *, gone: bool = False) -> list[TargetView]:
    """Return the *chosen* targets, the most urgent first; raises StoreError."""
    latest, asked = store.history.latest(), store.requests.all(now)
    running = {claim.target for claim in store.runs.alive(now)}
    errors = store.findings.with_errors(frozenset(store.acknowledgements.holding(now)))
    views = (
        _view(target, latest.get(target.name), now, target.name in errors, asked, running)
        for target in store.targets.all(gone=gone)
    )
    return sorted_views(filter(chosen.fits, views), "state")


def target_view(store: Store, now: datetime, name: str) -> TargetView | None:
    """Return the target *name*, None if there is none; raises StoreError."""
    target = store.targets.one(name)
    if target is None:
        return None
    run = store.history.latest_of(name)
    running = {claim.target for claim in store.runs.alive(now)}
    errors = store.findings.with_errors(frozenset(store.acknowledgements.holding(now)), name)
    view = _view(target, run, now, name in errors, store.requests.all(now), running)
    return replace(view, reached=run is None or name in store.history.reached([name]))


def with_details(store: Store, now: datetime, views: Sequence[TargetView]) -> list[TargetView]:
    """Return *views* with the details of the fleet page; raises StoreError."""
    names = [view.target.name for view in views]
    held = frozenset(store.acknowledgements.holding(now))
    chosen = FindingFilter(acknowledged=held, counted=True)
    worst, sparks = store.findings.worst_groups(names, chosen, _NAMED), store.history.sparks(_SPARKS, names)
    counted = store.findings.counts(names, held)
    lost = [view.target.name for view in views if view.run is not None and view.state not in ("in-order", "drift")]
    reached = store.history.reached(lost) if lost else set()
    return [
        replace(
            view,
            counted=counted.get(view.target.name, _NOTHING),
            worst=tuple(worst.get(view.target.name, ((), 0))[0]),
            groups=worst.get(view.target.name, ((), 0))[1],
            sparks=tuple(sparks.get(view.target.name, ())),
            reached=view.target.name not in lost or view.target.name in reached,
        )
        for view in views
    ]


def _view(
    target: TargetRow,
    run: RunRow | None,
    now: datetime,
    errors: bool,
    asked: Mapping[str, datetime],
    running: set[str],
) -> TargetView:
    following, overdue = _due(target, run, now)
    return TargetView(
        target=target,
        run=run,
        state=state_now(run.state, run.error, errors=errors) if run is not None else "waiting",
        next=following,
        overdue=overdue,
        asked=asked.get(target.name),
        running=target.name in running,
    )


def _due(target: TargetRow, run: RunRow | None, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return the time of its next run, and since when a run is overdue."""
    ticks = {target.name: run.tick} if run is not None else {}
    found = due_states([target], ticks, now).get(target.name)
    schedule = parse_schedule(target.schedule)
    if found is None or schedule is None or target.gone is not None:
        return None, None
    done = ticks.get(target.name, target.added)
    return found.next, next_tick(schedule, done) if found.overdue and done is not None else None


_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


def _urgency(view: TargetView) -> Any:
    """Return a sort key that puts the most urgent targets first."""
    return (_ORDER.get(view.state, 5), view.overdue is None, view.target.name)


SORTS: Final[Mapping[str, Callable[[TargetView], Any]]] = {
    "state": _urgency,
    "name": lambda view: view.target.name,
    "findings": lambda view: tuple(-view.severities.get(each, 0) for each in ("error", "warning", "note")),
    "since": lambda view: view.since or _EARLIEST,
    "looked": lambda view: view.run.finished if view.run is not None else _EARLIEST,
    "next": lambda view: view.overdue or view.next or _LATEST,
}
"""The sort keys of targets; the default is state."""


def sorted_views(views: Any, sort: str) -> list[TargetView]:
    """Return *views* sorted by one of `SORTS`, in reverse after a minus."""
    ordered = sorted(views, key=_urgency)
    ordered.sort(key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    return ordered


def counts(views: Sequence[TargetView]) -> dict[str, int]:
    """Return the number of targets in each state, and of those that are overdue."""
    states = [view.state for view in views]
    found = {state: states.count(state) for state in (*STATES, "waiting") if state in states}
    overdue = sum(1 for view in views if view.overdue is not None)
    return {**found, **({OVERDUE: overdue} if overdue else {})}


def ago(moment: datetime, now: datetime) -> str:
    """Return in words how long before or after *now* the *moment* is."""
    seconds = int((now - moment).total_seconds())
    ahead = seconds < 0
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if abs(seconds) >= size:
            count = abs(seconds) // size
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"in {words}" if ahead else f"{words} ago"
    if ahead:
        return "in a moment"
    return "just now" if seconds < 10 else f"{seconds} seconds ago"
