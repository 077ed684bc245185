"""Runs to do in, results out: processes that do several at once, and are ended where one takes too long."""

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
"""What is called with a result, in a thread of the pool's."""

OnWorkerLost = Callable[[], None]
"""What is called where there is none, as the worker process has ended: the run is to be done again."""


class ProcessPool:
    """*processes* that do runs, each with a `RunCache` of the folder *cache*; its end gives up what is not done."""

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
        """Have *work* done, and one of *on_result* and *on_worker_lost* called in the end."""
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
        """Return the future of *work*; a pool that a process took with it when it ended is made anew."""
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
    """Return the cache that this worker process has for all its runs."""
    return RunCache(folder)


def _run_in_worker(work: Work, cache: Path | None) -> RunResult:
    return run_target(work, _cache_of_worker(cache), utc_now)


def _end(pool: pebble.ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call] # pebble leaves its type out
    pool.join()
