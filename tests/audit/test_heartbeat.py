"""Signs of life of one process, and how it tells of the others."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockml.audit.config.model import NotifyRule
from lockml.audit.heartbeat import SILENCE, Heartbeat, HeartbeatSettings
from lockml.audit.runs.host import HostContext
from lockml.audit.store.store import Store
from lockml.audit.store.workers import Role
from tests.audit.made import NOON, ListLog, SetClock, write_venv
from tests.audit.services import postgres, redis
from tests.audit.serving import environment_of, receiver, serve, wait_until

QUICK = "tests.audit.quick"
ROLES = {"a": "worker", "b": "worker", "c": "beat", "d": "pages"}
RULE = NotifyRule(name="hook", urls=("json://hook.example/x",))


def heartbeat(store: Store, host: str, clock: SetClock, log: ListLog) -> Heartbeat:
    context = HostContext(cache=None, spool=Path(), host=host, clock=clock)
    settings = HeartbeatSettings(context=context, role="worker", rules=lambda: [RULE])
    return Heartbeat(store, settings, log)


def moments_of_silence(since: datetime = NOON) -> list[datetime]:
    """Return the moments of heartbeats after *since*, of which the last is after a silence that is too long."""
    return [since + timedelta(seconds=seconds) for seconds in range(10, int(SILENCE.total_seconds()) + 20, 10)]


def test_one_of_several_tells_that_another_is_dead_and_that_it_is_back(tmp_path: Path) -> None:
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    first, second, third = (heartbeat(store, f"gpu-{number}", clock, log) for number in (1, 2, 3))
    for each in (first, second, third):
        each.beat()
    store.workers.end(next(each.name for each in store.workers.all(NOON) if each.host == "gpu-3"))
    for clock.moment in moments_of_silence():
        second.beat()
        third.beat()
    assert log.events == ["worker-lost"]
    assert store.history.waiting_messages() == 1
    first.beat()
    assert log.events == ["worker-lost", "worker-back"]
    assert [each.is_dead for each in store.workers.all(clock())] == [False, False, False]
    (group,) = store.outbox.take("me", clock(), timedelta(minutes=1))
    assert [each.content["lost"] for each in group] == [True, False]
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [-5, 5])
def test_process_whose_clock_is_apart_is_not_dead_until_it_is_silent(tmp_path: Path, minutes: int) -> None:
    store, clock, apart, log = Store("sqlite:///a.db", tmp_path), SetClock(), SetClock(), ListLog()
    ours, theirs = heartbeat(store, "here", clock, log), heartbeat(store, "there", apart, log)
    for seconds in range(0, 300, 10):
        clock.moment = NOON + timedelta(seconds=seconds)
        apart.moment = clock.moment + timedelta(minutes=minutes)
        ours.beat()
        theirs.beat()
    assert log.events == []
    for moment in moments_of_silence(clock.moment):
        assert log.events == []
        clock.moment = moment
        ours.beat()
    assert log.events == ["worker-lost"]
    store.close()


def test_store_that_did_not_respond_makes_nobody_dead(tmp_path: Path) -> None:
    """During the outage no process could write its heartbeat, and the first one after it must not bury the others."""
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    first, second = (heartbeat(store, f"gpu-{number}", clock, log) for number in (1, 2))
    for moment, order in ((NOON, (second, first)), (NOON + timedelta(minutes=9), (first, second))):
        clock.moment = moment
        for each in order:
            each.beat()
    assert log.events == []
    for moment in moments_of_silence(clock.moment):
        clock.moment = moment
        first.beat()
    assert log.events == ["worker-lost"], "and it notices one that really ended"
    store.close()


@pytest.mark.parametrize("role", ["beat", "worker"])
def test_process_of_another_container_with_this_hosts_name_is_not_taken_for_dead(tmp_path: Path, role: Role) -> None:
    """Its number means another process here: as in a pod, whose containers share their host's name."""
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    living = heartbeat(store, "here", clock, log)
    living.beat()
    (row,) = store.workers.all(NOON)
    other = replace(row, name="here 4194304 boot/1", role=role)
    for _ in range(3):
        store.workers.put(other, (), lambda _: ())
        living.beat()
    assert log.events == []
    assert all(not each.is_dead for each in store.workers.all(NOON))
    store.close()


def test_killed_process_that_is_started_again_soon_is_told_to_nobody(tmp_path: Path) -> None:
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    heartbeat(store, "here", clock, log).beat()
    (row,) = store.workers.all(NOON)
    store.workers.end(row.name)
    store.workers.put(replace(row, name="here 4194304 boot/1"), (), lambda _: ())
    clock.moment = NOON + timedelta(minutes=9)
    heartbeat(store, "here", clock, log).beat()
    assert log.events == []
    assert [each.name for each in store.workers.all(clock())] == [row.name]
    store.close()


def test_end_that_was_asked_for_is_no_death(tmp_path: Path) -> None:
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    living = heartbeat(store, "here", clock, log)
    living.beat()
    living.stop()
    assert store.workers.all(NOON) == []
    assert log.events == []
    store.close()


