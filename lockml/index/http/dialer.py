"""Connects to servers ahead of need, so that a stream to an origin is already there.

A new connection costs a round trip before it can be asked anything, and one more with TLS; what resolving asks for at
once grows level by level, and each level would wait for that.
"""

import ssl
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import httpcore

__all__ = ["Dialer"]

_LEAST: Final = 4  # unused connections to a server
_MOST: Final = 16
_LASTS: Final = 10.0  # seconds; servers end what says nothing for long
_Place = tuple[str, int]


class Dialer(httpcore.NetworkBackend):
    """Makes the connections of httpcore, at most *most* of them ahead of need; safe to use from several threads.

    A connection that could not be made ahead is made again when it is needed, and only then says why not.
    """

    def __init__(self, *, most: int, timeout: float) -> None:
        self._backend = httpcore.SyncBackend()
        self._most = most
        self._timeout = timeout
        self._lock = threading.Lock()
        self._ready: dict[_Place, deque[_Ready]] = {}
        self._under_way: dict[_Place, int] = {}
        self._used: dict[_Place, int] = {}
        self._dialed = 0
        self._closed = False

    @property
    def ready(self) -> int:
        """How many connections are ready."""
        return sum(map(len, self._ready.values()))

    def dial_ahead(self, host: str, port: int, secure: ssl.SSLContext | None) -> None:
        """Begin to connect to *host*, with TLS where *secure* is given, as one that was ready may be used now.

        As many are made ready as are in use already: each level of what is needed is larger than the one before.
        """
        place = (host, port)
        with self._lock:
            used = self._used[place] = self._used.get(place, 0) + 1
            known = len(self._ready.get(place, ())) + self._under_way.get(place, 0)
            wanted = min(max(used, _LEAST), _MOST) - known
            count = 0 if self._closed else max(0, min(wanted, self._most - self._dialed))
            self._under_way[place] = self._under_way.get(place, 0) + count
            self._dialed += count
        for _ in range(count):
            threading.Thread(target=self._dial, args=(place, secure), name="lockml-dialer", daemon=True).start()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a stream that is ready, else a new one; raises what httpcore raises."""
        while True:
            with self._lock:
                ready = self._ready.get((host, port))
                stream = ready.popleft() if ready else None
            if stream is None:
                return self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
            if stream.is_usable:
                return stream
            stream.close()

    def close(self) -> None:
        """End the connections that were not used."""
        with self._lock:
            self._closed = True
            unused = [stream for ready in self._ready.values() for stream in ready]
            self._ready.clear()
        for stream in unused:
            stream.close()

    def _dial(self, place: _Place, secure: ssl.SSLContext | None) -> None:
        stream: _Ready | None = None
        with suppress(httpcore.ConnectError, httpcore.ConnectTimeout, OSError, ValueError):
            stream = self._connected(place, secure)
        with self._lock:
            self._under_way[place] -= 1
            if stream is not None and not self._closed:
                self._ready.setdefault(place, deque()).append(stream)
                return
        if stream is not None:
            stream.close()

    def _connected(self, place: _Place, secure: ssl.SSLContext | None) -> "_Ready":
        host, port = place
        stream = self._backend.connect_tcp(host, port, self._timeout)
        if secure is None:
            return _Ready(stream, None)
        secure.set_alpn_protocols(["http/1.1"])  # as httpcore does
        return _Ready(stream.start_tls(secure, host, self._timeout), secure)


class _Ready(httpcore.NetworkStream):
    """A *stream* that was made ahead, with TLS by *secure* where that is given: that it starts is known then."""

    def __init__(self, stream: httpcore.NetworkStream, secure: ssl.SSLContext | None) -> None:
        self._stream = stream
        self._secure = secure
        self._since = time.monotonic()

    @property
    def is_usable(self) -> bool:
        """Whether the server has neither ended it, as far as can be seen, nor may be about to."""
        return time.monotonic() - self._since < _LASTS and not self._has_ended()

    def _has_ended(self) -> bool:
        """Say whether there is an end to read, or something that was not asked for.

        TLS takes what ends nothing for itself, such as tickets (RFC 8446, 4.6.1), and then waits for more.
        """
        sock = self._stream.get_extra_info("socket")
        timeout = sock.gettimeout()
        try:
            sock.settimeout(0)
            sock.recv(1)
        except (ssl.SSLWantReadError, BlockingIOError):
            sock.settimeout(timeout)
            return False
        except OSError:
            return True
        return True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes."""
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send *buffer*."""
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        """End it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the stream with TLS, which it has where that was started by the same context."""
        if self._secure is None:
            return self._stream.start_tls(ssl_context, server_hostname, timeout)
        return self._stream

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore knows of the stream."""
        return self._stream.get_extra_info(info)
