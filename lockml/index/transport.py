"""One HTTP request in, one answer out, over kept connections: all that knows httpx here.

It is loaded only when something is fetched.
"""

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from lockml.index.answer import Reply, TransportError
from lockml.index.lean import httpx

__all__ = ["NetworkTransport"]

_TIMEOUT: Final = httpx.Timeout(60, connect=15).as_dict()
_LIMITS: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1)
_MAX_BODY: Final = (1 << 30) + 1  # bytes; who asks refuses what is longer
_GZIP: Final = zlib.MAX_WBITS | 16


class NetworkTransport:
    """Asks servers, or the proxies that the environment names; at most *connections* are kept.

    Each connection is a pool of its own: one pool looks at all its connections at every request and answer, which with
    50 of them takes as long as all the rest.
    """

    def __init__(self, trust: Callable[[], ssl.SSLContext], *, connections: int) -> None:
        self._trust = trust
        self._connections = connections
        self._proxies = getproxies()
        self._lock = Lock()
        self._idle: dict[str, list[httpx.HTTPTransport]] = {}  # by origin, the last to be used last

    @property
    def idle(self) -> int:
        """How many connections nobody uses."""
        return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            for idle in self._idle.values():
                for connection in idle:
                    connection.close()
            self._idle.clear()

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Ask for *url*, without a login in it, and give the answer; raises TransportError."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        connection = self._taken(origin, parts.netloc, secure=parts.scheme == "https")
        try:
            request = httpx.Request(method, url, headers=headers, extensions={"timeout": _TIMEOUT})
            answer = connection.handle_request(request)
            try:
                names = {name.lower(): value for name, value in answer.headers.items()}
                chunks = _unpacked(answer.stream, names.get("content-encoding", ""))  # type: ignore[arg-type]  # not async
                yield Reply(status=answer.status_code, headers=names, chunks=chunks)
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            passing = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
            raise TransportError(str(error) or type(error).__name__, passing=passing) from error
        finally:
            self._give_back(origin, connection)

    def _taken(self, origin: str, place: str, *, secure: bool) -> httpx.HTTPTransport:
        """Return a connection to *origin* that nobody uses."""
        with self._lock:
            idle = self._idle.get(origin)
            if idle:
                return idle.pop()
            verify = self._secure if secure else self._insecure
        try:
            return httpx.HTTPTransport(verify=verify, limits=_LIMITS, proxy=self._proxy(place, secure=secure))
        except (ImportError, ValueError) as error:  # of a proxy that httpx cannot use
            raise TransportError(f"the proxy cannot be used: {error}", passing=False) from error

    def _give_back(self, origin: str, connection: httpx.HTTPTransport) -> None:
        with self._lock:
            kept = self.idle < self._connections
            if kept:
                self._idle.setdefault(origin, []).append(connection)
        if not kept:
            connection.close()

    def _proxy(self, place: str, *, secure: bool) -> httpx.Proxy | None:
        """Return the proxy to ask for *place*, a host and perhaps a port; raises ValueError for what is none."""
        address = self._proxies.get("https" if secure else "http") or self._proxies.get("all")
        if not address or proxy_bypass(place):
            return None
        address = address if "://" in address else f"http://{address}"
        return httpx.Proxy(address, ssl_context=self._secure if address.startswith("https:") else None)

    @cached_property
    def _secure(self) -> ssl.SSLContext:
        """What to speak TLS with; authorities are read, which takes long, only where something is to be secure."""
        return self._trust()

    @cached_property
    def _insecure(self) -> ssl.SSLContext:
        """What every connection has to be given, and one without TLS does not use."""
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _unpacked(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield the body, at once where it is packed: then it is unpacked without making other threads wait."""
    if coding in ("", "identity"):
        yield from chunks
        return
    packed = bytearray()
    for chunk in chunks:
        packed += chunk
        if len(packed) >= _MAX_BODY:
            raise TransportError(f"it is longer than {_MAX_BODY - 1} bytes", passing=False)
    if not packed:  # of an answer without a body
        return
    if coding.lower() not in ("gzip", "x-gzip"):
        raise TransportError(f"it is packed as {coding!r}, which was not asked for", passing=False)
    unpacker = zlib.decompressobj(_GZIP)
    try:
        body = unpacker.decompress(packed, _MAX_BODY)
    except zlib.error as error:
        raise TransportError(f"it cannot be unpacked: {error}", passing=True) from error
    if not unpacker.eof and len(body) < _MAX_BODY:
        raise TransportError("it ends too early", passing=True)
    yield body
