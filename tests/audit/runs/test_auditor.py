"""Runs as they are done: looked at, recorded, kept in the spool while the store is away, begun as they fall due."""

import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from lockml.audit.config.model import AuditTarget, DiscoveryRule, Fleet, IndexSettings, Practice
from lockml.audit.config.schedule import Interval, latest_tick
from lockml.audit.log import Log
from lockml.audit.model import RunResult
from lockml.audit.runs.auditor import Auditor, Place
from lockml.audit.runs.celery_worker import queue_of, run_tick
from lockml.audit.runs.discovery import discovered
from lockml.audit.runs.dispatcher import Dispatcher, QueueError, require_hosts
from lockml.audit.runs.process_pool import Crew, Done, Lost
from lockml.audit.runs.run import examine
from lockml.audit.runs.scheduler import Scheduler
from lockml.audit.runs.spool import Spool
from lockml.audit.store.store import Store
from lockml.common.errors import FleetError, InputError, StoreError
from lockml.drift.policy import IgnoreRule
from lockml.subjects.engine.api import ListedContainer
from lockml.subjects.open import SubjectName
from tests.audit.made import NOON, OTHER, install, make_finding, make_result, make_target, make_work, write_venv

HOURLY = Interval(every=timedelta(hours=1))


def auditor_of(folder: Path, *targets: AuditTarget, log: Log | None = None, **fleet: Any) -> Auditor:
    """Return an auditor whose store and spool are in *folder*."""
    made = Fleet(file=str(folder / "lockml.toml"), store="", targets=targets, index=IndexSettings(asked=False), **fleet)
    place = Place(cache=None, spool=folder / "spool", host="me")
    return Auditor(made, Store("sqlite:///audit.db", folder), place, log or Log())


def test_examination_tells_what_check_tells(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    result = examine(make_work(make_target(tmp_path)))
    assert (result.state, result.findings, result.level, result.error) == ("in-order", (), "artifacts", None)
    assert result.lock_text == (tmp_path / "pylock.toml").read_text()
    assert result.report is not None
    assert result.report["schema"] == "lockml/check/2"
    install(prefix, OTHER)
    (finding,) = examine(make_work(make_target(tmp_path))).findings
    assert (finding.kind, finding.name, finding.severity) == ("artifact", "numpy", "error")


def test_rules_and_severities_of_the_fleet_decide_what_counts(tmp_path: Path) -> None:
    install(write_venv(tmp_path), OTHER)
    rule = IgnoreRule(reason="known", place="lockml.toml:3", name="numpy")
    allowed = examine(make_work(make_target(tmp_path), rules=(rule,)))
    assert (allowed.state, [each.reason for each in allowed.accepted]) == ("in-order", ["known (lockml.toml:3)"])
    lower = examine(make_work(make_target(tmp_path, severities={"artifact": "warning"})))
    assert (lower.state, [each.severity for each in lower.findings]) == ("in-order", ["warning"])


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: (folder / "pylock.toml").unlink(), "no such file"),
        (lambda folder: (folder / "pylock.toml").write_text("[["), "pylock.toml"),
        (lambda folder: (folder / "venv").rename(folder / "gone"), "no such folder"),
    ],
)
def test_what_cannot_be_looked_at_is_a_result(tmp_path: Path, spoil: Callable[[Path], object], told: str) -> None:
    write_venv(tmp_path)
    spoil(tmp_path)
    result = examine(make_work(make_target(tmp_path)))
    assert (result.state, result.exit_code, result.report) == ("unreachable", 4, None)
    assert told in str(result.error)


def test_lock_that_changed_is_read_anew(tmp_path: Path) -> None:
    write_venv(tmp_path)
    assert examine(make_work(make_target(tmp_path))).state == "in-order"
    text = (tmp_path / "pylock.toml").read_text()
    changed = re.sub(r"lock-sha256 = .*\n", "", text.replace("1.26.4", "1.26.5"))
    (tmp_path / "pylock.toml").write_text(changed)
    assert examine(make_work(make_target(tmp_path))).state == "drift"


def test_requirement_file_that_asks_for_more_than_the_lock_has_is_told(tmp_path: Path) -> None:
    write_venv(tmp_path)
    lock = (tmp_path / "pylock.toml").read_text()
    assert 'origin = "requirements.in"' in lock
    (tmp_path / "requirements.in").write_text("numpy\nmodel\nscipy>=1\n")
    (finding,) = examine(make_work(make_target(tmp_path))).findings
    assert (finding.kind, finding.severity) == ("lock-outdated", "warning")
    assert "scipy>=1" in finding.detail
    assert "is not locked" in finding.detail


