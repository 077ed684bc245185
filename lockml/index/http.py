"""The only place that speaks HTTP to a package index: addresses in, answers out, httpx's errors translated."""

import netrc
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from lockml import __version__
from lockml.display import redact
from lockml.errors import PackageIndexError

__all__ = ["HttpClient", "Response"]

_ATTEMPTS: Final = 4
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_BODY: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: *url* is where redirects led, *headers* have lower-case names."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Fetches over kept connections; safe to use from several threads.

    *certificates* is a file of authorities to trust instead of the system's, *transport* replaces the network, with
    *offline* every request is refused. Every method raises PackageIndexError when no answer came after four attempts
    with growing pauses.
    """

    def __init__(
        self,
        *,
        connections: int = 16,
        certificates: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: float = 0.25,
        offline: bool = False,
    ) -> None:
        self.offline = offline
        self._pause = pause
        self._given: dict[str, httpx.BasicAuth] = {}
        self._kept = _netrc_logins()
        self._client = httpx.Client(
            headers={"User-Agent": f"lockml/{__version__}"},
            follow_redirects=True,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=httpx.Timeout(60, connect=15),
            transport=transport,
            verify=_trust(certificates) if transport is None else True,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET; statuses of the client's fault are answers, not errors."""
        self._refuse_offline(url)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._get(url, headers or {})
            except (httpx.TransportError, _PassingError) as error:
                if attempt == _ATTEMPTS or isinstance(error, httpx.UnsupportedProtocol):
                    raise PackageIndexError(
                        redact(url),
                        f"no answer ({_reason(error)})",
                        hint="check the network, the proxy and the --index-url",
                    ) from error
                time.sleep(self._pause * 2 ** (attempt - 1))
            except httpx.HTTPError as error:
                raise PackageIndexError(redact(url), f"cannot be fetched ({_reason(error)})") from error
            except httpx.InvalidURL as error:
                raise PackageIndexError(redact(url), f"is not an address ({error})") from error
        raise AssertionError("the last attempt returns or raises")

    def _refuse_offline(self, url: str) -> None:
        if self.offline:
            raise PackageIndexError(
                redact(url), "is not in the cache, and --offline was asked for", hint="run once without --offline"
            )

    def _login(self, url: str) -> httpx.Auth:
        """Return the login for *url*: its own, one given for its origin before, or that of the netrc file, or none.

        httpx sends it to no other origin when it is redirected.
        """
        parsed = httpx.URL(url)
        origin = f"{parsed.scheme}://{parsed.netloc.decode('ascii')}"
        if parsed.userinfo:
            self._given[origin] = httpx.BasicAuth(parsed.username, parsed.password)
        return self._given.get(origin) or self._kept.get(parsed.host) or httpx.Auth()

    def _get(self, url: str, headers: Mapping[str, str]) -> Response:
        with self._client.stream("GET", url, headers=headers, auth=self._login(url)) as answer:
            if answer.status_code in _RETRIED:
                raise _PassingError(f"status {answer.status_code}")
            chunks: list[bytes] = []
            size = 0
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > _MAX_BODY:
                    raise PackageIndexError(redact(url), f"sent more than {_MAX_BODY} bytes")
                chunks.append(chunk)
        return Response(
            status=answer.status_code,
            url=str(answer.url),
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=b"".join(chunks),
        )

    def size(self, url: str) -> int | None:
        """Return the size of the file at *url* in bytes, or None where the server does not tell."""
        self._refuse_offline(url)
        try:
            answer = self._client.head(url, headers={"Accept-Encoding": "identity"}, auth=self._login(url))
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        length = answer.headers.get("content-length", "")
        return int(length) if answer.status_code == 200 and length.isdigit() else None


class _PassingError(Exception):
    """A status that another attempt may mend."""


def _netrc_logins() -> dict[str, httpx.BasicAuth]:
    """Return the logins of the user's netrc file (NETRC, ~/.netrc) by host; one for any host does not count."""
    path = os.environ.get("NETRC") or str(Path(os.environ.get("HOME", "~")).expanduser() / ".netrc")
    try:
        entries = netrc.netrc(path).hosts
    except FileNotFoundError:
        return {}
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        raise PackageIndexError(path, f"cannot be read as a netrc file ({error})") from error
    return {
        host: httpx.BasicAuth(login or "", password or "")
        for host, (login, _, password) in entries.items()
        if host != "default"
    }


def _reason(error: Exception) -> str:
    return redact(str(error)) or type(error).__name__


def _trust(certificates: Path | None) -> ssl.SSLContext:
    """Return what to trust: *certificates*, else the system's store, else the authorities that httpx brings."""
    try:
        if certificates is not None:
            return ssl.create_default_context(cafile=str(certificates))
    except OSError as error:
        raise PackageIndexError(str(certificates), f"cannot be read as certificates ({error})") from error
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    return httpx.create_ssl_context()
