"""Which targets should have had a run by now."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lockml.audit.config.schedule import Cron, Interval, parse_schedule
from lockml.audit.overdue import DueState, due_states
from lockml.audit.store.store import Store
from lockml.audit.store.targets import TargetRow
from tests.audit.made import HOURLY, NOON, make_target

HOUR = timedelta(hours=1)


def state(folder: Path, now: datetime, ran: datetime | None, **changes: Any) -> DueState:
    store = Store("sqlite:///a.db", folder)
    spread = timedelta(minutes=1)
    store.targets.put([make_target(schedule=HOURLY, timeout=5 * spread, jitter=spread)], NOON)
    (row,) = store.targets.all()
    store.close()
    last: Mapping[str, datetime] = {"here": ran} if ran is not None else {}
    (found,) = due_states([replace(row, **changes)], last, now).values()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("minutes", "ran", "due", "overdue"),
    [
        (59, 0, False, False),
        (60, 0, True, False),
        (66, 0, True, False),  # it may take five minutes, and begin one later
        (67, 0, True, True),
        (120, 0, True, True),
        (120, 60, True, False),
        (121, 120, False, False),
        (59, None, False, False),  # it was added at noon
        (60, None, True, False),
        (67, None, True, True),
    ],
)
def test_target_is_overdue_when_its_run_should_have_ended(
    tmp_path: Path, minutes: int, ran: int | None, due: bool, overdue: bool
) -> None:
    last = NOON + timedelta(minutes=ran) if ran is not None else None
    found = state(tmp_path, NOON + timedelta(minutes=minutes), last)
    assert (found.due, found.overdue) == (due, overdue)


def test_target_of_a_long_timeout_is_overdue_after_two_ticks(tmp_path: Path) -> None:
    definition = {"late": "86400"}
    assert not state(tmp_path, NOON + 1.9 * HOUR, NOON, definition=definition).overdue
    assert state(tmp_path, NOON + 2 * HOUR, NOON, definition=definition).overdue


def test_next_tick_is_that_of_the_schedule(tmp_path: Path) -> None:
    assert state(tmp_path, NOON, NOON).next == NOON + HOUR


def test_target_of_an_older_store_is_not_overdue_before_its_first_run(tmp_path: Path) -> None:
    found = state(tmp_path, NOON + 9 * HOUR, None, added=None)
    assert (found.due, found.overdue) == (False, False)


def test_schedule_that_is_none_is_left_out() -> None:
    row = TargetRow(
        name="x", subject="", lock="", level="", schedule="now and then", labels={}, rule=None, host=None,
        definition={}, seen=NOON, gone=None,
    )  # fmt: skip
    assert due_states([row], {}, NOON) == {}


@pytest.mark.parametrize(
    "schedule",
    [
        *(Interval(every=timedelta(seconds=each)) for each in (1, 90, 60, 7200, 86400)),
        Cron(expression="0 3 * * 1-5", zone="Europe/Berlin"),
    ],
    ids=str,
)
def test_schedule_is_read_as_it_was_written(schedule: Interval | Cron) -> None:
    assert parse_schedule(str(schedule)) == schedule


@pytest.mark.parametrize(
    "text", ["", "every", "every 0s", "every 5y", "* * (UTC)", "0 3 * * * (Nowhere/Land)", "0 3 * * *"]
)
def test_text_that_is_no_schedule_is_none(text: str) -> None:
    assert parse_schedule(text) is None