class Away:
    """A store that does not answer to those who record."""

    def record(self, *_: object) -> None:
        raise StoreError("store", "does not answer")


def test_result_waits_in_the_spool_until_the_store_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = auditor_of(tmp_path)
    answering = auditor.store.runs
    monkeypatch.setattr(auditor.store, "runs", Away())
    assert auditor.recorder.record(make_result(make_finding())) is None
    assert auditor.recorder.record(make_result(hours=1)) is None
    assert auditor.recorder.flush() == 0
    monkeypatch.setattr(auditor.store, "runs", answering)
    again = auditor_of(tmp_path)  # the process may have ended meanwhile
    assert again.recorder.flush() == 2
    assert [(run.state, run.opened, run.resolved) for run in again.store.history.runs()] == [
        ("in-order", 0, 1),
        ("drift", 1, 0),
    ]
    assert list((tmp_path / "spool").iterdir()) == []


def test_damaged_file_of_the_spool_is_set_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put(make_result())
    (tmp_path / "0.run.json").write_text('{"target":')
    assert [result.target for _, result in spool.waiting()] == ["here"]
    assert (tmp_path / "0.run.json.damaged").exists()


class Desk:
    """Takes what a scheduler submits, and does it when it is told to."""

    def __init__(self, auditor: Auditor) -> None:
        self.auditor = auditor
        self.taken: list[tuple[AuditTarget, datetime, Done, Lost]] = []

    def submit(self, target: AuditTarget, tick: datetime, done: Done, lost: Lost) -> None:
        self.taken.append((target, tick, done, lost))

    def do_all(self) -> None:
        for target, tick, done, _ in self.taken:
            done(make_result(target=target.name, tick=tick))
        self.taken.clear()

    def lose_all(self) -> None:
        taken, self.taken = self.taken, []
        for *_, lost in taken:
            lost()


def ticks(auditor: Auditor) -> list[datetime]:
    return [run.tick for run in reversed(auditor.store.history.runs())]


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
    target = make_target(tmp_path, schedule=HOURLY)
    first, second = Desk(auditor_of(tmp_path, target)), Desk(auditor_of(tmp_path, target))
    scheduler = Scheduler(first.auditor, first.submit, lambda: None)
    scheduler.step(NOON)
    scheduler.stop()
    Scheduler(second.auditor, second.submit, lambda: None).step(NOON + timedelta(days=365))
    assert {tick for _, tick, *_ in second.taken} >= {NOON}


