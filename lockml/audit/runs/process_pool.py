"""A pool of processes that do several runs at once and kill a run that takes too long."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import lru_cache
from pathlib import Path
from typing import Self

import pebble

from lockml.audit.model import RunResult
from lockml.audit.runs.host import Clock, require_temporary_folder, utc_now
from lockml.audit.runs.run import Work, failed_result, run_target, timeout_reason
from lockml.audit.runs.run_cache import RunCache

__all__ = ["OnResult", "OnWorkerLost", "ProcessPool"]

OnResult = Callable[[RunResult], None]
"""Gets a result, in a thread of the pool."""

OnWorkerLost = Callable[[], None]
"""Called instead if the worker process ended: the run must be repeated."""


class ProcessPool:
    """A pool of *processes*, each with a `RunCache` of the folder *cache*; leaving it abandons unfinished runs."""

    def __init__(self, processes: int, cache: Path | None, clock: Clock = utc_now) -> None:
        require_temporary_folder()  # processes of the pool meet at a socket there
        self._processes = processes
        self._cache = cache
        self._clock = clock
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._lock = threading.Lock()
        self._pool = self._new_pool()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _end(self._pool)

    def submit(self, work: Work, on_result: OnResult, on_worker_lost: OnWorkerLost) -> None:
        """Start *work*; either *on_result* or *on_worker_lost* is called at its end."""
        started = self._clock()
        future = self._scheduled(work)

        def settle(finished: Future[RunResult]) -> None:
            try:
                result = finished.result()
            except FutureTimeoutError:
                result = failed_result(work, timeout_reason(work), started, self._clock())
            except BaseException:
                on_worker_lost()
                return
            on_result(result)

        future.add_done_callback(settle)

    def _scheduled(self, work: Work) -> Future[RunResult]:
        """Return the future of *work*, from a new pool if a process broke the last one when it ended."""
        seconds = work.target.settings.timeout.total_seconds()
        arguments = (work, self._cache)
        with self._lock:
            try:
                return self._pool.schedule(_run_in_worker, args=arguments, timeout=seconds)
            except RuntimeError:
                _end(self._pool)
                self._pool = self._new_pool()
                return self._pool.schedule(_run_in_worker, args=arguments, timeout=seconds)

    def _new_pool(self) -> pebble.ProcessPool:
        return pebble.ProcessPool(max_workers=self._processes, context=self._context)


@lru_cache(maxsize=1)
def _cache_of_worker(folder: Path | None) -> RunCache:
    """Return the cache of this worker process for all its runs."""
    return RunCache(folder)


def _run_in_worker(work: Work, cache: Path | None) -> RunResult:
    return run_target(work, _cache_of_worker(cache), utc_now)


def _end(pool: pebble.ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call] # pebble does not annotate it
    pool.join()
