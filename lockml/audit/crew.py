"""Runs to do in, results out: processes that do several at once, and are ended where one takes too long."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import UTC, datetime
from typing import Self

from pebble import ProcessExpired, ProcessPool

from lockml.audit.examination import Work, broken_off, examine, too_long
from lockml.audit.model import RunResult

__all__ = ["Crew"]


class Crew:
    """*processes* that do runs; a context manager, whose end gives up what is not done."""

    def __init__(self, processes: int) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["lockml.audit.examination"])
        self._pool = ProcessPool(max_workers=processes, context=context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call] # pebble leaves its type out
        self._pool.join()

    def submit(self, work: Work, done: Callable[[RunResult], None]) -> None:
        """Have *work* done, and *done* called with its result, in a thread of the pool's."""
        started = datetime.now(UTC)
        timeout = work.target.practice.timeout
        future: Future[RunResult] = self._pool.schedule(examine, args=(work,), timeout=timeout.total_seconds())

        def settle(finished: Future[RunResult]) -> None:
            if finished.cancelled():
                return
            try:
                result = finished.result()
            except FutureTimeoutError:
                result = broken_off(work, too_long(work), started, datetime.now(UTC))
            except ProcessExpired as error:
                text = f"the process that looked at it ended (exit code {error.exitcode})"
                result = broken_off(work, text, started, datetime.now(UTC))
            except Exception as error:
                text = f"the result was lost ({type(error).__name__}: {error})"
                result = broken_off(work, text, started, datetime.now(UTC))
            done(result)

        future.add_done_callback(settle)
