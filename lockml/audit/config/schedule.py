"""When a target is due: a cron expression in a time zone, or an interval, in; ticks out.

A tick is the moment that names a run, the same for everybody who works it out: intervals count from 1970-01-01T00:00Z,
and what spreads the load (jitter) moves the start and not the tick.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = [
    "Cron",
    "Interval",
    "Schedule",
    "ScheduleError",
    "delay_of",
    "latest_tick",
    "next_tick",
    "parse_cron",
    "parse_schedule",
]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduleError(Exception):
    """A cron expression that is no schedule; the text says why.

    Internal: never reaches the user; reading the fleet file makes a FleetError of it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A five-field cron *expression*, as crontab(5) and Debian's cron have it, on the clock of a *zone*."""

    expression: str
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"{self.expression} ({self.zone})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Every so often."""

    every: timedelta

    def __str__(self) -> str:
        seconds = int(self.every.total_seconds())
        for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
            if seconds % size == 0:
                return f"every {seconds // size}{unit}"
        return f"every {seconds}s"


Schedule = Cron | Interval


def parse_cron(expression: str, zone: str) -> Cron:
    """Return the schedule; raises ScheduleError for an expression that is none, or that never comes true."""
    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))))
    except CronSimError as error:
        raise ScheduleError(str(error)) from error
    except StopIteration as error:
        raise ScheduleError("it never comes true") from error
    return Cron(expression=expression, zone=zone)


def parse_schedule(text: str) -> Schedule | None:
    """Return the schedule that `str` made *text* of, None for any other text."""
    found = re.fullmatch(r"every (?P<count>\d{1,9})(?P<unit>[smhd])|(?P<cron>.+) \((?P<zone>[^()]+)\)", text)
    if found is None:
        return None
    if found["count"] is not None:
        seconds = int(found["count"]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found["unit"]]
        return Interval(every=timedelta(seconds=seconds)) if seconds else None
    try:
        return parse_cron(found["cron"], found["zone"])
    except (ScheduleError, ValueError, OSError, KeyError):  # ZoneInfo raises these for what is no zone
        return None


def next_tick(schedule: Schedule, after: datetime) -> datetime:
    """Return the first tick later than *after*, in UTC."""
    match schedule:
        case Interval(every=every):
            return _EPOCH + ((after - _EPOCH) // every + 1) * every
        case Cron(expression=expression, zone=zone):
            return next(CronSim(expression, after.astimezone(ZoneInfo(zone)))).astimezone(UTC)


def latest_tick(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the last tick that is not later than *now*, in UTC, None where none was in four years."""
    match schedule:
        case Interval(every=every):
            return _EPOCH + ((now - _EPOCH) // every) * every
        case Cron(expression=expression, zone=zone):
            local = (now + timedelta(seconds=1)).astimezone(ZoneInfo(zone))
            found = next(CronSim(expression, local, reverse=True), None)
            return found.astimezone(UTC) if found is not None else None


def delay_of(schedule: Schedule, name: str, tick: datetime, jitter: timedelta) -> timedelta:
    """Return how long after *tick* the target *name* starts: the same for everybody, spread evenly below *jitter*.

    It is less than half of what lies before the next tick, which must not come first.
    """
    spread = min(jitter, (next_tick(schedule, tick) - tick) / 2) if jitter else jitter
    drawn = hashlib.sha256(f"{name} {tick.isoformat()}".encode()).digest()
    return spread * int.from_bytes(drawn[:4]) / (1 << 32)
