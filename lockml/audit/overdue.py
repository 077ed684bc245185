"""Which targets of the store are due or overdue, and when each is due next."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockml.audit.config.schedule import latest_tick, next_tick, parse_schedule
from lockml.audit.store.targets import TargetRow

__all__ = ["DueState", "due_states"]

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueState:
    """The schedule of *target* now: it is *due* if its latest tick has no run yet.

    It is *overdue* if the tick before that has none either, or if the run should have ended by now. *next* is the next
    tick.
    """

    target: str
    due: bool
    overdue: bool
    next: datetime


def due_states(targets: Iterable[TargetRow], last_ticks: Mapping[str, datetime], now: datetime) -> dict[str, DueState]:
    """Return the state of each of *targets* at *now* by name, given the last tick of each that has a run.

    A target without a run counts from when it was added. A target with a schedule of an older lockml is omitted.
    """
    found = {}
    for target in targets:
        schedule = parse_schedule(target.schedule)
        if schedule is None:
            continue
        latest, done = latest_tick(schedule, now), last_ticks.get(target.name, target.added)
        due = latest is not None and done is not None and done < latest
        overdue = False
        if due and latest is not None and done is not None:
            before = latest_tick(schedule, latest - _INSTANT)
            late = timedelta(seconds=int((target.definition or {}).get("late", "0")))
            overdue = (before is not None and done < before) or now > latest + late
        found[target.name] = DueState(target=target.name, due=due, overdue=overdue, next=next_tick(schedule, now))
    return found
