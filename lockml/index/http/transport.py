"""Sends one HTTP request over kept connections: all that knows httpx here.

It is loaded only when something is fetched.
"""

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from lockml.index.http.dialer import Dialer
from lockml.index.http.httpx_import import httpx
from lockml.index.http.response import Reply, TransportError
from lockml.index.http.watchdog import GRACE, SLOWEST, Exchange, Watchdog

__all__ = ["NetworkTransport"]

_CONNECT: Final = 15.0  # seconds
_TIMEOUT: Final = httpx.Timeout(30, connect=_CONNECT).as_dict()
_LIMITS: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1)
_MAX_PACKED: Final = 100 << 20  # bytes, of what is longer once it is unpacked
_PIECE: Final = 8 << 20  # bytes that are unpacked at once
_CODINGS: Final = frozenset({"gzip", "deflate", "br", "zstd", "compress"})
_GZIP: Final = zlib.MAX_WBITS | 16


class NetworkTransport:
    """Asks servers, or the proxies that the environment names; at most *connections* are kept to each origin.

    An answer that does not come within *grace* seconds, or after these too slowly, is ended.

    Each connection is a pool of its own: one pool looks at all its connections at every request and answer, which with
    50 of them takes as long as all the rest.
    """

    def __init__(self, trust: Callable[[], ssl.SSLContext], *, connections: int, grace: float = GRACE) -> None:
        self._trust = trust
        self._connections = connections
        self._proxies = getproxies()
        self._lock = Lock()
        self._idle: dict[str, list[_Connection]] = {}  # by origin, the last to be used last
        self._watchdog = Watchdog(grace)
        self._dialer = Dialer(most=connections, timeout=_CONNECT)

    @property
    def idle(self) -> int:
        """How many connections nobody uses."""
        return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Give the connections back."""
        self._watchdog.close()
        self._dialer.close()
        with self._lock:
            for idle in self._idle.values():
                for connection in idle:
                    connection.transport.close()
            self._idle.clear()

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Ask for *url*, without a login in it, and give the answer; raises TransportError."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        packed = "gzip" in headers.get("Accept-Encoding", "")
        connection = self._taken(origin, url)
        try:
            with self._watchdog.watch() as exchange:
                exchange.use(connection.stream)
                answer = _asked(connection, exchange, method, url, headers)
                exchange.pause()
                try:
                    names = {name.lower(): value for name, value in answer.headers.items()}
                    chunks = exchange.count(iter(answer.stream))  # type: ignore[arg-type]  # it is not async
                    coding = names.get("content-encoding", "").lower()
                    if packed and coding in _CODINGS:  # a file not asked for packed may be called so by itself
                        chunks = _unpacked(chunks, coding)
                    yield Reply(status=answer.status_code, headers=names, chunks=_whole(chunks, exchange))
                finally:
                    answer.close()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            passing = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
            raise TransportError(str(error) or type(error).__name__, passing=passing) from error
        finally:
            self._give_back(origin, connection)

    def _taken(self, origin: str, url: str) -> "_Connection":
        """Return a connection to *origin*, where *url* is, that nobody uses."""
        with self._lock:
            idle = self._idle.get(origin)
            if idle:
                return idle.pop()
            verify = self._secure if url.startswith("https:") else self._insecure
        try:
            proxy = self._proxy(url)
            transport = httpx.HTTPTransport(verify=verify, limits=_LIMITS, proxy=proxy)
        except (ImportError, ValueError, httpx.InvalidURL) as error:  # of a proxy that httpx cannot use
            raise TransportError(f"the proxy cannot be used: {error}", passing=False) from error
        if proxy is None:
            self._connect_ahead(transport, url, verify)
        return _Connection(transport)

    def _connect_ahead(self, transport: httpx.HTTPTransport, url: str, verify: ssl.SSLContext) -> None:
        """Let *transport* take a connection to *url* that is ready, and make the next ones ready meanwhile.

        httpx has no parameter for who connects, httpcore below it has.
        """
        transport._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=_LIMITS.max_connections,
            max_keepalive_connections=_LIMITS.max_keepalive_connections,
            keepalive_expiry=_LIMITS.keepalive_expiry,
            network_backend=self._dialer,
        )
        with suppress(ValueError, httpx.InvalidURL):  # told when it is asked
            address = httpx.URL(url)
            port = address.port or (443 if address.scheme == "https" else 80)
            secure = verify if address.scheme == "https" else None
            self._dialer.dial_ahead(address.raw_host.decode("ascii"), port, secure)

    def _give_back(self, origin: str, connection: "_Connection") -> None:
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            reused = len(idle) < self._connections
            if reused:
                idle.append(connection)
        if not reused:
            connection.transport.close()

    def _proxy(self, url: str) -> httpx.Proxy | None:
        """Return the proxy to ask for *url*; raises ValueError or httpx.InvalidURL for what is none."""
        parts = urlsplit(url)
        address = self._proxies.get(parts.scheme) or self._proxies.get("all")
        passed_by = "*" in map(str.strip, self._proxies.get("no", "").split(","))
        if not address or passed_by or proxy_bypass(parts.netloc) or proxy_bypass(parts.hostname or ""):
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


class _Connection:
    """A pool of one connection, and the stream of that once there is one."""

    def __init__(self, transport: httpx.HTTPTransport) -> None:
        self.transport = transport
        self.stream: Any = None


def _asked(
    connection: _Connection, exchange: Exchange, method: str, url: str, headers: Mapping[str, str]
) -> httpx.Response:
    """Return the answer, its body still to be read; raises TransportError, or what httpx raises."""
    extensions = {"timeout": _TIMEOUT, "trace": exchange.trace}
    try:
        request = httpx.Request(method, url, headers=headers, extensions=extensions)
        return connection.transport.handle_request(request)
    except ValueError as error:  # of a header or a host that no request can have
        raise TransportError(f"it cannot be asked: {error}", passing=False) from error
    except httpx.TransportError as error:
        if exchange.overdue:
            raise TransportError("it takes too long to answer", passing=True) from error
        raise
    finally:
        connection.stream = exchange.stream


def _whole(chunks: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    """Yield *chunks*; raises TransportError where the exchange was ended: what came may look whole."""
    try:
        yield from chunks
    except (httpx.TransportError, TransportError):
        if not exchange.overdue:
            raise
    if exchange.overdue:
        raise TransportError(f"it sends less than {SLOWEST} bytes a second", passing=False)


def _unpacked(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield the body that *chunks* are packed, in few pieces, so that unpacking does not make other threads wait."""
    packed = bytearray()
    for chunk in chunks:
        packed += chunk
        if len(packed) > _MAX_PACKED:
            raise TransportError(f"it is longer than {_MAX_PACKED} bytes", passing=False)
    if not packed:  # of an answer without a body
        return
    if coding != "gzip":
        raise TransportError(f"it is packed as {coding!r}, which was not asked for", passing=False)
    unpacker = zlib.decompressobj(_GZIP)
    rest: bytes | bytearray = packed
    while not unpacker.eof:
        try:
            body = unpacker.decompress(rest, _PIECE)
        except zlib.error as error:
            raise TransportError(f"it cannot be unpacked: {error}", passing=True) from error
        rest = unpacker.unconsumed_tail
        if not body and not rest and not unpacker.eof:
            raise TransportError("it ends too early", passing=True)
        yield body