def test_run_whose_process_was_ended_is_done_again_and_nobody_is_told(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    desk = Desk(auditor)
    scheduler = Scheduler(auditor, desk.submit, lambda: None)
    scheduler.step(NOON)
    desk.lose_all()
    assert auditor.store.history.runs() == []
    scheduler.step(datetime.now(UTC) + timedelta(seconds=1))
    assert NOON in {tick for _, tick, *_ in desk.taken}
    desk.do_all()
    assert NOON in ticks(auditor)


def test_fault_at_the_beginning_of_a_run_leaves_its_tick_to_others(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    desk = Desk(auditor)

    def broken(*_: object) -> None:
        raise RuntimeError("the pool is gone")

    scheduler = Scheduler(auditor, broken, lambda: None)
    with pytest.raises(RuntimeError):
        scheduler.step(NOON)
    Scheduler(auditor, desk.submit, lambda: None).step(datetime.now(UTC) + timedelta(seconds=1))
    assert NOON in {tick for _, tick, *_ in desk.taken}


def killed_processes() -> int:
    """Kill the processes that a crew of this one has, and return how many there were."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            parents = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if b"forkserver" in command and parents != str(os.getpid()):
                os.kill(int(folder.name), signal.SIGKILL)
                found += 1
    return found


@pytest.mark.loopback
def test_crew_goes_on_after_its_processes_were_killed(tmp_path: Path) -> None:
    write_venv(tmp_path)
    ended: SimpleQueue[str] = SimpleQueue()

    def submit(crew: Crew) -> str:
        work = make_work(make_target(tmp_path))
        crew.submit(work, lambda result: ended.put(result.state), lambda: ended.put("lost"))
        return ended.get(timeout=60)

    with Crew(2) as crew:
        assert submit(crew) == "in-order"
        assert killed_processes() > 0
        time.sleep(0.5)
        assert "in-order" in [submit(crew) for _ in range(3)]


@pytest.mark.loopback
def test_run_that_takes_too_long_is_ended_and_said_so(tmp_path: Path) -> None:
    write_venv(tmp_path)
    fifo = tmp_path / "pylock.toml"
    fifo.unlink()
    os.mkfifo(fifo)  # nobody will ever write to it
    done: list[tuple[RunResult, object]] = []
    target = make_target(tmp_path, timeout=timedelta(seconds=1))
    auditor_of(tmp_path, target).run_all([target], NOON, 1, lambda result, recorded: done.append((result, recorded)))
    ((result, recorded),) = done
    assert (result.state, str(result.error)[:29]) == ("unreachable", "it took longer than 1 seconds")
    assert recorded is not None


@pytest.mark.loopback
def test_all_results_are_told_though_one_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_venv(tmp_path)
    targets = [make_target(tmp_path, name=name) for name in ("a", "b", "c")]
    auditor = auditor_of(tmp_path, *targets)
    record = auditor.recorder.record

    def failing(result: RunResult) -> object:
        if result.target == "b":
            raise TypeError("a defect")
        return record(result)

    monkeypatch.setattr(auditor.recorder, "record", failing)
    done: list[str] = []
    with pytest.raises(TypeError):
        auditor.run_all(targets, NOON, 2, lambda result, _: done.append(result.target))
    assert sorted(done) == ["a", "b", "c"]


def test_result_that_can_be_kept_nowhere_is_said_to_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = auditor_of(tmp_path)
    (tmp_path / "spool").write_text("no folder")
    monkeypatch.setattr(auditor.store, "runs", Away())
    assert auditor.recorder.record(make_result()) is None
    assert "cannot be written to" in auditor.recorder.lost[0]


@pytest.mark.loopback
def test_what_was_discovered_is_looked_at_though_the_engine_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = DiscoveryRule(name="r", practice=Practice(), folder=tmp_path, label="x", lock=tmp_path / "pylock.toml")
    auditor = auditor_of(tmp_path, discovery=(rule,))
    found = list(discovered(rule, [container("a", x="1")], "me"))
    auditor.store.targets.put(found, NOON)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert [target.name for target in auditor.targets()] == ["r/a@me"]
    assert "does not answer" in str(auditor.undiscovered)
    assert auditor.store.targets.all() != []


def test_worker_looks_once_for_the_ticks_that_it_missed(tmp_path: Path) -> None:
    write_venv(tmp_path)
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY))
    now = datetime.now(UTC)
    latest = latest_tick(HOURLY, now)
    assert latest is not None
    for hours in (5, 4, 3, 2, 1, 0):
        run_tick(auditor, "here", latest - timedelta(hours=hours))
    assert ticks(auditor) == [latest]
    begun = latest - timedelta(hours=4)
    auditor.store.runs.claim("here", begun, "ended", begun, timedelta(minutes=1))
    run_tick(auditor, "here", begun)
    assert begun in ticks(auditor), "what somebody began is done"


@pytest.mark.slow
def test_host_that_was_away_for_long_is_sent_one_tick(tmp_path: Path) -> None:
    auditor, queue = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY)), Queue()
    dispatcher = Dispatcher(auditor, queue, lambda: None)
    for minutes in range(0, 24 * 60, 10):
        dispatcher.step(NOON + timedelta(minutes=minutes))
    latest = NOON + timedelta(hours=23)
    queue.put_ticks.clear()
    queue.length = 0
    dispatcher.step(NOON + timedelta(hours=23, minutes=55))
    assert queue.put_ticks == [("here", latest)]


def test_target_that_ends_its_process_each_time_is_given_up_with_a_result(tmp_path: Path) -> None:
    auditor = auditor_of(tmp_path, make_target(tmp_path))
    target = auditor.fleet.targets[0]
    for _ in range(3):
        assert auditor.claim(target, NOON, "schedule")
        auditor.give_up()
    assert not auditor.claim(target, NOON, "schedule")
    (run,) = auditor.store.history.runs()
    assert (run.state, str(run.error).startswith("3 attempts ended without a result")) == ("unreachable", True)


def test_fleet_file_that_breaks_leaves_the_fleet_as_it_was(tmp_path: Path) -> None:
    log: list[str] = []

    class Kept(Log):
        def __call__(self, event: str, **facts: object) -> None:
            log.append(event if facts else f"{event}?")

    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), log=Kept())
    desk = Desk(auditor)

    def broken() -> Fleet | None:
        raise FleetError((("lockml.toml:3", "there is no key 'evry' here"),))

    scheduler = Scheduler(auditor, desk.submit, broken)
    scheduler.step(NOON)
    scheduler.step(NOON + timedelta(minutes=1))
    assert len(desk.taken) == 1
    assert log.count("fleet-failed") == 1


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


class Queue:
    """A queue of the dispatcher's, and how it goes wrong."""

    def __init__(self) -> None:
        self.put_ticks: list[tuple[str, datetime]] = []
        self.length = 0
        self.away = False
        self.asked: list[str] = []

    def put(self, target: AuditTarget, tick: datetime) -> None:
        if self.away:
            raise QueueError("no broker")
        self.put_ticks.append((target.name, tick))
        self.length += 1

    def ask_discovery(self, host: str) -> None:
        self.asked.append(host)

    def waiting(self, target: AuditTarget) -> int:
        assert target.name
        return self.length


def test_what_a_queue_lost_is_put_there_again_and_what_was_done_is_not(tmp_path: Path) -> None:
    targets = [make_target(tmp_path, name=name, schedule=HOURLY) for name in ("done", "claimed", "lost")]
    auditor, queue = auditor_of(tmp_path, *targets), Queue()
    dispatcher = Dispatcher(auditor, queue, lambda: None)
    dispatcher.step(NOON)
    assert queue.put_ticks == [("done", NOON), ("claimed", NOON), ("lost", NOON)]
    auditor.recorder.record(make_result(target="done"))
    auditor.store.runs.claim("claimed", NOON, "elsewhere 1 x", NOON, timedelta(minutes=5))
    dispatcher.step(NOON + timedelta(seconds=15))
    assert len(queue.put_ticks) == 3, "what waits is not lost"
    queue.length = 0
    dispatcher.step(NOON + timedelta(seconds=30))
    assert queue.put_ticks[3:] == [("lost", NOON)]
    queue.length = 0
    dispatcher.step(NOON + timedelta(minutes=6))
    assert sorted(queue.put_ticks[4:]) == [("claimed", NOON), ("lost", NOON)]


def test_broker_that_is_away_is_asked_again(tmp_path: Path) -> None:
    auditor, queue = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY)), Queue()
    dispatcher = Dispatcher(auditor, queue, lambda: None)
    queue.away = True
    dispatcher.step(NOON)
    queue.away = False
    dispatcher.step(NOON + timedelta(seconds=1))
    assert queue.put_ticks == [("here", NOON)]


