"""A fleet and a store in, runs done out: claimed, looked at, recorded and told."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.delivery import Delivery, Send, send_by_apprise
from lockml.audit.log import Log
from lockml.audit.model import RunResult, Trigger
from lockml.audit.runs.discovery import discovered
from lockml.audit.runs.host import host_name, process_name, process_runs
from lockml.audit.runs.process_pool import ProcessPool
from lockml.audit.runs.recorder import Recorder
from lockml.audit.runs.run import Work, failed_result, run_target, work_of
from lockml.audit.runs.spool import Spool
from lockml.audit.runs.targets import all_targets
from lockml.audit.store.runs import Claim, Recorded
from lockml.audit.store.store import Store
from lockml.common.errors import EngineError, StoreError
from lockml.subjects.open import engine_of_environment

__all__ = ["Auditor", "HostContext"]

_MARGIN: Final = timedelta(seconds=15)  # that a claim outlives the timeout of its run
_MOST_ATTEMPTS: Final = 3
_ENDED: Final = f"{_MOST_ATTEMPTS} attempts ended without a result: each time the process that looked at it was ended"
_LEASE: Final = timedelta(seconds=90)  # of what a living process has taken up, which renews it
_RENEWAL: Final = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostContext:
    """Where an audit is done: on *host*, by the process *owner*; what is immutable is kept in *cache*."""

    cache: Path | None
    spool: Path
    host: str = field(default_factory=host_name)

    @property
    def owner(self) -> str:
        """What names this process."""
        return process_name(self.host)


class Auditor:
    """Does the runs of one fleet that are this host's."""

    def __init__(
        self, fleet: Fleet, store: Store, context: HostContext, log: Log, send: Send = send_by_apprise
    ) -> None:
        self.fleet = fleet
        self.store = store
        self.context = context
        self.log = log
        self.recorder = Recorder(store, Spool(context.spool), fleet.notify, log)
        self._owner = context.owner
        self._delivery = Delivery(store.outbox, self._owner, log, send)
        self._last_errors: dict[str, str] = {}  # what went wrong last, so that it is logged once
        self.undiscovered: str | None = None  # why nothing could be discovered the last time

    def targets(self) -> tuple[AuditTarget, ...]:
        """Return this host's targets, those that discovery finds now among them, and keep them in the store."""
        own = [target for target in self.fleet.targets if target.belongs_to(self.context.host)]
        found, failed = self._discovered()
        now = datetime.now(UTC)
        try:
            self.keep_targets(now)
            if failed:  # what was there is looked at, and told to be away
                known = [target for target in all_targets(self.fleet, self.store) if target.rule is not None]
                return (*own, *(target for target in known if target.host == self.context.host))
            self.store.targets.put(found, now)
            for rule in self.fleet.discovery:
                names = [target.name for target in found if target.rule == rule.name]
                self.store.targets.retire(names, now, rule=rule.name, host=self.context.host)
        except StoreError as error:
            self.log_once("store", str(error))
        return (*own, *found)

    def keep_targets(self, now: datetime) -> None:
        """Keep in the store which targets the fleet file names; raises StoreError."""
        self.store.targets.put(self.fleet.targets, now)
        self.store.targets.retire([target.name for target in self.fleet.targets], now, rule=None)

    def _discovered(self) -> tuple[list[AuditTarget], bool]:
        """Return what discovery finds, and whether the engine did not answer."""
        rules = [
            rule for rule in self.fleet.discovery if not rule.settings.hosts or self.context.host in rule.settings.hosts
        ]
        if not rules:
            return [], False
        try:
            containers = engine_of_environment().running()
        except EngineError as error:
            self.undiscovered = str(error)
            self.log_once("discovery", str(error))
            return [], True
        self.undiscovered = None
        self.log_once("discovery", "")
        return [target for rule in rules for target in discovered(rule, containers, self.context.host)], False

    def log_once(self, event: str, error: str) -> None:
        """Log *error*, unless it is what was logged last of *event*; "" says that it is over."""
        if self._last_errors.get(event, "") != error:
            self._last_errors[event] = error
            self.log(f"{event}-failed" if error else f"{event}-again", **({"error": error} if error else {}))

    def claim(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> bool:
        """Take up a tick and say whether it is to be done; a store that does not answer keeps nobody from looking.

        A tick that several processes have ended at is not tried again: that is its result.
        """
        lease = max(target.settings.timeout + _MARGIN, _LEASE)
        try:
            attempt = self.store.runs.claim(target.name, tick, self._owner, datetime.now(UTC), lease)
        except StoreError as error:
            self.log_once("store", str(error))
            return True
        if attempt is None:
            return False
        if attempt > _MOST_ATTEMPTS:
            now = datetime.now(UTC)
            self.recorder.record(failed_result(self.work(target, tick, trigger), _ENDED, now, now))
            return False
        if attempt > 1:
            self.log("retried", target=target.name, tick=tick.isoformat(), attempt=attempt)
        return True

    def work(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> Work:
        """Return the run of *target* that is due at *tick*."""
        return work_of(self.fleet, target, tick, trigger, self.context.host, self.context.cache)

    def do(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> tuple[RunResult, Recorded | None] | None:
        """Do one run in this process, None where its tick has one or somebody is at it."""
        if not self.claim(target, tick, trigger):
            return None
        result = run_target(self.work(target, tick, trigger))
        return result, self.recorder.record(result)

    def run_all(
        self,
        targets: Sequence[AuditTarget],
        tick: datetime,
        processes: int,
        done: Callable[[RunResult, Recorded | None], None],
    ) -> None:
        """Do a run of each of *targets*, several at once, and call *done* with each result, one at a time.

        What goes wrong with the keeping of a result is raised once all are done.
        """
        taken = [target for target in targets if self.claim(target, tick, "manual")]
        if not taken:
            return
        faults: list[Exception] = []
        with ProcessPool(min(processes, len(taken))) as pool:
            for result in self._results(pool, taken, tick):
                recorded = None
                try:
                    recorded = self.recorder.record(result)
                except Exception as error:
                    faults.append(error)
                done(result, recorded)
        if faults:
            raise faults[0]

    def _results(self, pool: ProcessPool, targets: Sequence[AuditTarget], tick: datetime) -> Iterator[RunResult]:
        """Yield the result of each of *targets* as *pool* has it; a run whose process was ended is done again."""
        finished: SimpleQueue[tuple[AuditTarget, RunResult | None]] = SimpleQueue()

        def submit(target: AuditTarget) -> None:
            work = self.work(target, tick, "manual")
            pool.submit(work, lambda result: finished.put((target, result)), lambda: finished.put((target, None)))

        attempts = dict.fromkeys((target.name for target in targets), 1)
        for target in targets:
            submit(target)
        left = len(targets)
        while left:
            try:
                target, result = finished.get(timeout=_RENEWAL.total_seconds())
            except Empty:
                self.renew()
                continue
            if result is None and attempts[target.name] < _MOST_ATTEMPTS:
                attempts[target.name] += 1
                submit(target)
                continue
            left -= 1
            now = datetime.now(UTC)
            yield result or failed_result(self.work(target, tick, "manual"), _ENDED, now, now)

    def was_begun(self, target: AuditTarget, tick: datetime) -> bool:
        """Say whether somebody has taken up this tick and not ended it."""
        return any((each.target, each.tick) == (target.name, tick) for each in self.store.runs.claimed())

    def renew(self) -> None:
        """Keep what this process has taken up, as it is at work; a store that does not answer is asked again."""
        try:
            self.store.runs.renew(self._owner, datetime.now(UTC), _LEASE)
        except StoreError as error:
            self.log_once("store", str(error))

    def expire_claim(self, target: AuditTarget, tick: datetime) -> None:
        """Leave to whoever comes first a tick whose process was ended."""
        try:
            self.store.runs.expire(target.name, tick, self._owner, datetime.now(UTC))
        except StoreError as error:
            self.log_once("store", str(error))

    def replace_fleet(self, fleet: Fleet) -> None:
        """Go on with *fleet*."""
        self.fleet = fleet
        self.recorder.rules = fleet.notify

    def release_claims(self) -> None:
        """Leave to others what this process has taken up; raises StoreError."""
        self.store.runs.expire_all(self._owner, datetime.now(UTC))

    def drop_claim(self, claim: Claim, now: datetime) -> None:
        """Drop a tick of a target that is not there any more, a day after it; raises StoreError."""
        if now - claim.tick > timedelta(days=1):
            self.store.runs.release(claim.target, claim.tick, claim.owner)

    def deliver_until(self, stopped: threading.Event) -> None:
        """Tell what is due, again and again, until *stopped*: for a thread of its own, as an address may take long."""
        while not stopped.wait(2.0):
            try:
                self.deliver()
            except Exception as error:
                self.log_once("delivery", f"{type(error).__name__}: {error}")

    def deliver(self) -> list[str]:
        """Tell what is due, and return why something could not be told; raises StoreError."""
        return self._delivery.deliver({rule.name: rule for rule in self.fleet.notify}, datetime.now(UTC))

    def release_ended(self) -> None:
        """Free the ticks of processes of this host that have ended without a run; raises StoreError."""
        owners = {claim.owner for claim in self.store.runs.claimed()}
        for owner in sorted(owners):
            if not process_runs(owner, self.context.host):
                self.store.runs.expire_all(owner, datetime.now(UTC))

    def prune(self) -> None:
        """Take away what is older than the fleet keeps; raises StoreError."""
        if self.fleet.retention is not None:
            count = self.store.runs.prune(datetime.now(UTC) - self.fleet.retention)
            if count:
                self.log("pruned", runs=count)
