"""The scheduler of several hosts: it puts ticks that are due on the queues of workers.

It has no claims, and may lose its state: a tick without a run and a claim is queued again when the queue is empty or
the tick waits for too long. So a broker may lose everything, and two schedulers may run at once.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from lockml.audit.config.model import HOST_BOUND, AuditTarget, Fleet
from lockml.audit.runs.auditor import Auditor, Reload
from lockml.audit.runs.due_targets import DueTargets, Throttle
from lockml.common.errors import InputError, StoreError

__all__ = ["Dispatcher", "Queue", "QueueError", "require_hosts"]

_GRACE: Final = timedelta(seconds=10)  # from the queue to a claim
_PATIENCE: Final = timedelta(minutes=30)  # after which a tick is queued again, whatever the queue holds
_WATCHED: Final = timedelta(days=1)  # how long a tick without a run is watched


class QueueError(Exception):
    """An error of the broker; the text has the reason.

    Internal: never reaches the user; the dispatcher logs it and tries again.
    """


class Queue(Protocol):
    """The queues of workers; every method raises QueueError."""

    def put(self, target: AuditTarget, tick: datetime) -> None:
        """Put a tick of *target* on its queue."""

    def ask_discovery(self, host: str) -> None:
        """Ask *host* for the containers that its engine runs."""

    def waiting(self, target: AuditTarget) -> int:
        """Return the number of messages on the queue of *target*."""


@dataclass(slots=True)
class _Sent:
    target: AuditTarget
    first: datetime
    at: datetime


def require_hosts(fleet: Fleet) -> None:
    """Raise InputError for a target that only one host can check, without that host."""
    for target in fleet.targets:
        if target.subject.kind in HOST_BOUND and target.host is None:
            text = f"is a {target.subject.kind}, which only its host can check"
            raise InputError(f"target {target.name!r}", text, hint='name the host: hosts = ["gpu-1"]')
    for rule in fleet.discovery:
        if not rule.settings.hosts:
            hint = 'say them: hosts = ["gpu-1", "gpu-2"]'
            raise InputError(f"rule {rule.name!r}", "names no hosts", hint=hint)


class Dispatcher:
    """Puts ticks that are due on *queue*, with the fleet that *reload* returns."""

    def __init__(self, auditor: Auditor, queue: Queue, reload: Reload) -> None:
        self._auditor = auditor
        self._claims = auditor.claims
        self._log = auditor.log
        self._queue = queue
        self._reload = reload
        self._targets = DueTargets(auditor, self._reloaded, auditor.fleet_targets)
        self._sent: dict[tuple[str, datetime], _Sent] = {}
        self._refreshes = Throttle(timedelta(seconds=15))
        self._checks = Throttle(timedelta(seconds=5))
        self._prunings = Throttle(timedelta(hours=1))

    def step(self, now: datetime) -> None:
        """Do what is due at *now*; after an error of the store or the broker, the next step does it."""
        try:
            if self._refreshes.due(now):
                self._targets.refresh(now)
                for host in self._auditor.fleet.discovery_hosts:
                    self._queue.ask_discovery(host)
            for target, tick in self._targets.due(now):
                self._put(target, tick, now)
            if self._checks.due(now):
                self._claims.release_ended()
                self._auditor.flush_spool()
                self._put_lost(now)
            if self._prunings.due(now):
                self._auditor.prune()
            self._log.once("store", "")
            self._log.once("broker", "")
        except StoreError as error:
            self._log.once("store", str(error))
        except QueueError as error:
            self._log.once("broker", str(error))

    def _reloaded(self) -> Fleet | None:
        fleet = self._reload()
        if fleet is not None:
            require_hosts(fleet)
        return fleet

    def _put(self, target: AuditTarget, tick: datetime, now: datetime) -> None:
        self._queue.put(target, tick)
        before = self._sent.get((target.name, tick))
        for key in [key for key in self._sent if key[0] == target.name and key[1] < tick]:
            del self._sent[key]  # a late worker runs once, not once for each tick
        self._sent[target.name, tick] = _Sent(target, before.first if before is not None else now, now)
        self._targets.mark(target.name, tick)

    def _put_lost(self, now: datetime) -> None:
        """Queue ticks again that should have a run or a claim by now."""
        for claim in self._claims.expired(now):
            target = self._targets.get(claim.target)
            if target is not None:
                self._sent.setdefault((claim.target, claim.tick), _Sent(target, now, claim.tick))
        waiting: dict[str, list[datetime]] = {}
        for name, tick in self._sent:
            waiting.setdefault(name, []).append(tick)
        ran = {(name, tick) for name, ticks in waiting.items() for tick in self._auditor.ticks_with_run(name, ticks)}
        running = {(claim.target, claim.tick) for claim in self._claims.running(now)}
        self._sent = {key: sent for key, sent in self._sent.items() if key not in ran and now - sent.first <= _WATCHED}
        lost = [key for key, sent in self._sent.items() if key not in running and self._is_lost(sent, now)]
        for name, tick in lost:  # find all before the first is put: the queue is not empty after that
            self._log("sent-again", target=name, tick=tick.isoformat())
            self._put(self._sent[name, tick].target, tick, now)

    def _is_lost(self, sent: _Sent, now: datetime) -> bool:
        if now - sent.at > _PATIENCE:
            return True
        return now - sent.at > _GRACE and self._queue.waiting(sent.target) == 0
