"""A fleet and the clock in, ticks on the queues of workers out: the beat of several hosts.

It claims nothing and remembers nothing that it could not lose: what has no run and no claim is put on its queue again,
when the queue is empty or when it waits for too long. So a broker may lose everything, and two may beat at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from lockml.audit.config.model import HOST_BOUND, AuditTarget, Fleet
from lockml.audit.config.schedule import delay_of, latest_tick
from lockml.audit.runs.auditor import Auditor
from lockml.audit.runs.targets import all_targets
from lockml.audit.runs.throttle import Pace
from lockml.common.errors import InputError, LockmlError, StoreError

__all__ = ["Dispatcher", "Queue", "QueueError", "require_hosts"]

_GRACE: Final = timedelta(seconds=10)  # that a message may take from its queue to a claim
_PATIENCE: Final = timedelta(minutes=30)  # after which it is put on its queue again, whatever that holds
_KEPT: Final = timedelta(days=1)  # for which a tick without a run is seen to


class QueueError(Exception):
    """The broker does not answer; the text says why.

    Internal: never reaches the user; the dispatcher logs it and tries again.
    """


class Queue(Protocol):
    """Where ticks are put for workers; every method raises QueueError."""

    def put(self, target: AuditTarget, tick: datetime) -> None:
        """Put a tick of *target* on its queue."""

    def ask_discovery(self, host: str) -> None:
        """Ask *host* to look for what its engine runs."""

    def waiting(self, target: AuditTarget) -> int:
        """Return how many messages wait on the queue of *target*."""


@dataclass(slots=True)
class _Sent:
    target: AuditTarget
    first: datetime
    at: datetime


def require_hosts(fleet: Fleet) -> None:
    """Raise InputError for a target that one host alone can look at, and that does not say which."""
    for target in fleet.targets:
        if target.subject.kind in HOST_BOUND and target.host is None:
            text = f"is a {target.subject.kind}, which only the host that has it can look at"
            raise InputError(f"target {target.name!r}", text, hint='say which: hosts = ["gpu-1"]')
    for rule in fleet.discovery:
        if not rule.practice.hosts:
            hint = 'say them: hosts = ["gpu-1", "gpu-2"]'
            raise InputError(f"rule {rule.name!r}", "does not say on which hosts it looks", hint=hint)


class Dispatcher:
    """Puts what is due on *queue*; *reload* is that of `Scheduler`."""

    def __init__(self, auditor: Auditor, queue: Queue, reload: Callable[[], Fleet | None]) -> None:
        self._auditor = auditor
        self._queue = queue
        self._reload = reload
        self._targets: dict[str, AuditTarget] = {}
        self._last: dict[str, datetime] = {}
        self._sent: dict[tuple[str, datetime], _Sent] = {}
        self._looks = Pace(timedelta(seconds=15))
        self._checks = Pace(timedelta(seconds=5))
        self._prunings = Pace(timedelta(hours=1))

    def step(self, now: datetime) -> None:
        """Do what is due at *now*; what the store or the broker does not answer to is done at the next step."""
        try:
            if self._looks.due(now):
                self._look(now)
            self._put_due(now)
            if self._checks.due(now):
                self._auditor.release_ended()
                self._auditor.recorder.flush()
                self._put_lost(now)
            if self._prunings.due(now):
                self._auditor.prune()
            self._auditor.once("store", "")
            self._auditor.once("broker", "")
        except StoreError as error:
            self._auditor.once("store", str(error))
        except QueueError as error:
            self._auditor.once("broker", str(error))

    def _look(self, now: datetime) -> None:
        try:
            fleet = self._reload()
            if fleet is not None:
                require_hosts(fleet)
                self._auditor.use(fleet)
            self._auditor.once("fleet", "")
        except LockmlError as error:
            self._auditor.once("fleet", str(error))
        self._auditor.keep_targets(now)
        self._targets = {target.name: target for target in all_targets(self._auditor.fleet, self._auditor.store)}
        for name, tick in self._auditor.store.history.last_ticks().items():
            if tick <= now:
                self._last[name] = max(tick, self._last.get(name, tick))
        for host in sorted({host for rule in self._auditor.fleet.discovery for host in rule.practice.hosts}):
            self._queue.ask_discovery(host)

    def _put_due(self, now: datetime) -> None:
        never = datetime.min.replace(tzinfo=UTC)
        for target in self._targets.values():
            tick = latest_tick(target.practice.schedule, now)
            if tick is None or self._last.get(target.name, never) >= tick:
                continue
            if now >= tick + delay_of(target.practice.schedule, target.name, tick, target.practice.jitter):
                self._put(target, tick, now)

    def _put(self, target: AuditTarget, tick: datetime, now: datetime) -> None:
        self._queue.put(target, tick)
        known = self._sent.get((target.name, tick))
        for key in [key for key in self._sent if key[0] == target.name and key[1] < tick]:
            del self._sent[key]  # who comes late looks once, not once for each tick
        self._sent[target.name, tick] = _Sent(target, known.first if known is not None else now, now)
        self._last[target.name] = max(tick, self._last.get(target.name, tick))

    def _put_lost(self, now: datetime) -> None:
        """Put again what should have had a run by now, or a claim."""
        for claim in self._auditor.store.runs.expired(now):
            target = self._targets.get(claim.target)
            if target is not None:
                self._sent.setdefault((claim.target, claim.tick), _Sent(target, now, claim.tick))
        waiting: dict[str, list[datetime]] = {}
        for name, tick in self._sent:
            waiting.setdefault(name, []).append(tick)
        ran = {(name, tick) for name, ticks in waiting.items() for tick in self._ran(name, ticks)}
        alive = {(claim.target, claim.tick) for claim in self._auditor.store.runs.alive(now)}
        self._sent = {key: sent for key, sent in self._sent.items() if key not in ran and now - sent.first <= _KEPT}
        lost = [key for key, sent in self._sent.items() if key not in alive and self._is_lost(sent, now)]
        for name, tick in lost:  # all are known before the first is put, as a queue is not empty any more then
            self._auditor.log("sent-again", target=name, tick=tick.isoformat())
            self._put(self._sent[name, tick].target, tick, now)

    def _ran(self, name: str, ticks: list[datetime]) -> set[datetime]:
        return self._auditor.store.history.ticks(name, ticks)

    def _is_lost(self, sent: _Sent, now: datetime) -> bool:
        if now - sent.at > _PATIENCE:
            return True
        return now - sent.at > _GRACE and self._queue.waiting(sent.target) == 0
