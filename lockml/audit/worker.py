"""A queue in, runs done out (Celery): where one machine is not enough.

What only one host can look at is on that host's queue, everything else on one for all. A message names a target and a
tick and nothing else: who gets it twice, late or after somebody else finds the tick's run in the store, or the claim.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from celery import Celery

from lockml.audit.auditor import Auditor
from lockml.audit.files import process_number
from lockml.audit.fleet import HOST_BOUND, AuditTarget
from lockml.audit.roster import find_target
from lockml.errors import LockmlError

__all__ = ["ANY", "DISCOVER", "RUN", "add_tasks", "host_queue", "make_queue", "queue_of"]

ANY: Final = "lockml.any"
RUN: Final = "lockml.run"
DISCOVER: Final = "lockml.discover"
_VISIBLE: Final = 3600  # seconds after which Redis gives a message that nobody acknowledged to another worker


def host_queue(host: str) -> str:
    """Return the queue of what only *host* can look at."""
    return f"lockml.host.{host}"


def queue_of(target: AuditTarget) -> str:
    """Return the queue that the runs of *target* are put on."""
    if target.host is not None and target.subject.kind in HOST_BOUND:
        return host_queue(target.host)
    return ANY


def make_queue(broker: str) -> Celery:
    """Return the application that speaks to *broker*, with settings under which no message is lost."""
    app = Celery("lockml", broker=broker)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
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


def add_tasks(app: Celery, make_auditor: Callable[[], Auditor]) -> None:
    """Declare what workers do, each process of them by an auditor of its own."""
    known: dict[int, Auditor] = {}

    def auditor() -> Auditor:
        number = process_number()
        if number not in known:
            known[number] = make_auditor()
            known[number].use(known[number].fleet)
        return known[number]

    @app.task(name=RUN, bind=True)  # type: ignore[untyped-decorator]
    def run(_: Any, name: str, tick: str) -> None:
        mine = auditor()
        target = find_target(mine.fleet, mine.store, name)
        if target is None:
            mine.log("unknown-target", target=name)
            return
        mine.recorder.labels = {name: target.labels}
        mine.do(target, datetime.fromisoformat(tick), "schedule")
        try:
            mine.recorder.flush()
            mine.deliver()
        except LockmlError as error:
            mine.once("store", str(error))

    @app.task(name=DISCOVER)  # type: ignore[untyped-decorator]
    def discover() -> None:
        auditor().targets()
