"""Sends requests to a package index, with credentials, redirects and retries."""

import base64
import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock, local
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urljoin, urlsplit

from lockml import __version__
from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.common.references import encode_url
from lockml.common.settings import setting
from lockml.index.http.credentials import Login, Logins, origin_of
from lockml.index.http.file_urls import path_of_url, read_local
from lockml.index.http.response import FailedStatusError, LongAnswerError, Reply, Response, Transport, TransportError

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["CONNECTIONS", "LARGE", "HttpClient", "Sink"]

CONNECTIONS: Final = 50
"""How many requests an index is sent at once: what it takes to fill a line that is 40 ms long."""

LARGE: Final = 8 << 20
"""How many bytes an answer has to have so that few of its kind are held at once."""

_HEADERS: Final = {"User-Agent": f"lockml/{__version__}", "Accept": "*/*", "Accept-Encoding": "gzip"}
_ATTEMPTS: Final = 4
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 10
_WITH_CONTENT: Final = frozenset({200, 206})
_LONGEST_PAUSE: Final = 30.0  # seconds that a server may ask to wait
_PATIENCE: Final = 60.0  # seconds after which no further attempt begins
_MAX_PAGE: Final = 100 << 20  # bytes
_LARGE_AT_ONCE: Final = 4
_DIGITS: Final = 19  # what a length of bytes cannot have


class Sink(Protocol):
    """Takes a body that is too big to be held: `begin` comes before the first byte of each attempt."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Forget what came before; *headers* are those of the answer, lower-case."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; may raise PackageIndexError to have no more."""


_LOG: Final = logging.getLogger("lockml.index")


