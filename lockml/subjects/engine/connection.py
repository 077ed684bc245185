"""Send a GET to a container engine and read its answer, with bounds on time and size.

HTTP/1.0 (RFC 1945), whose answers end with the connection, is all that a GET needs, over a socket file and over TCP:
a full HTTP library takes as long to import as an entire check of a container. A proxy may still answer in chunks
(RFC 9112, section 7.1). An engine is not trusted to finish: headers, documents and time are bounded, and a stream
must have a minimum rate.
"""

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from lockml.common.errors import EngineError

__all__ = ["Answer", "Bounds", "Connection", "read_answer", "request"]

_MAX_HEADERS: Final = 1 << 16
_MAX_LINE: Final = 1 << 10
_PIECE: Final = 1 << 20
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,15}")


class Bounds(Struct, frozen=True, kw_only=True):
    """Time and size limits for an engine: *silence* and *document* are seconds, *document_size* is bytes.

    No byte may take longer than *silence*: an engine may need long before it sends an image. An entire document must
    arrive within *document*. A stream must deliver *pace* bytes in twice the time of *silence*.
    """

    silence: float = 120.0
    document: float = 60.0
    document_size: int = 1 << 25
    pace: int = 1 << 16


class Connection(Protocol):
    """The part of a socket that reading an answer needs."""

    def settimeout(self, value: float | None, /) -> None:
        """Wait at most *value* seconds for the next bytes."""

    def recv(self, size: int, /) -> bytes:
        """Return at most *size* of the next bytes, b"" at the end; raises TimeoutError."""


class Answer(Protocol):
    """An answer: a *status*, a *reason* and a body to read."""

    status: int
    reason: str

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes of the body, b"" at its end; without *size*, the entire document."""


@contextmanager
def request(url: str, certificates: str | None, path: str, bounds: Bounds | None = None) -> Iterator[Answer]:
    """Yield the answer to a GET of *path* from the engine at *url*; raises EngineError, and OSError inside."""
    bounds = bounds or Bounds()
    with _connected(url, certificates, bounds) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode("ascii"))
        yield read_answer(connection, bounds)


def read_answer(connection: Connection, bounds: Bounds, clock: Callable[[], float] = time.monotonic) -> Answer:
    """Return the answer on *connection*, with its headers read; raises OSError, as reading its body may."""
    return _Answer(_Received(connection, bounds, clock), bounds)


class _Received:
    """The bytes of a connection, read within its bounds and a deadline."""

    def __init__(self, connection: Connection, bounds: Bounds, clock: Callable[[], float]) -> None:
        self._connection, self._bounds, self._clock = connection, bounds, clock
        self._buffer = b""
        self._waited, self._came = 0.0, 0
        self._thought = False

    def line(self, deadline: float, limit: int) -> bytes:
        """Return the next line without its end; raises OSError if it has more than *limit* bytes."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > limit:
                raise OSError("sends endless headers")
            piece = self._receive(4096, deadline)
            if not piece:
                raise OSError("ended its answer early")
            self._buffer += piece
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.rstrip(b"\r")

    def some(self, size: int, deadline: float | None = None) -> bytes:
        """Return the next bytes, at most *size*, b"" at the end."""
        if self._buffer:
            piece, self._buffer = self._buffer[:size], self._buffer[size:]
            return piece
        return self._receive(size, deadline)

    def _receive(self, size: int, deadline: float | None) -> bytes:
        wait = self._bounds.silence
        if deadline is not None:
            wait = min(wait, deadline - self._clock())
            if wait <= 0:
                raise TimeoutError("takes too long to answer")
        self._connection.settimeout(wait)
        begun = self._clock()
        try:
            piece = self._connection.recv(size)
        except TimeoutError as error:
            raise TimeoutError("takes too long to answer") from error
        self._weigh(len(piece), self._clock() - begun)
        return piece

    def _weigh(self, came: int, waited: float) -> None:
        """Count what *came* after so many seconds; raises OSError if it is too slow. The first wait is not counted."""
        self._came += came
        self._waited += waited if self._thought else 0.0
        self._thought = True
        if self._waited >= 2 * self._bounds.silence:
            if came and self._came < self._bounds.pace:
                raise TimeoutError("sends too slowly")
            self._waited, self._came = 0.0, 0

    def now(self) -> float:
        """Return the current time on the clock of the deadlines."""
        return self._clock()


