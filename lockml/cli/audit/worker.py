"""``lockml audit worker`` and ``lockml audit beat``: runs on several hosts."""

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from celery import Celery, signals
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError

from lockml.audit.config.model import AuditTarget, Fleet, NotifyRule
from lockml.audit.delivery import check_addresses
from lockml.audit.heartbeat import Heartbeat, HeartbeatSettings
from lockml.audit.log import Log
from lockml.audit.runs.auditor import Auditor, Reload
from lockml.audit.runs.celery_worker import ANY, DISCOVER, RUN, add_tasks, host_queue, make_queue, queue_of
from lockml.audit.runs.dispatcher import Dispatcher, QueueError, require_hosts
from lockml.audit.runs.host import utc_now
from lockml.audit.store.store import Store
from lockml.audit.store.workers import Role
from lockml.cli.audit.fleet import (
    FleetFile,
    FleetOptions,
    fleet_options,
    host_context,
    host_options,
    open_store,
    processes_option,
    read_fleet,
)
from lockml.cli.common.command import declare
from lockml.cli.common.options import option
from lockml.common.display import redact
from lockml.common.errors import InputError, StoreError

__all__ = ["beat", "worker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run, as given."""

    fleet: str
    store: str | None
    broker: str | None
    log_format: str
    host: str
    cache_dir: Path | None
    state_dir: Path
    processes: int | None = None


_broker = option(
    "--broker", metavar="URL", show_default="the fleet file's", help="The broker of Celery: redis://HOST/0."
)
_log_format = option(
    "--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True, help="Log format."
)


@declare(
    "worker",
    short_help="Do the runs on the queue of this host.",
    examples=(
        ("lockml audit worker", "Do runs until the process is stopped."),
        ("lockml audit worker --processes 4", "Do four at once."),
    ),
)
@fleet_options
@_broker
@processes_option
@_log_format
@host_options
def worker(**options: object) -> int:
    """Do the runs on the queue of this host and on the queue of all hosts (Celery).

    All hosts must reach the store: use PostgreSQL. `lockml audit beat` puts runs that are due on the queues.
    """
    settings = _Settings(**options)  # type: ignore[arg-type] # click checked each of them
    named = FleetOptions(fleet=settings.fleet, store=settings.store)
    fleet = read_fleet(named)
    queue = make_queue(_broker_of(settings, fleet))
    processes = settings.processes or fleet.processes or len(os.sched_getaffinity(0))

    def make_auditor() -> tuple[Auditor, Reload]:
        file = FleetFile(named)
        current = file.fleet
        store = Store(settings.store) if settings.store is not None else Store(current.store, current.folder)
        return _auditor(settings, current, store), file.reload

    log = Log.standard(settings.log_format, utc_now)
    log.capture()
    signals.setup_logging.connect(_keep_logging, weak=False)
    add_tasks(queue, make_auditor)
    auditor, reload = make_auditor()
    with suppress(StoreError):  # a killed process left ticks; the beat queues them again, too
        auditor.claims.release_ended()
    heartbeat = _heartbeat(auditor, reload, settings, "worker")
    signals.worker_ready.connect(lambda **_: heartbeat.start(), weak=False)  # after Celery forks
    arguments = ["--quiet", "worker", "--queues", f"{host_queue(settings.host)},{ANY}", "--concurrency", str(processes)]
    arguments += ["--hostname", f"lockml@{settings.host}.{os.getpid()}", "--loglevel", "WARNING"]
    arguments += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    signals.worker_shutting_down.connect(lambda **_: log("ending", host=settings.host), weak=False)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # Celery prints to it beside its log
    log("working", host=settings.host, processes=processes)
    try:
        queue.worker_main(arguments)
    finally:
        heartbeat.stop()
    return 0


def _keep_logging(**_: object) -> None:
    """Disable the logging of Celery: a receiver of this signal replaces it."""


@declare(
    "beat",
    short_help="Put runs that are due on the queues of workers.",
    examples=(
        ("lockml audit beat", "Put runs on the queues when they are due."),
        ("lockml audit beat --host scheduler-2", "Run a second one, which takes over if the first stops."),
    ),
)
@fleet_options
@_broker
@_log_format
@host_options
def beat(**options: object) -> int:
    """Put the runs of every target on the queue of its host, or of all hosts, when they are due (Celery).

    A run that the broker or a worker loses is queued again. Several may run at once: a tick has one run.
    """
    settings = _Settings(**options)  # type: ignore[arg-type] # click checked each of them
    named = FleetOptions(fleet=settings.fleet, store=settings.store)
    file = FleetFile(named)
    require_hosts(file.fleet)
    check_addresses(file.fleet.notify)
    queue = _CeleryQueue(make_queue(_broker_of(settings, file.fleet)))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with open_store(named, file.fleet) as store:
        auditor = _auditor(settings, file.fleet, store)
        dispatcher = Dispatcher(auditor, queue, file.reload)
        auditor.log.capture()
        auditor.log("beating", store=store.database.name, host=settings.host)
        heartbeat = _heartbeat(auditor, None, settings, "beat")
        heartbeat.start()
        delivery = threading.Thread(target=auditor.deliver_until, args=(ended,), name="lockml-delivery", daemon=True)
        delivery.start()
        try:
            while not ended.wait(1.0):
                dispatcher.step(auditor.now())
        finally:
            ended.set()
            heartbeat.stop()
    return 0


def _heartbeat(auditor: Auditor, reload: Reload | None, settings: _Settings, role: Role) -> Heartbeat:
    """Return the heartbeat of this process.

    With *reload* it reads the fleet file again and sends messages; a process that does both elsewhere gives None.
    """

    def rules() -> tuple[NotifyRule, ...]:
        if reload is not None:
            auditor.reload_fleet(reload)
        return auditor.fleet.notify

    context = host_context(settings.host, settings.cache_dir, settings.state_dir, auditor.store)
    given = HeartbeatSettings(context=context, role=role, rules=rules)
    return Heartbeat(auditor.store, given, auditor.log, auditor.deliver if reload is not None else None)


def _auditor(settings: _Settings, fleet: Fleet, store: Store) -> Auditor:
    context = host_context(settings.host, settings.cache_dir, settings.state_dir, store)
    return Auditor(fleet, store, context, Log.standard(settings.log_format, utc_now))


def _broker_of(settings: _Settings, fleet: Fleet) -> str:
    broker = settings.broker or fleet.broker
    if broker is None:
        hint = 'add broker = "redis://redis.example/0" to [audit], or use --broker'
        raise InputError(settings.fleet, "names no broker", hint=hint)
    if not broker.startswith(("redis://", "rediss://", "amqp://", "amqps://", "unix://", "sentinel://")):
        raise InputError(f"broker {redact(broker)!r}", "is not the address of a broker", hint="such as redis://HOST/0")
    return broker


class _CeleryQueue:
    """The queues that workers read."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def put(self, target: AuditTarget, tick: datetime) -> None:
        """Put a tick of *target* on its queue; raises QueueError."""
        limit = target.settings.timeout.total_seconds()
        arguments = [target.name, tick.isoformat()]
        self._send(RUN, arguments, queue_of(target), soft_time_limit=limit, time_limit=limit + 10)

    def ask_discovery(self, host: str) -> None:
        """Ask *host* for the containers that its engine runs; raises QueueError."""
        if self._waiting(host_queue(host)) == 0:  # ask an absent host only once
            self._send(DISCOVER, [], host_queue(host))

    def waiting(self, target: AuditTarget) -> int:
        """Return the number of messages on the queue of *target*; raises QueueError."""
        return self._waiting(queue_of(target))

    def _waiting(self, queue: str) -> int:
        try:
            with self._app.connection_for_read() as connection, connection.channel() as channel:
                declared = channel.queue_declare(queue=queue, passive=True)
                return int(declared.message_count)
        except (KombuError, CeleryError, OSError) as error:
            raise QueueError(redact(str(error))) from error
        except Exception as error:
            if "no queue" in str(error).lower() or "not_found" in str(error).lower():
                return 0
            raise QueueError(redact(str(error))) from error

    def _send(self, task: str, arguments: list[str], queue: str, **options: float) -> None:
        try:
            self._app.send_task(task, args=arguments, queue=queue, **options)
        except (KombuError, CeleryError, OSError) as error:
            raise QueueError(redact(str(error))) from error
        except Exception as error:
            raise QueueError(redact(str(error))) from error
