"""The heartbeat of a process in the store, and the watch over the heartbeats of the other processes."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from lockml import __version__
from lockml.audit.config.model import NotifyRule
from lockml.audit.log import Log
from lockml.audit.messages import Message, worker_messages
from lockml.audit.runs.host import HostContext, process_runs
from lockml.audit.store.store import Store
from lockml.audit.store.workers import Role, WorkerEvent, WorkerRow
from lockml.common.errors import StoreError

__all__ = ["PAUSE", "SILENCE", "Heartbeat", "HeartbeatSettings"]

PAUSE: Final = 10.0
"""Seconds between two heartbeats."""

SILENCE: Final = timedelta(seconds=45)
"""A process is dead after this long without a heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSettings:
    """The process of *context* in its *role*, which gives a heartbeat every *pause* seconds.

    *rules* returns the notification rules; each heartbeat calls it, so it may read the fleet file again. A process is
    dead after *silence* without a heartbeat.
    """

    context: HostContext
    role: Role
    rules: Callable[[], Iterable[NotifyRule]]
    pause: float = field(default_factory=lambda: PAUSE)
    silence: timedelta = field(default_factory=lambda: SILENCE)


class Heartbeat:
    """Writes to *store* that this process lives, and which other processes do not.

    *deliver*, if given, sends the messages that are due, in a second thread: a slow address stops no heartbeat. A
    process that has a thread for deliveries already needs none.
    """

    def __init__(
        self, store: Store, settings: HeartbeatSettings, log: Log, deliver: Callable[[], object] | None = None
    ) -> None:
        self._store = store
        self._settings = settings
        self._log = log
        self._started = settings.context.clock()
        self._last: dict[str, tuple[datetime, datetime]] = {}  # the last heartbeat of each, and when it was new here
        self._looked = self._started  # when that was read
        self._rules: tuple[NotifyRule, ...] = ()
        self._stopped = threading.Event()
        work = {"heartbeat": self.beat, **({"delivery": deliver} if deliver is not None else {})}
        self._threads = [
            threading.Thread(target=self._repeat, args=each, name=f"lockml-{each[0]}", daemon=True)
            for each in work.items()
        ]

    def start(self) -> None:
        """Start, in threads of its own."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and remove this process from the store."""
        self._stopped.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(5)
        try:
            self._store.workers.end(self._settings.context.owner)
        except StoreError as error:
            self._log.once("store", str(error))

    def _repeat(self, name: str, work: Callable[[], object]) -> None:
        while True:
            try:
                work()
                self._log.once(name, "")
            except Exception as error:
                self._log.once(name, f"{type(error).__name__}: {error}")
            if self._stopped.wait(self._settings.pause):
                return

    def beat(self) -> list[WorkerEvent]:
        """Give one heartbeat and return the processes that it found dead or back; raises StoreError."""
        context, workers = self._settings.context, self._store.workers
        self._rules = tuple(self._settings.rules())
        now, host = context.clock(), context.host
        ended = [name for name in workers.names(host) if not process_runs(name, host)]
        row = WorkerRow(
            name=context.owner,
            host=host,
            role=self._settings.role,
            version=__version__,
            started=self._started,
            seen=now,
            lost=None,
        )
        events = workers.put(row, ended, self._messages)
        events += workers.mark_dead(now, self._messages, self._silent(now))
        for event in events:
            name = "worker-lost" if event.lost else "worker-back"
            self._log(name, host=event.host, role=event.role, seen=event.seen.isoformat())
        return events

    def _silent(self, now: datetime) -> dict[str, datetime]:
        """Return the processes whose heartbeat stays the same for too long by this clock: other clocks may differ.

        Time in which this process could not look does not count: without the store, the others could not write either.
        """
        last = self._last if now - self._looked <= self._settings.silence / 2 else {}
        self._looked = now
        self._last = {
            name: last[name] if name in last and last[name][0] == seen else (seen, now)
            for name, seen in self._store.workers.heartbeats().items()
        }
        return {name: seen for name, (seen, since) in self._last.items() if now - since > self._settings.silence}

    def _messages(self, event: WorkerEvent) -> list[Message]:
        name = f"{event.role} {event.host}"
        return worker_messages(self._rules, name, event.seen, event.moment, lost=event.lost)
