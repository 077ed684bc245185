"""One HTTP request in, one answer out, over kept connections: all that knows urllib3.

It is loaded only when something is fetched.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
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

    def __init__(self, trust: ssl.SSLContext | None, *, connections: int) -> None:
        self._trust = trust
        self._connections = connections
        self._proxied: dict[str, urllib3.ProxyManager] = {}

    @cached_property
    def _direct(self) -> urllib3.PoolManager:
        return urllib3.PoolManager(maxsize=self._connections, block=True, timeout=_TIMEOUT, ssl_context=self._trust)

    @cached_property
    def _proxies(self) -> Mapping[str, str]:
        return getproxies()

    def close(self) -> None:
        """Give the connections back."""
        for manager in (self._direct, *self._proxied.values()):
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
        if proxy is None or proxy_bypass(parts.hostname or ""):
            return self._direct
        manager = self._proxied.get(proxy)
        if manager is None:
            manager = self._proxied[proxy] = self._through(proxy if "://" in proxy else f"http://{proxy}")
        return manager

    def _through(self, proxy: str) -> urllib3.ProxyManager:
        parts = urlsplit(proxy)
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        host = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.scheme not in ("http", "https"):
            raise TransportError(f"the proxy {host} is none of http", passing=False)
        return urllib3.ProxyManager(
            host,
            proxy_headers=urllib3.make_headers(proxy_basic_auth=login) if login else None,
            proxy_ssl_context=self._trust,
            maxsize=self._connections,
            block=True,
            timeout=_TIMEOUT,
            ssl_context=self._trust,
        )