def test_message_that_could_not_be_sent_is_tried_again(tmp_path: Path) -> None:
    """A slow or silent address keeps the heartbeat from nothing."""
    store, log = Store("sqlite:///a.db", tmp_path), ListLog()
    tries: list[int] = []
    tried, blocked = threading.Event(), threading.Event()

    def deliver() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise OSError("no answer")
        tried.set()
        blocked.wait(30)

    context = HostContext(cache=None, spool=Path(), host="here")
    settings = HeartbeatSettings(context=context, role="pages", rules=lambda: [RULE], pause=0.01)
    living = Heartbeat(store, settings, log, deliver)
    living.start()
    assert tried.wait(30)
    (before,) = wait_until(lambda: store.workers.all(NOON), "there is a heartbeat")
    wait_until(lambda: store.workers.all(NOON)[0].seen > before.seen, "there is another heartbeat")
    blocked.set()
    living.stop()
    assert log.events.count("delivery-failed") == 1
    store.close()


FLEET = """\
[audit]
store = "{store}"
broker = "{broker}"
base-url = "https://lockml.example"
[audit.index]
ask = false
[audit.defaults]
every = "60s"
[[audit.targets]]
name = "first"
lock = "pylock.toml"
path = "venv"
hosts = ["a"]
[[audit.targets]]
name = "second"
lock = "pylock.toml"
path = "venv"
hosts = ["b"]
[[audit.notify]]
name = "hook"
urls = ["{hook}"]
"""


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command of ``lockml audit`` in *folder* with a log of its own, and end it with all its processes."""
    name = "-".join(each.strip("-") for each in arguments)
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", QUICK, "audit", *arguments],
            cwd=folder,
            env=environment_of(folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.mark.engine
def test_worker_that_was_killed_is_seen_and_told(tmp_path: Path) -> None:
    """Real processes, PostgreSQL and Redis: on the page, by the metrics, the health check and a message."""
    write_venv(tmp_path)
    with postgres() as url, redis() as broker, receiver() as (hook, messages), ExitStack() as stack:
        (tmp_path / "lockml.toml").write_text(FLEET.format(store=url, broker=broker.url, hook=hook))
        stack.enter_context(started(tmp_path, "beat", "--host", "c"))
        killed = stack.enter_context(started(tmp_path, "worker", "--host", "a", "--processes", "1"))
        ended = stack.enter_context(started(tmp_path, "worker", "--host", "b", "--processes", "1"))
        pages = stack.enter_context(serve(tmp_path, "--no-schedule", "--host", "d", program=QUICK))

        def dead() -> list[str]:
            return [f"{each['role']} {each['host']}" for each in json.loads(pages.get("/healthz"))["dead"]]

        def titles() -> list[str]:
            return [each["title"] for each in messages if "worker a" in each["title"]]

        everybody = [f'lockml_worker_up{{host="{host}",role="{role}"}} 1.0' for host, role in ROLES.items()]
        wait_until(lambda: all(line in pages.get("/metrics") for line in everybody), "all are alive", 120)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait(10)
        wait_until(lambda: dead() == ["worker a"], "it is seen", 120)
        assert "not responding" in pages.get("/")
        assert 'lockml_worker_up{host="a",role="worker"} 0.0' in pages.get("/metrics")
        wait_until(lambda: titles() == ["lockml: worker a: not responding"], "somebody is told", 120)
        assert next(each for each in messages if each["title"] == titles()[0])["type"] == "failure"
        ended.terminate()
        stack.enter_context(started(tmp_path, "worker", "--host", "a", "--processes", "1"))
        ended.wait(60)
        wait_until(lambda: not dead(), "it is back", 120)
        wait_until(lambda: 'host="b"' not in pages.get("/metrics"), "who was asked to stop is not missed")
        wait_until(lambda: titles()[1:] == ["lockml: worker a: is back"], "that is told too", 120)
        assert [each for each in pages.log if each["event"] in ("text", "library")] == []
    for log in tmp_path.glob("*.log"):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert all({"time", "level", "event"} <= line.keys() for line in lines), log
    told = [json.loads(line) for line in (tmp_path / "worker-host-a-processes-1.log").read_text().splitlines()]
    assert {line["level"] for line in told if line["event"] == "run"} == {"info"}


@pytest.mark.loopback
def test_pages_without_a_schedule_read_the_fleet_file_again(tmp_path: Path) -> None:
    file = tmp_path / "lockml.toml"
    file.write_text('[audit]\nactions = "nobody"\n[[audit.targets]]\nname = "a"\nlock = "x"\npath = "y"\n')
    with serve(tmp_path, program=QUICK) as scheduler:
        wait_until(scheduler.states, "the target is there")
    with serve(tmp_path, "--no-schedule", program=QUICK) as pages:
        assert "Run now" not in pages.get("/targets/a")
        file.write_text(file.read_text().replace("nobody", "anyone"))
        wait_until(lambda: "Run now" in pages.get("/targets/a"), "the page follows the file")
        file.write_text("[audit")
        wait_until(lambda: pages.event("fleet-failed"), "the fault is in the log")
        assert "Run now" in pages.get("/targets/a"), "it goes on with the fleet that it has"
