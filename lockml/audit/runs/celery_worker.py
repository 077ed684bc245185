"""The runs of several machines, from queues (Celery).

A target that only one host can check is on the queue of that host, any other on a queue for all. A message names only a
target and a tick: a worker that gets it twice or late finds the run of the tick, or its claim, in the store.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from celery import Celery

from lockml.audit.config.model import AuditTarget
from lockml.audit.config.schedule import latest_tick
from lockml.audit.runs.auditor import Auditor, Reload
from lockml.audit.runs.host import process_number
from lockml.common.errors import LockmlError

__all__ = ["ANY", "DISCOVER", "RUN", "add_tasks", "host_queue", "make_queue", "queue_of", "run_tick"]

ANY: Final = "lockml.any"
RUN: Final = "lockml.run"
DISCOVER: Final = "lockml.discover"
_VISIBLE: Final = 3600  # seconds after which Redis gives an unacknowledged message to another worker


def host_queue(host: str) -> str:
    """Return the queue of targets that only *host* can check."""
    return f"lockml.host.{host}"


def queue_of(target: AuditTarget) -> str:
    """Return the queue for runs of *target*."""
    return host_queue(target.host) if target.host is not None else ANY


def make_queue(broker: str) -> Celery:
    """Return the Celery application for *broker*, with settings that lose no message."""
    app = Celery("lockml", broker=broker)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,  # a user of the broker could stop workers and read their settings
        worker_send_task_events=False,
        task_send_sent_event=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": _VISIBLE,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        task_publish_retry_policy={"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 2},
        timezone="UTC",
    )
    return app


def add_tasks(app: Celery, make_auditor: Callable[[], tuple[Auditor, Reload]]) -> None:
    """Declare the tasks of workers; each process has its own auditor and reads the fleet file again."""
    auditors: dict[int, tuple[Auditor, Reload]] = {}  # by process: Celery forks after this

    def current() -> Auditor:
        number = process_number()
        if number not in auditors:
            auditors[number] = make_auditor()
        auditor, reload = auditors[number]
        auditor.reload_fleet(reload)
        return auditor

    @app.task(name=RUN)  # type: ignore[untyped-decorator] # celery has no types
    def run(name: str, text: str) -> None:
        run_tick(current(), name, datetime.fromisoformat(text))

    @app.task(name=DISCOVER)  # type: ignore[untyped-decorator] # celery has no types
    def discover() -> None:
        auditor = current()
        auditor.host_targets(auditor.now())


def run_tick(auditor: Auditor, name: str, tick: datetime) -> None:
    """Run *tick*, unless a later one is due by now and no process has begun this one."""
    target = auditor.find_target(name)
    if target is None:
        auditor.log("unknown-target", target=name)
        return
    latest = latest_tick(target.settings.schedule, auditor.now())
    if latest is not None and tick < latest and not auditor.claims.is_claimed(target, tick):
        return
    try:
        auditor.flush_spool()
    except LockmlError as error:
        auditor.log.once("store", str(error))
    auditor.run(target, tick, "schedule")
    try:
        auditor.deliver()
    except LockmlError as error:
        auditor.log.once("store", str(error))
