"""The ticks of a schedule: a cron expression in a time zone, or an interval.

A tick is the time that identifies a run. Every process computes the same ticks: intervals count from 1970-01-01T00:00Z,
and jitter, which spreads the load, moves the start and not the tick.
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
    """An invalid cron expression; the text has the reason.

    Internal: never reaches the user; the parser of the fleet file turns it into a FleetError.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A cron *expression* of five fields, crontab(5), in the time *zone*."""

    expression: str
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"{self.expression} ({self.zone})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A fixed interval."""

    every: timedelta

    def __str__(self) -> str:
        seconds = int(self.every.total_seconds())
        for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
            if seconds % size == 0:
                return f"every {seconds // size}{unit}"
        return f"every {seconds}s"


Schedule = Cron | Interval


def parse_cron(expression: str, zone: str) -> Cron:
    """Parse *expression*; raises ScheduleError if it is invalid or never matches."""
    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))))
    except CronSimError as error:
        raise ScheduleError(str(error)) from error
    except StopIteration as error:
        raise ScheduleError("it never matches") from error
    return Cron(expression=expression, zone=zone)


def parse_schedule(text: str) -> Schedule | None:
    """Parse the `str` of a schedule; return None for any other text."""
    found = re.fullmatch(r"every (?P<count>\d{1,9})(?P<unit>[smhd])|(?P<cron>.+) \((?P<zone>[^()]+)\)", text)
    if found is None:
        return None
    if found["count"] is not None:
        seconds = int(found["count"]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found["unit"]]
        return Interval(every=timedelta(seconds=seconds)) if seconds else None
    try:
        return parse_cron(found["cron"], found["zone"])
    except (ScheduleError, ValueError, OSError, KeyError):  # ZoneInfo raises these for an unknown zone
        return None


def next_tick(schedule: Schedule, after: datetime) -> datetime:
    """Return the first tick later than *after*, in UTC."""
    match schedule:
        case Interval(every=every):
            return _EPOCH + ((after - _EPOCH) // every + 1) * every
        case Cron(expression=expression, zone=zone):
            return next(CronSim(expression, after.astimezone(ZoneInfo(zone)))).astimezone(UTC)


def latest_tick(schedule: Schedule, now: datetime) -> datetime | None:
    """Return the last tick at or before *now*, in UTC, None if there was none in four years."""
    match schedule:
        case Interval(every=every):
            return _EPOCH + ((now - _EPOCH) // every) * every
        case Cron(expression=expression, zone=zone):
            local = (now + timedelta(seconds=1)).astimezone(ZoneInfo(zone))
            found = next(CronSim(expression, local, reverse=True), None)
            return found.astimezone(UTC) if found is not None else None


def delay_of(schedule: Schedule, name: str, tick: datetime, jitter: timedelta) -> timedelta:
    """Return the delay of the target *name* after *tick*: the same in every process, spread evenly below *jitter*.

    It is less than half the time to the next tick, which must not come first.
    """
    spread = min(jitter, (next_tick(schedule, tick) - tick) / 2) if jitter else jitter
    drawn = hashlib.sha256(f"{name} {tick.isoformat()}".encode()).digest()
    return spread * int.from_bytes(drawn[:4]) / (1 << 32)
