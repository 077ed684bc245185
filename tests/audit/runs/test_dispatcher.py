"""Ticks that are put on queues, and put there again where they were lost."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from lockml.audit.config.model import AuditSettings, AuditTarget, Fleet
from lockml.audit.runs.dispatcher import Dispatcher, QueueError, require_hosts
from lockml.common.errors import InputError
from lockml.subjects.open import SubjectName
from tests.audit.made import HOURLY, NOON, auditor_of, make_result, make_target


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
    with pytest.raises(InputError, match="which only its host can check"):
        require_hosts(Fleet(file="x", store="", targets=(make_target(tmp_path),)))
    anywhere = AuditTarget(
        name="image",
        subject=SubjectName(kind="registry", name="registry.example/x:1"),
        lock=tmp_path,
        settings=AuditSettings(),
    )
    require_hosts(Fleet(file="x", store="", targets=(anywhere,)))
