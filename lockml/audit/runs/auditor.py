"""The runs of a fleet on one host: claim, check, record, notify."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Final

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.config.schedule import latest_tick
from lockml.audit.delivery import Delivery, Send, send_by_apprise
from lockml.audit.log import Log
from lockml.audit.model import RunResult, Trigger
from lockml.audit.runs.claims import Claims
from lockml.audit.runs.host import HostContext
from lockml.audit.runs.process_pool import ProcessPool
from lockml.audit.runs.recorder import Recorder
from lockml.audit.runs.run import Work, failed_result, run_target, work_of
from lockml.audit.runs.run_cache import RunCache
from lockml.audit.runs.spool import Spool
from lockml.audit.runs.targets import all_targets, discover, find_target
from lockml.audit.store.runs import Recorded
from lockml.audit.store.store import Store
from lockml.common.errors import EngineError, LockmlError, StoreError
from lockml.subjects.open import engine_of_environment

__all__ = ["Auditor", "Reload"]

_MOST_ATTEMPTS: Final = 3
_ENDED: Final = f"{_MOST_ATTEMPTS} attempts ended without a result: the process that checked it was killed each time"
_RENEWAL: Final = timedelta(seconds=15)  # between two renewals of claims during runs

Reload = Callable[[], Fleet | None]
"""Returns the fleet if its file has changed, else None; may raise LockmlError."""


class Auditor:
    """The runs of one fleet on this host.

    *claims* are those of this process, *undiscovered* is why the last discovery failed, None if it did not.
    """

    def __init__(
        self, fleet: Fleet, store: Store, context: HostContext, log: Log, send: Send = send_by_apprise
    ) -> None:
        self.fleet = fleet
        self.store = store
        self.log = log
        self.claims: Final = Claims(store, context, log)
        self.spool: Final = Spool(context.spool)
        self.recorder = Recorder(store, self.spool, fleet.notify, log)
        self.undiscovered: str | None = None
        self._context = context
        self._delivery = Delivery(store.outbox, self.claims.owner, log, send)
        self._cache = RunCache(context.cache)

    def now(self) -> datetime:
        """Return the time of this audit's clock."""
        return self._context.clock()

    def replace_fleet(self, fleet: Fleet) -> None:
        """Use *fleet* from now on."""
        self.fleet = fleet
        self.recorder.rules = fleet.notify

    def reload_fleet(self, reload: Reload) -> None:
        """Use the fleet that *reload* returns; if it raises LockmlError, log that and keep the fleet."""
        try:
            fleet = reload()
            if fleet is not None:
                self.replace_fleet(fleet)
            self.log.once("fleet", "")
        except LockmlError as error:
            self.log.once("fleet", str(error))

    def host_targets(self, now: datetime) -> tuple[AuditTarget, ...]:
        """Return the targets of this host, with those that discovery finds now, and store them."""
        host = self._context.host
        own = [target for target in self.fleet.targets if target.belongs_to(host)]
        found, failed = self._discovered(host)
        try:
            self._keep_targets(now)
            if failed:  # check what was there: the run reports that it is unreachable
                stored = [target for target in all_targets(self.fleet, self.store) if target.rule is not None]
                return (*own, *(target for target in stored if target.host == host))
            self.store.targets.put(found, now)
            for rule in self.fleet.discovery:
                names = [target.name for target in found if target.rule == rule.name]
                self.store.targets.retire(names, now, rule=rule.name, host=host)
        except StoreError as error:
            self.log.once("store", str(error))
        return (*own, *found)

    def fleet_targets(self, now: datetime) -> tuple[AuditTarget, ...]:
        """Return the targets of all hosts and store those of the fleet file; raises StoreError."""
        self._keep_targets(now)
        return tuple(all_targets(self.fleet, self.store))

    def find_target(self, name: str) -> AuditTarget | None:
        """Return the target *name* on any host, None if it is gone; raises StoreError."""
        return find_target(self.fleet, self.store, name)

    def _keep_targets(self, now: datetime) -> None:
        self.store.targets.put(self.fleet.targets, now)
        self.store.targets.retire([target.name for target in self.fleet.targets], now, rule=None)

    def _discovered(self, host: str) -> tuple[list[AuditTarget], bool]:
        """Return the discovered targets, and whether the engine failed to respond."""
        rules = [rule for rule in self.fleet.discovery if not rule.settings.hosts or host in rule.settings.hosts]
        if not rules:
            return [], False
        try:
            containers = engine_of_environment().running()
        except EngineError as error:
            self.undiscovered = str(error)
            self.log.once("discovery", str(error))
            return [], True
        self.undiscovered = None
        self.log.once("discovery", "")
        return [target for rule in rules for target in discover(rule, containers, host)], False

    def last_ticks(self) -> Mapping[str, datetime]:
        """Return the last tick of each target that has a run; raises StoreError."""
        return self.store.history.last_ticks()

    def ticks_with_run(self, name: str, ticks: Sequence[datetime]) -> set[datetime]:
        """Return those *ticks* of the target *name* that have a run; raises StoreError."""
        return self.store.history.ticks(name, ticks)

    def requests(self) -> Mapping[str, datetime]:
        """Return the requested ticks by target; raises StoreError."""
        return self.store.requests.all(self.now())

    def claim(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> bool:
        """Claim a tick and say whether to run it; without a response of the store, it is run.

        A tick during which several processes were killed is not tried again: that is its result.
        """
        try:
            attempt = self.claims.claim(target, tick)
        except StoreError as error:
            self.log.once("store", str(error))
            return True
        if attempt is None:
            return False
        if attempt > _MOST_ATTEMPTS:
            self.recorder.record(self._ended(target, tick, trigger))
            return False
        if attempt > 1:
            self.log("retried", target=target.name, tick=tick.isoformat(), attempt=attempt)
        return True

    def work(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> Work:
        """Return the run of *target* that is due at *tick*; a tick outside its schedule was requested."""
        if trigger == "schedule" and latest_tick(target.settings.schedule, tick) != tick:
            trigger = "manual"
        return work_of(self.fleet, target, tick, trigger, self._context.host)

    def _ended(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> RunResult:
        now = self.now()
        return failed_result(self.work(target, tick, trigger), _ENDED, now, now)

    def run(self, target: AuditTarget, tick: datetime, trigger: Trigger) -> tuple[RunResult, Recorded | None] | None:
        """Run *tick* in this process; return None if it has a run or another process runs it."""
        if not self.claim(target, tick, trigger):
            return None
        result = run_target(self.work(target, tick, trigger), self._cache, self._context.clock)
        return result, self.recorder.record(result)

    def run_all(
        self,
        targets: Sequence[AuditTarget],
        tick: datetime,
        processes: int,
        done: Callable[[RunResult, Recorded | None], None],
    ) -> None:
        """Run each of *targets*, several at once, and call *done* with each result, one at a time.

        An error while storing a result is raised after all runs.
        """
        claimed = [target for target in targets if self.claim(target, tick, "manual")]
        if not claimed:
            return
        faults: list[Exception] = []
        with ProcessPool(min(processes, len(claimed)), self._context.cache) as pool:
            for result in self._results(pool, claimed, tick):
                recorded = None
                try:
                    recorded = self.recorder.record(result)
                except Exception as error:
                    faults.append(error)
                done(recorded.result if recorded is not None else result, recorded)
        if faults:
            raise faults[0]

    def _results(self, pool: ProcessPool, targets: Sequence[AuditTarget], tick: datetime) -> Iterator[RunResult]:
        """Yield the result of each of *targets* when *pool* has it; repeat a run whose process was killed."""
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
                self.claims.renew()
                continue
            if result is None and attempts[target.name] < _MOST_ATTEMPTS:
                attempts[target.name] += 1
                submit(target)
                continue
            left -= 1
            yield result or self._ended(target, tick, "manual")

    def record(self, result: RunResult) -> None:
        """Store *result*, or spool it if the store does not respond."""
        self.recorder.record(result)

    def flush_spool(self) -> None:
        """Store the results that wait in the spool; raises StoreError."""
        self.recorder.flush()

    def deliver_until(self, stopped: threading.Event) -> None:
        """Send messages that are due until *stopped*; run it in a thread, as an address may be slow."""
        while not stopped.wait(2.0):
            try:
                self.deliver()
            except Exception as error:
                self.log.once("delivery", f"{type(error).__name__}: {error}")

    def deliver(self, *, paced: bool = True) -> list[str]:
        """Send messages that are due and return the errors; raises StoreError."""
        rules = {rule.name: rule for rule in self.fleet.notify}
        return self._delivery.deliver(rules, self.now(), self.fleet.base_url, paced=paced)

    def prune(self) -> None:
        """Delete runs that are older than the retention; raises StoreError."""
        if self.fleet.retention is not None:
            count = self.store.runs.prune(self.now() - self.fleet.retention)
            if count:
                self.log("pruned", runs=count)
