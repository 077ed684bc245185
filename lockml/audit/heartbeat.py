"""A process's role in, its signs of life in the store out; and word of the processes that give none any more."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lockml import __version__
from lockml.audit.config.model import NotifyRule
from lockml.audit.log import Log
from lockml.audit.messages import Message, worker_messages
from lockml.audit.runs.host import HostContext, process_runs
from lockml.audit.store.store import Store
from lockml.audit.store.workers import SILENT, Role, WorkerEvent, WorkerRow
from lockml.common.errors import StoreError

__all__ = ["Heartbeat", "HeartbeatSettings"]

_PAUSE: Final = 10.0  # seconds between two signs of life


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatSettings:
    """Who gives signs of life: a process of *context* in its *role*. *rules* returns whom to tell of dead ones."""

    context: HostContext
    role: Role
    rules: Callable[[], Iterable[NotifyRule]]


class Heartbeat:
    """Keeps in *store* that this process lives, and which others do not; *deliver* tells what is due after that."""

    def __init__(self, store: Store, settings: HeartbeatSettings, log: Log, deliver: Callable[[], object]) -> None:
        self._store = store
        self._settings = settings
        self._log = log
        self._deliver = deliver
        self._started = settings.context.clock()
        self._signs: dict[str, tuple[datetime, datetime]] = {}  # the last of each process, and since when it is that
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lockml-heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End, and keep that this process ended as it was told to."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5)
        try:
            self._store.workers.end(self._settings.context.owner)
        except StoreError as error:
            self._log.once("store", str(error))

    def _run(self) -> None:
        while True:
            try:
                if self.beat():
                    self._deliver()
                self._log.once("heartbeat", "")
            except Exception as error:
                self._log.once("heartbeat", f"{type(error).__name__}: {error}")
            if self._stopped.wait(_PAUSE):
                return

    def beat(self) -> list[WorkerEvent]:
        """Give one sign of life, and return whom it found dead or back; raises StoreError."""
        context, workers = self._settings.context, self._store.workers
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
        events += workers.bury(now, self._messages, self._silent(now))
        for event in events:
            name = "worker-lost" if event.lost else "worker-back"
            self._log(name, host=event.host, role=event.role, seen=event.seen.isoformat())
        return events

    def _silent(self, now: datetime) -> dict[str, datetime]:
        """Return whose sign of life is the same for too long, by this clock alone: that of another host may differ."""
        signs = self._store.workers.signs()
        last = self._signs
        self._signs = {
            name: last[name] if name in last and last[name][0] == seen else (seen, now) for name, seen in signs.items()
        }
        return {name: seen for name, (seen, since) in self._signs.items() if now - since > SILENT}

    def _messages(self, event: WorkerEvent) -> list[Message]:
        name = f"{event.role} {event.host}"
        return worker_messages(self._settings.rules(), name, event.seen, event.moment, lost=event.lost)
