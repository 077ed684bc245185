"""The only place that speaks HTTP to a package index: addresses in, answers out, httpx's errors translated."""

import hashlib
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from lockml import __version__
from lockml.display import redact
from lockml.errors import PackageIndexError
from lockml.index.answer import Response
from lockml.index.local import path_of_url, read_local
from lockml.index.logins import Logins

__all__ = ["HttpClient"]

_ATTEMPTS: Final = 4
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE: Final = 30.0  # seconds that a server may ask to wait
_MAX_BODY: Final = 1 << 30


class HttpClient:
    """Fetches over kept connections; safe to use from several threads. ``file:`` addresses are read from the disk.

    *certificates* is a file of authorities to trust instead of the system's, *client_certificate* one with the
    certificate and key to show, *transport* replaces the network, with *offline* every request is refused. Every
    method raises PackageIndexError when no answer came after four attempts with growing pauses.
    """

    def __init__(
        self,
        *,
        certificates: Path | None = None,
        client_certificate: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        pause: float = 0.25,
        offline: bool = False,
    ) -> None:
        self.offline = offline
        self._pause = pause
        self._logins = Logins()
        self._client = httpx.Client(
            headers={"User-Agent": f"lockml/{__version__}"},
            follow_redirects=True,
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=16),
            timeout=httpx.Timeout(60, connect=15),
            transport=transport,
            verify=_trust(certificates, client_certificate) if transport is None else True,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET; statuses of the client's fault are answers, not errors."""
        if url.startswith("file:"):
            return read_local(url, headers or {})
        self._refuse_offline(url)
        answer = self._tried(url, headers or {})
        if answer.status == 401 and self._logins.ask_keyring(url) is not None:
            return self._tried(url, headers or {})
        return answer

    def digest(self, url: str) -> tuple[str, int]:
        """Return the SHA-256, hexadecimal, and the size in bytes of the file at *url*, which is not kept in memory."""
        if url.startswith("file:"):
            try:
                path = path_of_url(url)
                with path.open("rb") as file:
                    return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size
            except OSError as error:
                raise PackageIndexError(str(path), f"cannot be read ({error.strerror})") from error
        self._refuse_offline(url)
        as_it_is = {"Accept-Encoding": "identity"}
        with _translated(url), self._client.stream("GET", url, headers=as_it_is, auth=self._auth(url)) as answer:
            if answer.status_code != 200:
                raise PackageIndexError(redact(url), f"answered with status {answer.status_code}")
            found, size = hashlib.sha256(), 0
            for chunk in answer.iter_bytes():
                found.update(chunk)
                size += len(chunk)
        return found.hexdigest(), size

    def head(self, url: str) -> Mapping[str, str]:
        """Return the headers, lower-case, of the file at *url*, {} where the server does not tell."""
        self._refuse_offline(url)
        try:
            answer = self._client.head(url, headers={"Accept-Encoding": "identity"}, auth=self._auth(url))
        except (httpx.HTTPError, httpx.InvalidURL):
            return {}
        return _lowered(answer.headers) if answer.status_code == 200 else {}

    def size(self, url: str) -> int | None:
        """Return the size of the file at *url* in bytes, or None where the server does not tell."""
        if url.startswith("file:"):
            path = path_of_url(url)
            return path.stat().st_size if path.is_file() else None
        length = self.head(url).get("content-length", "")
        return int(length) if length.isdigit() else None

    def _tried(self, url: str, headers: Mapping[str, str]) -> Response:
        """Ask up to four times."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return self._get(url, headers)
            except httpx.UnsupportedProtocol:
                break
            except httpx.TransportError:
                time.sleep(self._pause * 2 ** (attempt - 1))
            except _PassingError as error:
                time.sleep(max(self._pause * 2 ** (attempt - 1), min(error.pause, _LONGEST_PAUSE)))
            except (httpx.HTTPError, httpx.InvalidURL):
                break
        with _translated(url):
            return self._get(url, headers)

    def _refuse_offline(self, url: str) -> None:
        if self.offline:
            raise PackageIndexError(
                redact(url), "is not in the cache, and --offline was asked for", hint="run once without --offline"
            )

    def _auth(self, url: str) -> httpx.Auth:
        """Return the login for *url*, or none; httpx sends it to no other origin when it is redirected."""
        try:
            login = self._logins.find(url)
        except ValueError:  # no address: httpx tells
            login = None
        return httpx.BasicAuth(*login) if login is not None else httpx.Auth()

    def _get(self, url: str, headers: Mapping[str, str]) -> Response:
        with self._client.stream("GET", url, headers=headers, auth=self._auth(url)) as answer:
            if answer.status_code in _RETRIED:
                after = answer.headers.get("retry-after", "")
                raise _PassingError(answer.status_code, float(after) if after.isdigit() else 0.0)
            chunks: list[bytes] = []
            size = 0
            for chunk in answer.iter_bytes():
                size += len(chunk)
                if size > _MAX_BODY:
                    raise PackageIndexError(redact(url), f"sent more than {_MAX_BODY} bytes")
                chunks.append(chunk)
        return Response(
            status=answer.status_code, url=str(answer.url), headers=_lowered(answer.headers), body=b"".join(chunks)
        )


class _PassingError(Exception):
    """A status that another attempt may mend, and how many seconds the server asks to wait."""

    def __init__(self, status: int, pause: float) -> None:
        super().__init__(f"status {status}")
        self.pause = pause


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn what httpx raises for *url* into PackageIndexError."""
    try:
        yield
    except (httpx.TransportError, _PassingError) as error:
        raise PackageIndexError(
            redact(url), f"no answer ({_reason(error)})", hint="check the network, the proxy and the --index-url"
        ) from error
    except httpx.HTTPError as error:
        raise PackageIndexError(redact(url), f"cannot be fetched ({_reason(error)})") from error
    except httpx.InvalidURL as error:
        raise PackageIndexError(redact(url), f"is not an address ({error})") from error


def _lowered(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _reason(error: Exception) -> str:
    return redact(str(error)) or type(error).__name__


def _trust(certificates: Path | None, client_certificate: Path | None) -> ssl.SSLContext:
    """Return what to trust: *certificates*, else the system's store, else the authorities that httpx brings."""
    try:
        context = _authorities(certificates)
    except OSError as error:
        raise PackageIndexError(str(certificates), f"cannot be read as certificates ({error})") from error
    if client_certificate is not None:
        try:
            context.load_cert_chain(client_certificate)
        except OSError as error:
            raise PackageIndexError(
                str(client_certificate),
                f"cannot be read as a client certificate ({error.strerror or error})",
                hint="it holds the certificate and its key, both in PEM form",
            ) from error
    return context


def _authorities(certificates: Path | None) -> ssl.SSLContext:
    if certificates is not None:
        return ssl.create_default_context(cafile=str(certificates))
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        return ssl.create_default_context()
    return httpx.create_ssl_context()
