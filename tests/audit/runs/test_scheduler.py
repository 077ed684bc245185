"""Runs that are begun as they fall due, and taken up again where a process ended."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.runs.auditor import Auditor
from lockml.audit.runs.process_pool import OnResult, OnWorkerLost
from lockml.audit.runs.scheduler import Scheduler
from lockml.common.errors import FleetError
from tests.audit.made import HOURLY, NOON, ListLog, SetClock, auditor_of, make_result, make_target, ticks


class Desk:
    """Takes what a scheduler submits, and does it when it is told to."""

    def __init__(self, auditor: Auditor) -> None:
        self.auditor = auditor
        self.taken: list[tuple[AuditTarget, datetime, OnResult, OnWorkerLost]] = []

    def submit(self, target: AuditTarget, tick: datetime, on_result: OnResult, on_worker_lost: OnWorkerLost) -> None:
        self.taken.append((target, tick, on_result, on_worker_lost))

    def do_all(self) -> None:
        for target, tick, done, _ in self.taken:
            done(make_result(target=target.name, tick=tick))
        self.taken.clear()

    def lose_all(self) -> None:
        taken, self.taken = self.taken, []
        for *_, lost in taken:
            lost()


def test_target_is_looked_at_once_a_tick_and_not_for_those_that_were_missed(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    desk = Desk(auditor)
    scheduler = Scheduler(auditor, desk.submit, lambda: None)
    for minutes in (0, 1, 30, 60, 61, 300, 301):
        scheduler.step(NOON + timedelta(minutes=minutes))
        desk.do_all()
    assert ticks(auditor) == [NOON, NOON + timedelta(hours=1), NOON + timedelta(hours=5)]


def test_run_that_takes_long_is_not_begun_twice(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    desk = Desk(auditor)
    scheduler = Scheduler(auditor, desk.submit, lambda: None)
    for minutes in range(5):
        scheduler.step(NOON + timedelta(minutes=minutes))
    assert len(desk.taken) == 1


def test_two_schedulers_of_one_store_share_the_ticks(tmp_path: Path) -> None:
    targets = [make_target(tmp_path, name=f"t{number}", schedule=HOURLY) for number in range(10)]
    desks = [Desk(auditor_of(tmp_path, *targets)) for _ in range(2)]
    schedulers = [Scheduler(desk.auditor, desk.submit, lambda: None) for desk in desks]
    for scheduler in schedulers:
        scheduler.step(NOON)
    assert [len(desk.taken) for desk in desks] == [10, 0]


def test_scheduler_that_comes_after_another_that_ended_takes_up_its_ticks(tmp_path: Path) -> None:
    target, clock = make_target(tmp_path, schedule=HOURLY), SetClock()
    first, second = (Desk(auditor_of(tmp_path, target, clock=clock)) for _ in range(2))
    scheduler = Scheduler(first.auditor, first.submit, lambda: None)
    scheduler.step(NOON)
    scheduler.stop()
    Scheduler(second.auditor, second.submit, lambda: None).step(NOON)
    assert [tick for _, tick, *_ in second.taken] == [NOON]


def test_run_whose_process_was_ended_is_done_again_and_nobody_is_told(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), clock=SetClock())
    desk = Desk(auditor)
    scheduler = Scheduler(auditor, desk.submit, lambda: None)
    scheduler.step(NOON)
    desk.lose_all()
    assert auditor.store.history.runs() == []
    scheduler.step(NOON + timedelta(seconds=15))
    assert [tick for _, tick, *_ in desk.taken] == [NOON]
    desk.do_all()
    assert ticks(auditor) == [NOON]


def test_fault_at_the_beginning_of_a_run_leaves_its_tick_to_others(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), clock=SetClock())
    desk = Desk(auditor)

    def broken(*_: object) -> None:
        raise RuntimeError("the pool is gone")

    scheduler = Scheduler(auditor, broken, lambda: None)
    with pytest.raises(RuntimeError):
        scheduler.step(NOON)
    Scheduler(auditor, desk.submit, lambda: None).step(NOON)
    assert [tick for _, tick, *_ in desk.taken] == [NOON]


@pytest.mark.slow
def test_fleet_file_that_breaks_leaves_the_fleet_as_it_was(tmp_path: Path) -> None:
    log = ListLog()
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), log=log)
    desk = Desk(auditor)

    def broken() -> Fleet | None:
        raise FleetError((("lockml.toml:3", "there is no key 'evry' here"),))

    scheduler = Scheduler(auditor, desk.submit, broken)
    scheduler.step(NOON)
    scheduler.step(NOON + timedelta(minutes=1))
    assert len(desk.taken) == 1
    assert log.events.count("fleet-failed") == 1


def test_store_that_is_away_keeps_nobody_from_looking(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    desk = Desk(auditor)
    scheduler = Scheduler(auditor, desk.submit, lambda: None)
    file = tmp_path / "audit.db"
    file.mkdir()
    scheduler.step(NOON)
    desk.do_all()
    assert len(list((tmp_path / "spool").glob("*.run.json"))) == 1
    file.rmdir()
    scheduler.step(NOON + timedelta(minutes=1))
    assert ticks(auditor) == [NOON]
