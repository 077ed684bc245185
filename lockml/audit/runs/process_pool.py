"""Runs to do in, results out: processes that do several at once, and are ended where one takes too long."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from typing import Final, Self

import pebble

from lockml.audit.model import RunResult
from lockml.audit.runs.run import Work, failed_result, run_target, timeout_reason

__all__ = ["OnResult", "OnWorkerLost", "ProcessPool"]

OnResult = Callable[[RunResult], None]
"""What is called with a result, in a thread of the pool's."""

OnWorkerLost = Callable[[], None]
"""What is called where there is none, as the process that looked was ended: it is to be done again."""

_MODULE: Final = "lockml.audit.runs.run"  # what processes load before they are needed


class ProcessPool:
    """*processes* that do runs; a context manager, whose end gives up what is not done."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_MODULE])
        self._lock = threading.Lock()
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._pool)

    def submit(self, work: Work, done: OnResult, lost: OnWorkerLost) -> None:
        """Have *work* done, and one of *done* and *lost* called in the end."""
        started = datetime.now(UTC)
        future = self._scheduled(work)

        def settle(finished: Future[RunResult]) -> None:
            try:
                result = finished.result()
            except FutureTimeoutError:
                result = failed_result(work, timeout_reason(work), started, datetime.now(UTC))
            except BaseException:
                lost()
                return
            done(result)

        future.add_done_callback(settle)

    def _scheduled(self, work: Work) -> Future[RunResult]:
        """Return the future of *work*; a pool that a process took with it when it ended is made anew."""
        seconds = work.target.settings.timeout.total_seconds()
        with self._lock:
            try:
                return self._pool.schedule(run_target, args=(work,), timeout=seconds)
            except RuntimeError:
                _end(self._pool)
                self._pool = self._new_pool()
                return self._pool.schedule(run_target, args=(work,), timeout=seconds)

    def _new_pool(self) -> pebble.ProcessPool:
        return pebble.ProcessPool(max_workers=self._processes, context=self._context)


def _end(pool: pebble.ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call] # pebble leaves its type out
    pool.join()
