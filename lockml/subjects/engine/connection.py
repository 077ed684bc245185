"""Ask a container engine: over a socket file by a few lines, over TCP by the library.

HTTP/1.0 (RFC 1945), whose answers come in one piece and end with the connection, is all that a GET over a socket file
needs; the library for the rest takes as long to load as a whole check of a container.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from lockml.common.errors import EngineError

if TYPE_CHECKING:
    from http.client import HTTPConnection

__all__ = ["Answer", "request"]

_TIMEOUT: Final = 120.0  # seconds without a byte; an engine may think long before it sends an image
_MAX_HEADERS: Final = 1 << 16


class Answer(Protocol):
    """What came back: a *status*, a *reason* and a body to read."""

    status: int
    reason: str

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes of the body, all of it without one, none at its end."""


@contextmanager
def request(url: str, certificates: str | None, path: str) -> Iterator[Answer]:
    """Give the answer to a GET of *path* from the engine at *url*; raises EngineError, and OSError within."""
    parts = _parts(url)
    if parts[0] == "unix":
        with _unix_answer(parts[1], path) as answer:
            yield answer
        return
    from http.client import HTTPException

    connection = _connection(url, certificates)
    try:
        try:
            connection.request("GET", path, headers={"Host": "docker"})
            received = connection.getresponse()
        except HTTPException as error:
            raise OSError(str(error) or type(error).__name__) from error
        try:
            yield received
        except HTTPException as error:
            raise OSError(f"broke off its answer ({error})") from error
    finally:
        connection.close()


class _UnixAnswer:
    """An answer over a socket file, read to the end of the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rb")
        version, _, rest = self._file.readline(_MAX_HEADERS).decode("latin-1").strip().partition(" ")
        status, _, self.reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not status.isdigit():
            raise OSError("it does not speak HTTP")
        self.status = int(status)
        self._left: int | None = None
        for line in iter(lambda: self._file.readline(_MAX_HEADERS).strip(), b""):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                self._left = int(value)

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes, all without one; raises OSError where fewer come than were announced."""
        content = self._file.read(size) if size >= 0 else self._file.read()
        if self._left is not None:
            self._left -= len(content)
            if self._left > 0 and (size < 0 or len(content) < size):
                raise OSError("broke off its answer")
        return content


@contextmanager
def _unix_answer(file: str, path: str) -> Iterator[_UnixAnswer]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_TIMEOUT)
        connection.connect(file)
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode("ascii"))
        yield _UnixAnswer(connection)


def _parts(url: str) -> tuple[str, str]:
    """Return the scheme and the path of an address; raises EngineError for one that lockml cannot speak to."""
    subject = f"DOCKER_HOST {url!r}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "unix" or (parts.scheme in ("tcp", "http", "https") and bool(parts.hostname))
    except ValueError as error:
        raise EngineError(subject, f"is not an address ({error})") from error
    if not usable:
        raise EngineError(
            subject,
            "not an address that lockml can speak to",
            hint="use unix:///path/to/docker.sock or tcp://host:port; for ssh, forward the socket with ssh -L",
        )
    return parts.scheme, parts.path


def _connection(url: str, certificates: str | None) -> "HTTPConnection":
    import ssl
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        if certificates is None and parts.scheme != "https":
            return HTTPConnection(host, parts.port or 2375, timeout=_TIMEOUT)
        if certificates is None:
            context = ssl.create_default_context()
        else:
            context = ssl.create_default_context(cafile=str(Path(certificates, "ca.pem")))
            context.load_cert_chain(str(Path(certificates, "cert.pem")), str(Path(certificates, "key.pem")))
        return HTTPSConnection(host, parts.port or 2376, timeout=_TIMEOUT, context=context)
    except (ValueError, OSError) as error:
        raise EngineError(f"DOCKER_HOST {url!r}", f"cannot be used ({error})", hint="see DOCKER_CERT_PATH") from error
