"""Sends one HTTP request over kept connections: the only module that uses httpcore.

It is loaded only when something is fetched; httpx, which builds on httpcore and takes as long again to load, only for
proxies and for addresses that are not plain.
"""

import re
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore

from lockml.index.http.dialer import Dialer
from lockml.index.http.response import Reply, TransportError
from lockml.index.http.watchdog import GRACE, SLOWEST, Exchange, Watchdog

if TYPE_CHECKING:
    import httpx

__all__ = ["Address", "NetworkTransport", "parse_address", "parse_any_address"]

_CONNECT: Final = 15.0  # seconds
_TIMEOUT: Final = {"connect": _CONNECT, "read": 30.0, "write": 30.0, "pool": 30.0}
_KEPT: Final = 5.0  # seconds that a connection may say nothing
_FAILURES: Final = (
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError),
    *(httpcore.ProxyError, httpcore.UnsupportedProtocol),
)
_PLAIN: Final = re.compile(  # what stays as it is: no name to encode, no default port
    r"(https?)://([a-z0-9][a-z0-9.-]*)(?::(?!80/|443/)([1-9][0-9]{0,3}))?"
    r"(/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-F]{2})*)"
)
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
        self._dialers = {  # one for each: a request without TLS must not go over a connection that has it
            scheme: Dialer(most=connections, timeout=_CONNECT) for scheme in ("http", "https")
        }

    @property
    def idle(self) -> int:
        """How many connections are not in use."""
        return sum(map(len, self._idle.values()))

    def close(self) -> None:
        """Give the connections back."""
        self._watchdog.close()
        for dialer in self._dialers.values():
            dialer.close()
        with self._lock:
            for idle in self._idle.values():
                for connection in idle:
                    connection.transport.close()
            self._idle.clear()

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Ask for *url*, without a login in it, and give the answer; raises TransportError."""
        address = _understood(url)
        origin = f"{address.scheme}://{address.netloc}"
        packed = "gzip" in headers.get("Accept-Encoding", "")
        connection = self._taken(origin, url, address)
        try:
            with self._watchdog.watch() as exchange:
                exchange.use(connection.stream)
                answer = _asked(connection, exchange, method, address, headers)
                exchange.pause()
                try:
                    names = _decoded(answer.headers)
                    chunks = exchange.count(iter(answer.stream))  # type: ignore[arg-type]  # it is not async
                    coding = names.get("content-encoding", "").lower()
                    if packed and coding in _CODINGS:  # a file not asked for packed may be called so by itself
                        chunks = _unpacked(chunks, coding)
                    yield Reply(status=answer.status, headers=names, chunks=_whole(chunks, exchange))
                finally:
                    answer.close()
        except _FAILURES as error:
            passing = not isinstance(error, httpcore.UnsupportedProtocol)
            raise TransportError(str(error) or type(error).__name__, passing=passing) from error
        finally:
            self._give_back(origin, connection)

    def _taken(self, origin: str, url: str, address: "Address") -> "_Connection":
        """Return a connection to *origin*, where *url* is, that is not in use."""
        with self._lock:
            idle = self._idle.get(origin)
            if idle:
                return idle.pop()
            secure = self._secure if address.scheme == "https" else None
        if self._is_proxied(url):
            return _Connection(self._proxied(url))
        dialer = self._dialers["https" if secure else "http"]
        dialer.dial_ahead(address.host, address.port or (443 if secure else 80), secure)
        return _Connection(
            httpcore.ConnectionPool(
                ssl_context=secure,
                max_connections=1,
                max_keepalive_connections=1,
                keepalive_expiry=_KEPT,
                network_backend=dialer,
            )
        )

    def _proxied(self, url: str) -> httpcore.ConnectionPool:
        """Return a connection to the proxy that is to be asked for *url*, as httpx makes it."""
        from lockml.index.http.httpx_import import httpx

        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEPT)
        verify = self._secure if url.startswith("https:") else self._insecure
        try:
            transport = httpx.HTTPTransport(verify=verify, limits=limits, proxy=self._proxy(url))
        except (ImportError, ValueError, httpx.InvalidURL) as error:  # of a proxy that httpx cannot use
            raise TransportError(f"the proxy cannot be used: {error}", passing=False) from error
        return transport._pool

    def _give_back(self, origin: str, connection: "_Connection") -> None:
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            reused = len(idle) < self._connections
            if reused:
                idle.append(connection)
        if not reused:
            connection.transport.close()

    def _is_proxied(self, url: str) -> bool:
        """Say whether a proxy is to be asked for *url*."""
        parts = urlsplit(url)
        address = self._proxies.get(parts.scheme) or self._proxies.get("all")
        passed_by = "*" in map(str.strip, self._proxies.get("no", "").split(","))
        return bool(address) and not (passed_by or proxy_bypass(parts.netloc) or proxy_bypass(parts.hostname or ""))

    def _proxy(self, url: str) -> "httpx.Proxy":
        """Return the proxy to ask for *url*; raises ValueError or httpx.InvalidURL for what is none."""
        from lockml.index.http.httpx_import import httpx

        address = self._proxies.get(urlsplit(url).scheme) or self._proxies["all"]
        address = address if "://" in address else f"http://{address}"
        return httpx.Proxy(address, ssl_context=self._secure if address.startswith("https:") else None)

    @cached_property
    def _secure(self) -> ssl.SSLContext:
        """What to speak TLS with; authorities are read, which takes long, only where something is to be secure."""
        return self._trust()

    @cached_property
    def _insecure(self) -> ssl.SSLContext:
        """What httpx has to be given, and a connection without TLS does not use."""
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Connection:
    """A pool of one connection, and the stream of that once there is one."""

    def __init__(self, transport: httpcore.ConnectionPool) -> None:
        self.transport = transport
        self.stream: Any = None


class Address(NamedTuple):
    """Where to ask for what: *target* is the path and the query, *port* None where that of the scheme is meant."""

    scheme: str
    host: str
    port: int | None
    netloc: str
    target: str


def parse_address(url: str) -> Address:
    """Return what *url* names, percent-encoded as servers want it; raises ValueError."""
    plain = _PLAIN.fullmatch(url) if "/." not in url else None
    if plain is None:
        return parse_any_address(url)
    scheme, host, port, target = plain.groups()
    netloc = f"{host}:{port}" if port else host
    return Address(scheme, host, int(port) if port else None, netloc, target)


def parse_any_address(url: str) -> Address:
    """Return the same of any address, as httpx reads it; raises ValueError."""
    from lockml.index.http.httpx_import import httpx

    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    host, netloc, target = (each.decode("ascii") for each in (parsed.raw_host, parsed.netloc, parsed.raw_path))
    return Address(parsed.scheme, host, parsed.port, netloc, target)


def _understood(url: str) -> Address:
    """Return what *url* names; raises TransportError."""
    try:
        return parse_address(url)
    except ValueError as error:
        raise TransportError(f"the request is invalid: {error}", passing=False) from error


def _asked(
    connection: _Connection, exchange: Exchange, method: str, address: Address, headers: Mapping[str, str]
) -> httpcore.Response:
    """Return the answer, its body still to be read; raises TransportError, or what httpcore raises."""
    extensions = {"timeout": _TIMEOUT, "trace": exchange.trace}
    try:
        sent = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        where = httpcore.URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            port=address.port,
            target=address.target.encode(),
        )
        host = (b"Host", address.netloc.encode())
        request = httpcore.Request(method, where, headers=[host, *sent], extensions=extensions)
        return connection.transport.handle_request(request)
    except ValueError as error:  # of a header or a host that no request can have
        raise TransportError(f"the request is invalid: {error}", passing=False) from error
    except _FAILURES as error:
        if exchange.overdue:
            raise TransportError("it takes too long to answer", passing=True) from error
        raise
    finally:
        connection.stream = exchange.stream


def _decoded(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return *headers* as text, with lower-case names; one that comes more than once has all values (RFC 9110, 5.3)."""
    kept = [(name.lower(), value) for name, value in headers]
    coding = _coding(b"".join(part for pair in kept for part in pair))
    found: dict[str, str] = {}
    for raw, value in kept:
        name, text = raw.decode(coding), value.decode(coding)
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _coding(content: bytes) -> str:
    if content.isascii():
        return "ascii"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "iso-8859-1"
    return "utf-8"


def _whole(chunks: Iterator[bytes], exchange: Exchange) -> Iterator[bytes]:
    """Yield *chunks*; raises TransportError where the exchange was ended: what came may look whole."""
    try:
        yield from chunks
    except (*_FAILURES, TransportError):
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
