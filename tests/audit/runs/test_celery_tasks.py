"""What a worker of Celery does with a message, without a broker."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lockml.audit.runs.celery_worker import make_queue, queue_of, run_tick
from tests.audit.made import HOURLY, NOON, SetClock, auditor_of, make_target, ticks, write_venv


def test_worker_looks_once_for_the_ticks_that_it_missed(tmp_path: Path) -> None:
    write_venv(tmp_path)
    clock = SetClock(NOON + timedelta(minutes=30))
    auditor = auditor_of(tmp_path, make_target(tmp_path, schedule=HOURLY), clock=clock)
    for hours in (5, 4, 3, 2, 1, 0):
        run_tick(auditor, "here", NOON - timedelta(hours=hours))
    assert ticks(auditor) == [NOON]
    begun = NOON - timedelta(hours=4)
    auditor.store.runs.claim("here", begun, "ended", begun, timedelta(minutes=1))
    run_tick(auditor, "here", begun)
    assert begun in ticks(auditor), "what somebody began is done"


def test_target_of_a_host_is_on_that_hosts_queue(tmp_path: Path) -> None:
    anywhere = make_target(tmp_path)
    assert queue_of(anywhere) == "lockml.any"
    assert queue_of(replace(anywhere, host="gpu-1")) == "lockml.host.gpu-1"


def test_nobody_at_the_broker_can_order_workers_about() -> None:
    settings = make_queue("memory://").conf
    assert settings.worker_enable_remote_control is False
    assert (settings.worker_send_task_events, settings.task_send_sent_event) == (False, False)
    assert tuple(settings.accept_content) == ("json",), "and none of its messages is unpickled"
