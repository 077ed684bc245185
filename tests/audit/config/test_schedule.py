from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.audit.config.schedule import Cron, Interval, ScheduleError, delay_of, latest_tick, next_tick, parse_cron

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 20 * 365 * 86400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
HOURLY = Interval(every=timedelta(hours=1))
SCHEDULES = st.sampled_from(
    [
        Interval(every=timedelta(seconds=7)),
        Interval(every=timedelta(hours=6)),
        Cron(expression="*/5 * * * *"),
        Cron(expression="30 2 * * *", zone="Europe/Berlin"),
        Cron(expression="0 0 * * 1-5", zone="America/New_York"),
    ]
)


@given(SCHEDULES, MOMENTS)
def test_no_tick_lies_between_the_latest_and_the_next(schedule: Interval | Cron, now: datetime) -> None:
    latest, following = latest_tick(schedule, now), next_tick(schedule, now)
    assert latest is not None
    assert latest <= now < following
    assert next_tick(schedule, latest) == following


@given(SCHEDULES, MOMENTS)
def test_a_tick_is_its_own_latest(schedule: Interval | Cron, now: datetime) -> None:
    tick = next_tick(schedule, now)
    assert latest_tick(schedule, tick) == tick


def test_interval_counts_from_the_epoch_for_everybody() -> None:
    assert latest_tick(Interval(every=timedelta(hours=6)), NOON + timedelta(hours=5)) == NOON
    assert next_tick(Interval(every=timedelta(hours=6)), NOON) == NOON + timedelta(hours=6)


def test_cron_is_on_the_clock_of_its_zone_across_the_change_of_time() -> None:
    schedule = Cron(expression="0 9 * * *", zone="Europe/Berlin")
    before, after = datetime(2026, 10, 24, 8, tzinfo=UTC), datetime(2026, 10, 25, 9, tzinfo=UTC)
    assert next_tick(schedule, datetime(2026, 10, 23, 12, tzinfo=UTC)) == datetime(2026, 10, 24, 7, tzinfo=UTC)
    assert next_tick(schedule, before) == datetime(2026, 10, 25, 8, tzinfo=UTC)
    assert next_tick(schedule, after) == datetime(2026, 10, 26, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "* * *", "61 * * * *", "0 0 31 2 *", "@never", "* * * * * * *"])
def test_expression_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse_cron(text, "UTC")


def test_jitter_is_the_same_for_everybody_and_spreads_the_starts() -> None:
    jitter = timedelta(minutes=10)
    delays = [delay_of(HOURLY, f"target-{number}", NOON, jitter) for number in range(200)]
    assert delays == [delay_of(HOURLY, f"target-{number}", NOON, jitter) for number in range(200)]
    assert all(timedelta(0) <= delay < jitter for delay in delays)
    assert len([delay for delay in delays if delay < jitter / 2]) in range(70, 130)
    assert delay_of(HOURLY, "target", NOON, timedelta(0)) == timedelta(0)


def test_jitter_never_reaches_the_next_tick() -> None:
    often = Interval(every=timedelta(minutes=1))
    delays = [delay_of(often, f"target-{number}", NOON, timedelta(minutes=2)) for number in range(200)]
    assert max(delays) < timedelta(seconds=30)


def test_schedules_are_told_in_short() -> None:
    told = [str(Interval(every=timedelta(seconds=seconds))) for seconds in (90, 300, 7200, 86400)]
    assert told == ["every 90s", "every 5m", "every 2h", "every 1d"]
    assert str(Cron(expression="0 3 * * *", zone="Europe/Berlin")) == "0 3 * * * (Europe/Berlin)"
