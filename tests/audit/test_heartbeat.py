"""Signs of life of one process, and how it tells of the others."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lockml.audit.config.model import NotifyRule
from lockml.audit.heartbeat import Heartbeat, HeartbeatSettings
from lockml.audit.runs.host import HostContext
from lockml.audit.store.store import Store
from lockml.audit.store.workers import SILENT
from tests.audit.made import NOON, ListLog, SetClock

RULE = NotifyRule(name="hook", urls=("json://hook.example/x",))


def heartbeat(store: Store, host: str, clock: SetClock, log: ListLog) -> Heartbeat:
    context = HostContext(cache=None, spool=Path(), host=host, clock=clock)
    settings = HeartbeatSettings(context=context, role="worker", rules=lambda: [RULE])
    return Heartbeat(store, settings, log, lambda: None)


def test_one_of_several_tells_that_another_is_dead_and_that_it_is_back(tmp_path: Path) -> None:
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    first, second, third = (heartbeat(store, f"gpu-{number}", clock, log) for number in (1, 2, 3))
    for each in (first, second, third):
        each.beat()
    clock.moment = NOON + SILENT + timedelta(seconds=1)
    store.workers.end(next(each.name for each in store.workers.all(NOON) if each.host == "gpu-3"))
    second.beat()
    third.beat()
    assert log.events == ["worker-lost"]
    assert store.history.waiting_messages() == 1
    first.beat()
    assert log.events == ["worker-lost", "worker-back"]
    assert [each.is_dead(clock()) for each in store.workers.all(clock())] == [False, False, False]
    (group,) = store.outbox.take("me", clock(), timedelta(minutes=1))
    assert [each.content["lost"] for each in group] == [True, False]
    store.close()


def test_process_of_this_host_that_ended_is_found_dead_at_once(tmp_path: Path) -> None:
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    living = heartbeat(store, "here", clock, log)
    living.beat()
    (row,) = store.workers.all(NOON)
    store.workers.put(replace(row, name="here 4194304 boot/1", role="beat"), (), lambda _: ())
    living.beat()
    assert log.events == ["worker-lost"]
    store.close()


def test_end_that_was_asked_for_is_no_death(tmp_path: Path) -> None:
    store, clock, log = Store("sqlite:///a.db", tmp_path), SetClock(), ListLog()
    living = heartbeat(store, "here", clock, log)
    living.beat()
    living.stop()
    assert store.workers.all(NOON) == []
    assert log.events == []
    store.close()
