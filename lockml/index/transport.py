"""One HTTP request in, one answer out, over kept connections: all that knows urllib3.

It is loaded only when something is fetched.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError, LocationValueError, NewConnectionError

from lockml.index.answer import Reply, TransportError

__all__ = ["NetworkTransport"]

_TIMEOUT: Final = urllib3.Timeout(connect=15, read=60)
_CHUNK: Final = 1 << 20


class NetworkTransport:
    """Asks servers, or the proxies that the environment names, over at most *connections* to each."""

    def __init__(self, trust: Callable[[], ssl.SSLContext], *, connections: int) -> None:
        self._trust = trust
        self._connections = connections
        self._proxies: Mapping[str, str] = getproxies()
        self._lock = Lock()
        self._managers: dict[tuple[str | None, bool], urllib3.PoolManager] = {}

    def close(self) -> None:
        """Give the connections back."""
        for manager in self._managers.values():
            manager.clear()

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Ask for *url*, without a login in it, and give the answer; raises TransportError."""
        try:
            answer = self._manager(url).request(
                method, url, headers=dict(headers), redirect=False, retries=False, preload_content=False
            )
            try:
                names = {name.lower(): value for name, value in answer.headers.items()}
                yield Reply(status=answer.status, headers=names, chunks=answer.stream(_CHUNK, decode_content=True))
                answer.drain_conn()
            finally:
                answer.release_conn()
        except (LocationParseError, LocationValueError) as error:
            raise TransportError(str(error), passing=False) from error
        except NewConnectionError as error:
            raise TransportError(str(error).rpartition(": ")[2], passing=True) from error
        except (HTTPError, OSError) as error:
            raise TransportError(str(error), passing=True) from error

    def _manager(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = self._proxies.get(parts.scheme) or self._proxies.get("all")
        if proxy is not None and proxy_bypass(parts.hostname or ""):
            proxy = None
        key = (proxy, "https" in (parts.scheme, (proxy or "").partition(":")[0]))
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._made(*key)
            return self._managers[key]

    def _made(self, proxy: str | None, secure: bool) -> urllib3.PoolManager:
        """Return what asks directly or through *proxy*; authorities are read, which takes long, only to be *secure*."""
        context = self._trust() if secure else None
        if proxy is None:
            return urllib3.PoolManager(maxsize=self._connections, block=True, timeout=_TIMEOUT, ssl_context=context)
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        host = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.scheme not in ("http", "https"):
            raise TransportError(f"the proxy {host} does not speak http", passing=False)
        return urllib3.ProxyManager(
            host,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None,
            proxy_ssl_context=context,
            maxsize=self._connections,
            block=True,
            timeout=_TIMEOUT,
            ssl_context=context,
        )
