"""A fleet and the clock in, runs at their ticks out: the loop of a process that audits by itself.

Everything that it knows stands in the store, so it can be ended at any moment: what was in flight is taken up again by
whoever comes first.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.config.schedule import delay_of, latest_tick
from lockml.audit.delivery import check_addresses
from lockml.audit.model import RunResult
from lockml.audit.runs.auditor import Auditor
from lockml.audit.runs.process_pool import OnResult, OnWorkerLost
from lockml.audit.runs.throttle import Throttle
from lockml.common.errors import LockmlError, StoreError

__all__ = ["Scheduler", "Submit"]

Submit = Callable[[AuditTarget, datetime, OnResult, OnWorkerLost], None]
"""A target, the tick to look at it for, and what to call in the end, in; it is done elsewhere, some time later."""


class Scheduler:
    """Has the runs of *auditor* done as they fall due, by *submit*.

    *reload* returns the fleet anew where its file has changed, None where it has not; it may raise LockmlError, and the
    fleet stays as it was.
    """

    LONGEST_PAUSE: Final = 0.5  # seconds between two looks at the clock

    def __init__(self, auditor: Auditor, submit: Submit, reload: Callable[[], Fleet | None]) -> None:
        self._auditor = auditor
        self._submit = submit
        self._reload = reload
        self._targets: dict[str, AuditTarget] = {}
        self._last: dict[str, datetime] = {}
        self._running: set[tuple[str, datetime]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._delivery: threading.Thread | None = None
        self._looks = Throttle(timedelta(seconds=15))
        self._retries = Throttle(timedelta(seconds=10))
        self._prunings = Throttle(timedelta(hours=1))

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="lockml-scheduler", daemon=True)
        self._thread.start()
        self._delivery = threading.Thread(
            target=self._auditor.deliver_until, args=(self._stopped,), name="lockml-delivery", daemon=True
        )
        self._delivery.start()

    def stop(self) -> None:
        """End, and leave to others what is in flight."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        if self._delivery is not None:
            self._delivery.join(5)  # who does not answer does not keep us: the message waits in the store
        try:
            self._auditor.release_claims()
        except StoreError as error:
            self._auditor.log_once("store", str(error))

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.step(datetime.now(UTC))
                self._auditor.log_once("scheduler", "")
            except Exception as error:
                self._auditor.log_once("scheduler", f"{type(error).__name__}: {error}")
            self._stopped.wait(self.LONGEST_PAUSE)

    def step(self, now: datetime) -> None:
        """Do what is due at *now*."""
        if self._looks.due(now):
            self._look(now)
        for target in self._targets.values():
            tick = latest_tick(target.settings.schedule, now)
            if tick is None or self._last.get(target.name, datetime.min.replace(tzinfo=UTC)) >= tick:
                continue
            if now >= tick + delay_of(target.settings.schedule, target.name, tick, target.settings.jitter):
                self._begin(target, tick)
        try:
            self._keep_house(now)
        except StoreError as error:
            self._auditor.log_once("store", str(error))

    def _look(self, now: datetime) -> None:
        """Read the fleet file where it changed, find what there is, and what of it was looked at."""
        try:
            fleet = self._reload()
            if fleet is not None:
                check_addresses(fleet.notify)
                self._auditor.replace_fleet(fleet)
                self._auditor.log("fleet", file=fleet.file, targets=len(fleet.targets))
            self._auditor.log_once("fleet", "")
        except LockmlError as error:
            self._auditor.log_once("fleet", str(error))
        self._targets = {target.name: target for target in self._auditor.targets()}
        try:
            for name, tick in self._auditor.store.history.last_ticks().items():
                if tick <= now:
                    self._last[name] = max(tick, self._last.get(name, tick))
        except StoreError as error:
            self._auditor.log_once("store", str(error))

    def _keep_house(self, now: datetime) -> None:
        if self._retries.due(now):
            self._auditor.renew()
            self._auditor.release_ended()
            self._auditor.recorder.flush()
            for claim in self._auditor.store.runs.expired(now):
                if claim.target in self._targets:
                    self._begin(self._targets[claim.target], claim.tick)
                else:
                    self._auditor.drop_claim(claim, now)
            self._auditor.log_once("store", "")
        if self._prunings.due(now):
            self._auditor.prune()

    def _begin(self, target: AuditTarget, tick: datetime) -> None:
        key = (target.name, tick)
        with self._lock:
            if key in self._running:
                return
            self._running.add(key)
        self._last[target.name] = max(tick, self._last.get(target.name, tick))

        def done(result: RunResult) -> None:
            try:
                self._auditor.recorder.record(result)
            except Exception as error:
                self._auditor.log_once(f"record {target.name}", f"{type(error).__name__}: {error}")
            finally:
                self._end(key)

        def lost() -> None:
            self._auditor.expire_claim(target, tick)
            self._end(key)

        try:
            if self._auditor.claim(target, tick, "schedule"):
                self._submit(target, tick, done, lost)
            else:
                self._end(key)
        except BaseException:
            lost()
            raise

    def _end(self, key: tuple[str, datetime]) -> None:
        with self._lock:
            self._running.discard(key)
