"""Targets that fall due at their ticks, of a fleet that may change meanwhile."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.runs.auditor import Auditor
from lockml.audit.runs.due_targets import DueTargets, Throttle
from lockml.common.errors import FleetError, StoreError
from tests.audit.made import HOURLY, NOON, ListLog, auditor_of, make_result, make_target


def due_of(auditor: Auditor) -> DueTargets:
    return DueTargets(auditor, lambda: None, lambda _: auditor.fleet.targets)


def names(targets: DueTargets, now: datetime) -> list[tuple[str, datetime]]:
    return [(target.name, tick) for target, tick in targets.due(now)]


def test_throttle_waits_after_each_time_that_it_was_due() -> None:
    throttle = Throttle(timedelta(seconds=10))
    assert [throttle.due(NOON + timedelta(seconds=seconds)) for seconds in (0, 9, 10, 19, 25)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_target_is_due_from_its_tick_until_that_is_marked(tmp_path: Path) -> None:
    targets = due_of(auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY)))
    assert names(targets, NOON) == [], "nothing is known before the first look"
    targets.refresh(NOON)
    assert names(targets, NOON + timedelta(minutes=5)) == [("here", NOON)]
    targets.mark("here", NOON)
    assert names(targets, NOON + timedelta(minutes=59)) == []
    assert names(targets, NOON + timedelta(minutes=60)) == [("here", NOON + timedelta(hours=1))]
    targets.mark("here", NOON - timedelta(hours=1))
    assert names(targets, NOON) == [], "an earlier tick takes nothing back"


def test_jitter_delays_the_start_and_not_the_tick(tmp_path: Path) -> None:
    target = make_target(tmp_path, schedule=HOURLY, jitter=timedelta(minutes=20))
    targets = due_of(auditor_of(tmp_path, target))
    targets.refresh(NOON)
    assert names(targets, NOON) == []
    assert names(targets, NOON + timedelta(minutes=20)) == [("here", NOON)]


def test_tick_that_has_a_run_is_not_due(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    auditor.host_targets(NOON)
    auditor.record(make_result())
    targets = due_of(auditor)
    targets.refresh(NOON)
    assert names(targets, NOON) == []
    behind = due_of(auditor)
    behind.refresh(NOON - timedelta(hours=2))
    assert names(behind, NOON - timedelta(hours=2)) == [("here", NOON - timedelta(hours=2))], "the clock was set back"


def test_fleet_that_changed_brings_its_targets_and_a_broken_one_none(tmp_path: Path) -> None:
    log = ListLog()
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), log=log)
    added = make_target(tmp_path, name="added", schedule=HOURLY)
    fleets: list[Fleet | None] = [Fleet(file="lockml.toml", store="", targets=(added,)), None]

    def reload() -> Fleet | None:
        if not fleets:
            raise FleetError((("lockml.toml:3", "there is no key 'evry' here"),))
        return fleets.pop(0)

    targets = DueTargets(auditor, reload, lambda _: auditor.fleet.targets)
    for _ in range(3):
        targets.refresh(NOON)
        assert names(targets, NOON) == [("added", NOON)]
    assert log.events == ["fleet-failed"]
    assert targets.get("added") == added
    assert targets.get("here") is None


def test_targets_are_known_though_the_store_does_not_answer(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    (tmp_path / "audit.db").mkdir()
    targets = due_of(auditor)
    with pytest.raises(StoreError):
        targets.refresh(NOON)
    assert names(targets, NOON) == [("here", NOON)]


def test_targets_are_found_at_the_moment_of_the_look(tmp_path: Path) -> None:
    moments: list[datetime] = []

    def find(now: datetime) -> tuple[AuditTarget, ...]:
        moments.append(now)
        return ()

    DueTargets(auditor_of(tmp_path), lambda: None, find).refresh(NOON)
    assert moments == [NOON]


def test_run_that_somebody_asks_for_is_due_at_once_and_is_by_hand(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), clock=lambda: NOON)
    auditor.host_targets(NOON)
    auditor.record(make_result())
    targets = due_of(auditor)
    targets.refresh(NOON)
    asked = NOON + timedelta(minutes=7)
    auditor.store.requests.add("here", asked)
    auditor.store.requests.add("elsewhere", asked)
    assert names(targets, asked) == [("here", asked)]
    assert auditor.work(auditor.fleet.targets[0], asked, "schedule").trigger == "manual"
    assert auditor.work(auditor.fleet.targets[0], NOON, "schedule").trigger == "schedule"
    targets.mark("here", asked)
    assert names(targets, asked) == []


def test_run_that_a_clock_ahead_asked_for_skips_no_tick(tmp_path: Path) -> None:
    """Its tick is later than ours: a run of it now would make what ours find old, which changes nothing."""
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), clock=lambda: NOON)
    auditor.host_targets(NOON)
    asked = NOON + timedelta(minutes=90)
    auditor.store.requests.add("here", asked)
    targets = due_of(auditor)
    targets.refresh(NOON)
    assert names(targets, NOON) == [("here", NOON)]
    targets.mark("here", NOON)
    assert names(targets, NOON + timedelta(hours=1)) == [("here", NOON + timedelta(hours=1))]
    targets.mark("here", NOON + timedelta(hours=1))
    assert names(targets, asked) == [("here", asked)]