class HttpClient:
    """Fetches over kept connections; safe to use from several threads. ``file:`` addresses are read from the disk.

    *certificates* is a file of authorities to trust instead of the system's, *client_certificate* one with the
    certificate and key to show, *transport* replaces the network, with *offline* every request is refused. An address
    of https may redirect to one of http only on *insecure_hosts*, each HOST or HOST:PORT. Every method raises
    PackageIndexError when no answer came after four attempts with growing pauses, or a minute.
    """

    def __init__(
        self,
        *,
        certificates: Path | None = None,
        client_certificate: Path | None = None,
        transport: Transport | None = None,
        pause: float = 0.25,
        offline: bool = False,
        insecure_hosts: Collection[str] = (),
    ) -> None:
        self.offline = offline
        self._insecure_hosts = frozenset(host.lower() for host in insecure_hosts)
        self._large = BoundedSemaphore(_LARGE_AT_ONCE)
        self._thread = local()
        self._pause = pause
        self._logins = Logins()
        self._given = transport
        if certificates is not None and not certificates.is_file():  # said at once; it is read when TLS is spoken
            raise PackageIndexError(str(certificates), "cannot be read as certificates: there is no such file")
        self._certificates = certificates
        self._client_certificate = client_certificate
        if client_certificate is not None:
            self._trust()  # raises at once if it is not one
        self._lock = Lock()

    def close(self) -> None:
        """Give the connections back."""
        if self._given is not None:
            self._given.close()

    def _transport(self) -> Transport:
        """Return what asks, made when something is asked: where all is in the cache, nothing of it is loaded."""
        with self._lock:
            if self._given is None:
                from lockml.index.http.transport import NetworkTransport

                self._given = NetworkTransport(self._trust, connections=CONNECTIONS)
            return self._given

    def _trust(self) -> "SSLContext":
        from lockml.index.http.tls import trust

        return trust(self._certificates, self._client_certificate)

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, limit: int = _MAX_PAGE) -> Response:
        """Return the answer to a GET; statuses of the client's fault are answers, not errors.

        Raises LongAnswerError for one of more than *limit* bytes. Four threads hold one of more than `LARGE` bytes at
        once, each until it calls `release` or this again; others wait.
        """
        self.release()
        if url.startswith("file:"):
            return read_local(url, headers or {})
        self._refuse_offline(url)
        answer = self._tried(url, headers or {}, limit=limit)
        if answer.status == 401 and self._logins.ask_keyring(url) is not None:
            return self._tried(url, headers or {}, limit=limit)
        return answer

    def release(self) -> None:
        """Say that the answer that this thread got last is held no more."""
        if getattr(self._thread, "holds", False):
            self._thread.holds = False
            self._large.release()

    def _hold(self) -> None:
        """Wait until few others hold a large answer."""
        if not getattr(self._thread, "holds", False):
            self._large.acquire()
            self._thread.holds = True

    def download(self, url: str, sink: Sink, headers: Mapping[str, str] | None = None) -> Response:
        """Return the answer to a GET, whose body goes to *sink*, not decompressed, if the status is 200 or 206."""
        self._refuse_offline(url)
        given = {"Accept-Encoding": "identity", **(headers or {})}
        answer = self._tried(url, given, sink)
        if answer.status == 401 and self._logins.ask_keyring(url) is not None:
            return self._tried(url, given, sink)
        return answer

    def head(self, url: str) -> Mapping[str, str]:
        """Return the headers, lower-case, of the file at *url*, {} if the server does not say."""
        self._refuse_offline(url)
        try:
            with self._open("HEAD", url, {"Accept-Encoding": "identity"}) as (_, answer):
                return answer.headers if answer.status == 200 else {}
        except TransportError:
            return {}

    def size(self, url: str) -> int | None:
        """Return the size of the file at *url* in bytes, or None if the server does not say."""
        if url.startswith("file:"):
            path = path_of_url(url)
            return path.stat().st_size if path.is_file() else None
        length = self.head(url).get("content-length", "")
        return int(length) if length.isascii() and length.isdigit() and len(length) < _DIGITS else None

    def know(self, url: str) -> None:
        """Take note of the login in *url*, which the user named: what lies at the same origin is asked for with it."""
        with suppress(ValueError):  # raised again when it is asked for
            self._logins.know(url)

    def _tried(
        self, url: str, headers: Mapping[str, str], sink: Sink | None = None, *, limit: int = _MAX_PAGE
    ) -> Response:
        """Ask up to four times, within a minute."""
        end = time.monotonic() + _PATIENCE
        for attempt in range(_ATTEMPTS):
            began = time.monotonic()
            try:
                answer = self._get(url, headers, sink, limit)
            except (TransportError, _PassingError) as error:
                _LOG.debug("GET %s: %s", redact(url), _reason(error))
                passing = not isinstance(error, TransportError) or error.passing
                asked = min(error.pause, _LONGEST_PAUSE) if isinstance(error, _PassingError) else 0.0
                pause = max(self._pause * 2**attempt, asked)
                if not passing or attempt == _ATTEMPTS - 1 or time.monotonic() + pause >= end:
                    raise _translated(url, error) from error
            else:
                _log(url, answer, began, headers)
                return answer
            time.sleep(pause)
        raise AssertionError  # the last attempt returns or raises

    def _refuse_offline(self, url: str) -> None:
        if self.offline:
            problem = f"is not in the cache, and {setting('offline')} is set"
            raise PackageIndexError(redact(url), problem, hint=f"run once without {setting('offline')}")

    def _get(self, url: str, headers: Mapping[str, str], sink: Sink | None, limit: int) -> Response:
        with self._open("GET", url, headers) as (target, answer):
            if answer.status in _RETRIED:
                after = answer.headers.get("retry-after", "")
                raise _PassingError(answer.status, float(after) if after.isascii() and after.isdigit() else 0.0)
            if sink is not None and answer.status in _WITH_CONTENT:
                sink.begin(answer.headers)
                for chunk in answer.chunks:
                    sink.write(chunk)
                return Response(status=answer.status, url=target, headers=answer.headers, body=b"")
            body = self._body(url, answer, limit)
        return Response(status=answer.status, url=target, headers=answer.headers, body=body)

    def _body(self, url: str, answer: Reply, limit: int) -> bytes:
        """Return the body of *answer*; raises LongAnswerError, TransportError."""
        chunks: list[bytes] = []
        size = 0
        try:
            for chunk in answer.chunks:
                size += len(chunk)
                if size > limit:
                    raise LongAnswerError(redact(url), f"sent more than {limit} bytes")
                if size > LARGE:
                    self._hold()
                chunks.append(chunk)
        except BaseException:
            self.release()
            raise
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    @contextmanager
    def _open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[tuple[str, Reply]]:
        """Give where redirects lead, and the answer there; each address is sent the login of its own origin."""
        target, login = url, self._login(url)
        for _ in range(_MAX_REDIRECTS):
            bare = _address(target)
            sent = {**_HEADERS, **headers}
            if login is not None:
                sent["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
            with self._transport().open(method, bare, sent) as answer:
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    yield target, answer
                    return
                before, target = target, self._followed(target, answer.headers["location"])
            if "@" in urlsplit(target).netloc or origin_of(target) != origin_of(before):
                login = self._login(target)
        raise TransportError(f"it redirects more than {_MAX_REDIRECTS} times", passing=False)

    def _login(self, url: str) -> Login | None:
        try:
            return self._logins.find(url)
        except ValueError as error:
            raise TransportError(str(error), passing=False) from error

    def _followed(self, url: str, location: str) -> str:
        """Return where *url* redirects to; raises TransportError, PackageIndexError for what was https and is not."""
        try:
            target = encode_url(urljoin(url, location))
            old, new = urlsplit(url), urlsplit(target)
            port = new.port or 80  # raises ValueError for what is no number
        except ValueError as error:
            raise TransportError(f"it redirects to an invalid address: {error}", passing=False) from error
        host = (new.hostname or "").lower()
        if (old.scheme, new.scheme) == ("https", "http") and self._insecure_hosts.isdisjoint((host, f"{host}:{port}")):
            problem = f"redirects to {redact(target)}, which is not secured, so that anyone on the way could change it"
            hint = f"if that is intended, use {setting('allow-insecure-host', host)}"
            raise PackageIndexError(redact(url), problem, hint=hint)
        return target


class _PassingError(Exception):
    """A status that another attempt may change, with the seconds that the server asks to wait.

    Internal: never reaches the user; the client retries, and then makes a PackageIndexError of it.
    """

    def __init__(self, status: int, pause: float) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.pause = pause


def _log(url: str, answer: Response, began: float, headers: Mapping[str, str]) -> None:
    """Say what was asked and answered: the part, the status, how many bytes, how long it took."""
    part = f" {headers['Range']}" if "Range" in headers else ""
    size = len(answer.body) or answer.headers.get("content-length", 0)
    took = (time.monotonic() - began) * 1e3
    _LOG.debug("GET %s%s: status %d, %s bytes, %.0f ms", redact(url), part, answer.status, size, took)


def _address(url: str) -> str:
    """Return *url* without a login; raises TransportError for what is no http address."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises ValueError for what is no number
    except ValueError as error:
        raise TransportError(str(error), passing=False) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TransportError("that is not an http address", passing=False)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parts._replace(netloc=f"{host}:{port}" if port is not None else host, fragment="").geturl()


def _translated(url: str, error: "TransportError | _PassingError") -> PackageIndexError:
    """Return what a missing answer for *url* is to the user."""
    if isinstance(error, TransportError) and not error.passing:
        return PackageIndexError(redact(url), f"cannot be fetched ({_reason(error)})")
    hint = f"check the network, the proxy and the {setting('index-url')}"
    problem = f"no answer ({_reason(error)})"
    if isinstance(error, _PassingError):
        return FailedStatusError(redact(url), problem, hint=hint, status=error.status)
    return PackageIndexError(redact(url), problem, hint=hint)


def _reason(error: Exception) -> str:
    return redact(str(error)) or type(error).__name__
