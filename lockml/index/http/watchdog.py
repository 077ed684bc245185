"""Ends requests whose answers take too long in all: the timeouts of a socket begin again with every byte that comes."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

__all__ = ["GRACE", "SLOWEST", "Exchange", "Watchdog"]

GRACE: Final = 30.0
"""For how many seconds an answer may keep one waiting before it has to come, and as fast as that."""

SLOWEST: Final = 4096
"""How many bytes a second an answer has to have on the mean."""

_LOOK: Final = 0.5  # seconds between looks


class Exchange:
    """A request that is under way: what it has waited for in all, and what came."""

    def __init__(self, grace: float) -> None:
        self.overdue = False
        self._grace = grace
        self._stream: Any = None
        self._received = 0
        self._spent = 0.0
        self._since: float | None = time.monotonic()

    def trace(self, event: str, facts: dict[str, Any]) -> None:
        """Take note of the connection that is used, as httpcore reports it (its extension "trace")."""
        if event.endswith((".connect_tcp.complete", ".connect_unix_socket.complete", ".start_tls.complete")):
            self._stream = facts["return_value"]

    def use(self, stream: Any) -> None:
        """Take *stream*, of an earlier request, for the connection until another is made."""
        self._stream = stream

    @property
    def stream(self) -> Any:
        """The connection that is used."""
        return self._stream

    def count(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield *chunks*; only the time until each of them comes counts, not what is done with it."""
        while True:
            self._since = time.monotonic()
            chunk = next(chunks, None)
            self.pause()
            if chunk is None:
                return
            self._received += len(chunk)
            yield chunk

    def end_if_late(self, now: float) -> None:
        """Cut the connection where the answer is too slow at the moment *now*."""
        since = self._since
        if since is None or self._spent + now - since < self._grace + self._received / SLOWEST:
            return
        self.overdue = True
        sock = self._stream.get_extra_info("socket") if self._stream is not None else None
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not that of TLS, which takes its state away

    def pause(self) -> None:
        """Take note that something came, and that no more is awaited."""
        if self._since is not None:
            self._spent += time.monotonic() - self._since
            self._since = None


class Watchdog:
    """Looks at all exchanges from a thread of its own, which begins with the first; safe to use from several."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._running: set[Exchange] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    @contextmanager
    def watch(self) -> Iterator[Exchange]:
        """Give a new exchange, which is ended when it takes too long."""
        exchange = Exchange(self._grace)
        with self._lock:
            self._running.add(exchange)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="lockml-watchdog", daemon=True)
                self._thread.start()
        try:
            yield exchange
        finally:
            with self._lock:
                self._running.discard(exchange)

    def _look(self) -> None:
        while not self._closed.wait(_LOOK):
            now = time.monotonic()
            with self._lock:
                running = tuple(self._running)
            for exchange in running:
                exchange.end_if_late(now)