def test_what_one_host_alone_can_look_at_must_say_which(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="which only the host that has it can look at"):
        require_hosts(Fleet(file="x", store="", targets=(make_target(tmp_path),)))
    anywhere = AuditTarget(
        name="image",
        subject=SubjectName(kind="registry", name="registry.example/x:1"),
        lock=tmp_path,
        practice=Practice(),
    )
    require_hosts(Fleet(file="x", store="", targets=(anywhere,)))


def test_target_of_a_host_is_on_that_hosts_queue(tmp_path: Path) -> None:
    anywhere = make_target(tmp_path)
    assert queue_of(anywhere) == "lockml.any"
    assert queue_of(replace(anywhere, host="gpu-1")) == "lockml.host.gpu-1"


def container(name: str, image: str = "registry.example/team/app:1", **labels: str) -> ListedContainer:
    named = {key.replace("_", "."): value for key, value in labels.items()}
    return ListedContainer(names=[f"/{name}"], image=image, labels=named)


def test_rules_find_containers_by_label_project_and_image() -> None:
    there = [
        container("a", lockml_lock="a.toml"),
        container("b", image="other:1", com_docker_compose_project="shop"),
        container("c", stage="production"),
    ]

    def found(**rule: Any) -> list[str]:
        made = DiscoveryRule(name="r", practice=Practice(), folder=Path("fleet"), **{"lock": Path("x"), **rule})
        return [target.name for target in discovered(made, there, "host")]

    assert found(label="lockml.lock") == ["r/a@host"]
    assert found(label="stage=production") == ["r/c@host"]
    assert found(label="stage=test") == []
    assert found(compose="shop") == ["r/b@host"]
    assert found(image="registry.example/team/*") == ["r/a@host", "r/c@host"]
    assert found(image="registry.example/*", label="stage") == ["r/c@host"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "a/../../x", ""])
def test_label_names_no_file_outside_the_fleets_folder(name: str) -> None:
    rule = DiscoveryRule(
        name="r", practice=Practice(), folder=Path("fleet"), label="lockml.lock", lock_label="lockml.lock"
    )
    (target,) = discovered(rule, [container("a", lockml_lock=name)], "host")
    assert target.lock == Path("fleet/the label does not name a lock below this folder")
    (inside,) = discovered(rule, [container("a", lockml_lock="locks/a.toml")], "host")
    assert inside.lock == Path("fleet/locks/a.toml")
