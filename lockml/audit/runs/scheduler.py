"""The loop of a process with its own schedules.

All its state is in the store, so it may be killed at any time: the first process that finds an unfinished run repeats
it.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from lockml.audit.config.model import AuditTarget, Fleet
from lockml.audit.delivery import check_addresses
from lockml.audit.model import RunResult
from lockml.audit.runs.auditor import Auditor, Reload
from lockml.audit.runs.due_targets import DueTargets, Throttle
from lockml.audit.runs.process_pool import OnResult, OnWorkerLost
from lockml.common.errors import StoreError

__all__ = ["Scheduler", "Submit"]

Submit = Callable[[AuditTarget, datetime, OnResult, OnWorkerLost], None]
"""Starts the run of a target and a tick elsewhere; one of the two functions is called at its end."""


class Scheduler:
    """Submits the runs of *auditor* when they are due, with the fleet that *reload* returns."""

    LONGEST_PAUSE: Final = 0.5  # seconds between two steps

    def __init__(self, auditor: Auditor, submit: Submit, reload: Reload) -> None:
        self._auditor = auditor
        self._claims = auditor.claims
        self._log = auditor.log
        self._submit = submit
        self._reload = reload
        self._targets = DueTargets(auditor, self._reloaded, auditor.host_targets)
        self._running: set[tuple[str, datetime]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._delivery: threading.Thread | None = None
        self._refreshes = Throttle(timedelta(seconds=15))
        self._retries = Throttle(timedelta(seconds=10))
        self._prunings = Throttle(timedelta(hours=1))

    def start(self) -> None:
        """Start, in threads of its own."""
        self._thread = threading.Thread(target=self._run, name="lockml-scheduler", daemon=True)
        self._thread.start()
        self._delivery = threading.Thread(
            target=self._auditor.deliver_until, args=(self._stopped,), name="lockml-delivery", daemon=True
        )
        self._delivery.start()

    def stop(self) -> None:
        """Stop, and release unfinished runs."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        if self._delivery is not None:
            self._delivery.join(5)  # a slow address may not delay the end: the message waits in the store
        try:
            self._claims.release_all()
        except StoreError as error:
            self._log.once("store", str(error))

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self.step(self._auditor.now())
                self._log.once("scheduler", "")
            except Exception as error:
                self._log.once("scheduler", f"{type(error).__name__}: {error}")
            self._stopped.wait(self.LONGEST_PAUSE)

    def step(self, now: datetime) -> None:
        """Do what is due at *now*."""
        if self._refreshes.due(now):
            try:
                self._targets.refresh(now)
            except StoreError as error:
                self._log.once("store", str(error))
        for target, tick in self._targets.due(now):
            self._begin(target, tick)
        try:
            self._maintain(now)
        except StoreError as error:
            self._log.once("store", str(error))

    def _reloaded(self) -> Fleet | None:
        fleet = self._reload()
        if fleet is not None:
            check_addresses(fleet.notify)
            self._log("fleet", file=fleet.file, targets=len(fleet.targets))
        return fleet

    def _maintain(self, now: datetime) -> None:
        """Renew claims, take up expired ones, and store spooled results."""
        if self._retries.due(now):
            self._claims.renew()
            self._claims.release_ended()
            self._auditor.flush_spool()
            for claim in self._claims.expired(now):
                target = self._targets.get(claim.target)
                if target is not None:
                    self._begin(target, claim.tick)
                else:
                    self._claims.drop(claim, now)
            self._log.once("store", "")
        if self._prunings.due(now):
            self._auditor.prune()

    def _begin(self, target: AuditTarget, tick: datetime) -> None:
        key = (target.name, tick)
        with self._lock:
            if key in self._running:
                return
            self._running.add(key)
        self._targets.mark(target.name, tick)

        def on_result(result: RunResult) -> None:
            try:
                self._auditor.record(result)
            except Exception as error:
                self._log.once("record", f"{type(error).__name__}: {error}", target=target.name)
            finally:
                self._end(key)

        def on_worker_lost() -> None:
            self._claims.expire(target, tick)
            self._end(key)

        try:
            if self._auditor.claim(target, tick, "schedule"):
                self._submit(target, tick, on_result, on_worker_lost)
            else:
                self._end(key)
        except BaseException:
            on_worker_lost()
            raise

    def _end(self, key: tuple[str, datetime]) -> None:
        with self._lock:
            self._running.discard(key)
