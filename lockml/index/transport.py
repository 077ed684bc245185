"""One HTTP request in, one answer out, over kept connections: all that knows httpx here.

It is loaded only when something is fetched.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Final
from urllib.request import getproxies

from lockml.index.answer import Reply, TransportError
from lockml.index.lean import httpx

__all__ = ["NetworkTransport"]

_TIMEOUT: Final = httpx.Timeout(60, connect=15)


class NetworkTransport:
    """Asks servers, or the proxies that the environment names, over at most *connections*."""

    def __init__(self, trust: Callable[[], ssl.SSLContext], *, connections: int) -> None:
        self._trust = trust
        self._limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._proxied_securely = any(proxy.startswith("https:") for proxy in getproxies().values())
        self._lock = Lock()
        self._clients: dict[bool, httpx.Client] = {}

    def close(self) -> None:
        """Give the connections back."""
        for client in self._clients.values():
            client.close()

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Ask for *url*, without a login in it, and give the answer; raises TransportError."""
        try:
            with self._client(secure=url.startswith("https:")).stream(method, url, headers=headers) as answer:
                names = {name.lower(): value for name, value in answer.headers.items()}
                yield Reply(status=answer.status_code, headers=names, chunks=answer.iter_bytes())
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            passing = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)
            raise TransportError(str(error) or type(error).__name__, passing=passing) from error

    def _client(self, *, secure: bool) -> httpx.Client:
        """Return what asks; authorities are read, which takes long, only where something is to be *secure*."""
        secure = secure or self._proxied_securely
        with self._lock:
            if secure not in self._clients:
                try:
                    self._clients[secure] = httpx.Client(
                        verify=self._trust() if secure else False, limits=self._limits, timeout=_TIMEOUT
                    )
                except (ImportError, ValueError) as error:  # of a proxy that httpx cannot use
                    raise TransportError(f"the proxy cannot be used: {error}", passing=False) from error
            return self._clients[secure]
