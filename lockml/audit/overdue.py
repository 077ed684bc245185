"""What the store has of targets in, which of them are due or overdue, and when each is due next, out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lockml.audit.config.schedule import latest_tick, next_tick, parse_schedule
from lockml.audit.store.targets import TargetRow

__all__ = ["DueState", "due_states"]

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueState:
    """How the schedule of *target* is kept: it is *due* where the latest tick has no run yet.

    It is *overdue* where the tick before that has none either, or it should have ended by now. *next* is the next tick.
    """

    target: str
    due: bool
    overdue: bool
    next: datetime


def due_states(targets: Iterable[TargetRow], last_ticks: Mapping[str, datetime], now: datetime) -> dict[str, DueState]:
    """Return the state of each of *targets* at *now* by name, by the last tick of each that has a run.

    One without a run counts from when it was added. One whose schedule an older lockml wrote is left out.
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