class _Answer:
    """An answer, read to its announced end, else to the end of the connection."""

    def __init__(self, received: _Received, bounds: Bounds) -> None:
        self._received, self._bounds = received, bounds
        deadline = received.now() + bounds.silence
        version, _, rest = received.line(deadline, _MAX_HEADERS).decode("latin-1").strip().partition(" ")
        status, _, self.reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit() and len(status) == 3):
            raise OSError("does not speak HTTP")
        self.status = int(status)
        self._left: int | None = None
        self._chunked = False
        left = _MAX_HEADERS
        while line := received.line(deadline, left):
            left -= len(line) + 1
            self._take(line)
        if self._chunked:
            if self._left is not None:
                raise OSError("announces both a length and chunks")
            self._left = 0

    def _take(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if name == b"transfer-encoding":
            if value.lower() != b"chunked" or self._chunked:
                raise OSError("answers in an encoding that lockml does not know")
            self._chunked = True
        if name == b"content-length":
            if not value.isdigit() or len(value) > 18 or self._left not in (None, int(value)):
                raise OSError("announces an unreadable length")
            self._left = int(value)

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes; without it, the entire document.

        Raises OSError if there are fewer than announced, or more than a document may have.
        """
        if size < 0:
            return self._document()
        pieces: list[bytes] = []
        while size > 0 and (piece := self._piece(size, None)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def _document(self) -> bytes:
        limit, deadline = self._bounds.document_size, self._received.now() + self._bounds.document
        content = bytearray()
        while piece := self._piece(_PIECE, deadline):
            content += piece
            if len(content) > limit:
                raise OSError(f"sends a document of more than {limit} bytes")
        return bytes(content)

    def _piece(self, size: int, deadline: float | None) -> bytes:
        if self._chunked and self._left == 0:
            self._begin_chunk(deadline)
        wanted = min(size, _PIECE) if self._left is None else min(size, _PIECE, self._left)
        piece = self._received.some(wanted, deadline) if wanted else b""
        if self._left is not None:
            self._left -= len(piece)
            if wanted and not piece:
                raise OSError("ended its answer early")
            if self._chunked and wanted and not self._left and self._line(deadline):
                raise OSError("sends chunks of a wrong size")
        return piece

    def _begin_chunk(self, deadline: float | None) -> None:
        """Read the size of the next chunk; whatever follows the last one is ignored."""
        size = self._line(deadline).partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            raise OSError("sends chunks without a size")
        self._left = int(size, 16)
        if not self._left:
            self._chunked = False

    def _line(self, deadline: float | None) -> bytes:
        return self._received.line(deadline or self._received.now() + self._bounds.silence, _MAX_LINE)


@contextmanager
def _connected(url: str, certificates: str | None, bounds: Bounds) -> Iterator[socket.socket]:
    """Yield a connection to the engine at *url*; raises EngineError for an unsupported address."""
    scheme, place, port = _parts(url)
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(bounds.silence)
            connection.connect(place)
            yield connection
        return
    secure = certificates is not None or scheme == "https"
    with socket.create_connection((place, port or (2376 if secure else 2375)), bounds.silence) as connection:
        if not secure:
            yield connection
            return
        with _encrypted(connection, url, certificates, place) as encrypted:
            yield encrypted


def _encrypted(connection: socket.socket, url: str, certificates: str | None, host: str) -> socket.socket:
    import ssl

    try:
        context = ssl.create_default_context(cafile=str(Path(certificates, "ca.pem")) if certificates else None)
        if certificates is not None:
            context.load_cert_chain(str(Path(certificates, "cert.pem")), str(Path(certificates, "key.pem")))
    except (ValueError, OSError) as error:
        raise EngineError(f"DOCKER_HOST {url!r}", f"cannot be used ({error})", hint="see DOCKER_CERT_PATH") from error
    return context.wrap_socket(connection, server_hostname=host)


def _parts(url: str) -> tuple[str, str, int | None]:
    """Return the scheme, the socket file or host, and the port of an address; raises EngineError."""
    subject = f"DOCKER_HOST {url!r}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "unix" or (parts.scheme in ("tcp", "http", "https") and bool(parts.hostname))
        port = parts.port if usable and parts.scheme != "unix" else None
    except ValueError as error:
        raise EngineError(subject, f"is not an address ({error})") from error
    if not usable:
        raise EngineError(
            subject,
            "not an address that lockml supports",
            hint="use unix:///path/to/docker.sock or tcp://host:port; for ssh, forward the socket with ssh -L",
        )
    return parts.scheme, parts.path if parts.scheme == "unix" else parts.hostname or "", port
