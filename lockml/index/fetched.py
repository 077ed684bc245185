"""What is fetched once and asked for often: begun ahead by anybody, waited for where it is needed."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import Generic, TypeVar

__all__ = ["Fetched"]

_K = TypeVar("_K", bound=Hashable)
_T = TypeVar("_T")

_HERE = threading.local()


class Fetched(Generic[_K, _T]):
    """Results by key. What the cache has is taken at once, by the thread that asks; the rest is fetched by *pool*."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self._lock = threading.Lock()
        self._begun: set[_K] = set()
        self._found: dict[_K, _T | None] = {}
        self._running: dict[_K, Future[_T | None]] = {}

    def begin(
        self,
        key: _K,
        kept: Callable[[], _T | None],
        load: Callable[[], _T | None],
        then: Callable[[_T], None] | None = None,
    ) -> None:
        """Take *kept*, or begin to *load* where that is None, unless that was begun before; an error is a result too.

        What was loaded is given to *then*, unless it is None. While that runs, so is what is kept.
        """
        if key in self._begun:
            return
        with self._lock:
            if key in self._begun:
                return
            future = self._running[key] = Future[_T | None]()
            self._begun.add(key)
        try:
            found = kept()
        except Exception as error:
            future.set_exception(error)
            return
        if found is not None:
            future.set_result(found)
            if then is not None and getattr(_HERE, "following", False):
                then(found)
            return
        try:
            self._pool.submit(_load, future, load, then)
        except RuntimeError:  # the pool is closed: nobody will ask
            future.cancel()

    def result(self, key: _K) -> _T | None:
        """Return what was begun under *key*, and wait for it; raises what loading it raised."""
        if key in self._found:
            return self._found[key]
        found = self._found[key] = self._running[key].result()
        return found


def _load(future: Future[_T | None], load: Callable[[], _T | None], then: Callable[[_T], None] | None) -> None:
    try:
        found = load()
    except BaseException as error:
        future.set_exception(error)
        return
    future.set_result(found)
    if found is not None and then is not None:
        _HERE.following = True
        then(found)
