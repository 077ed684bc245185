"""Results that are fetched once, ahead of use, and waited for where they are needed."""

import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as WaitTimeoutError
from contextlib import suppress
from functools import partial
from typing import Final, Generic, TypeVar

__all__ = ["PrefetchedResults"]

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")

_THREAD_STATE = threading.local()
_HEARTBEAT: Final = 0.2  # seconds: Ctrl-C just before a wait is heard only once that ends (CPython)


class PrefetchedResults(Generic[_K, _T]):
    """Results by key. What the cache has is taken at once, by the thread that asks; the rest is fetched by *pool*.

    Waiting is done by many threads at once, reading what came by one after the other, as Python does no more than one
    thing at a time: so the first result is there, and is followed, before all are; *reading_lock* is held meanwhile.
    Who waits for a result does *idle_work*, which says whether there was any, over and over. Who fetched one does
    *done* once it was read.
    """

    def __init__(
        self,
        pool: Executor,
        reading_lock: threading.Lock,
        idle_work: Callable[[], bool] = bool,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._done = done
        self._pool = pool
        self._reading_lock = reading_lock
        self._idle_work = idle_work
        self._lock = threading.Lock()
        self._begun: set[_K] = set()
        self._found: dict[_K, _T | None] = {}
        self._running: dict[_K, Future[_T | None]] = {}

    def begin(
        self,
        key: _K,
        cached: Callable[[], _T | None],
        fetch: Callable[[], Callable[[], _T | None]],
        then: Callable[[_T], None] | None = None,
    ) -> None:
        """Take *cached*, or begin to *fetch* where that is None and was not begun before; an error is a result too.

        *fetch* returns what reads the result. That is given to *then*, unless it is None; while that runs, so is what
        is kept.
        """
        if key in self._begun:
            return
        with self._lock:
            if key in self._begun:
                return
            future = self._running[key] = Future[_T | None]()
            self._begun.add(key)
        try:
            found = cached()
        except Exception as error:
            future.set_exception(error)
            return
        if found is not None:
            future.set_result(found)
            following: deque[Callable[[], None]] | None = getattr(_THREAD_STATE, "following", None)
            if then is not None and following is not None:
                following.append(partial(then, found))
            return
        try:
            self._pool.submit(self._load, future, fetch, then)
        except RuntimeError:  # the pool is closed: no one will ask
            future.cancel()

    def result(self, key: _K) -> _T | None:
        """Return what was begun under *key*, and wait for it; raises what loading it raised."""
        if key in self._found:
            return self._found[key]
        running = self._running[key]
        while not running.done() and self._idle_work():
            pass
        while not running.done():
            with suppress(WaitTimeoutError):  # of what is waited for, `exception` returns it
                running.exception(timeout=_HEARTBEAT)
        found = self._found[key] = running.result()
        return found

    def _load(
        self, future: Future[_T | None], fetch: Callable[[], Callable[[], _T | None]], then: Callable[[_T], None] | None
    ) -> None:
        try:
            self._load_by(future, fetch, then)
        finally:
            self._done()

    def _load_by(
        self, future: Future[_T | None], fetch: Callable[[], Callable[[], _T | None]], then: Callable[[_T], None] | None
    ) -> None:
        try:
            read = fetch()
            self._reading_lock.acquire()
        except BaseException as error:
            future.set_exception(error)
            return
        try:
            found = read()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(found)
            if found is not None and then is not None:
                _follow(partial(then, found))
        finally:
            self._reading_lock.release()


def _follow(first: Callable[[], None]) -> None:
    """Do *first*, and then what is to be done with what that finds in the cache, one after the other."""
    _THREAD_STATE.following = following = deque([first])
    try:
        while following:
            following.popleft()()
    finally:
        _THREAD_STATE.following = None
