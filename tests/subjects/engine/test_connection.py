from collections.abc import Iterable

import pytest

from lockml.subjects.engine.connection import Answer, Bounds, read_answer

BOUNDS = Bounds(silence=10, document=5, document_size=1000, pace=100)
OK = b"HTTP/1.0 200 OK\r\n"


class Slow:
    """A connection that gives pieces, each after some seconds, and a clock of those seconds."""

    def __init__(self, pieces: Iterable[bytes], seconds: float = 0) -> None:
        self._pieces = iter(pieces)
        self._seconds = seconds
        self._wait: float | None = None
        self.moment = 0.0

    def settimeout(self, value: float | None, /) -> None:
        self._wait = value

    def recv(self, size: int, /) -> bytes:
        if self._wait is not None and self._seconds > self._wait:
            self.moment += self._wait
            raise TimeoutError
        self.moment += self._seconds
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        return piece


def answer(*pieces: bytes, seconds: float = 0) -> Answer:
    connection = Slow(pieces, seconds)
    return read_answer(connection, BOUNDS, lambda: connection.moment)


def endless(piece: bytes) -> Iterable[bytes]:
    while True:
        yield piece


def test_document_is_read_whole() -> None:
    assert answer(OK + b"\r\nwh", b"ole").read() == b"whole"
    assert answer(OK + b"Content-Length: 2\r\n\r\nwhole").read() == b"wh"


def test_chunks_of_a_proxy_are_joined() -> None:
    """RFC 9112, section 7.1."""
    got = answer(OK + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nwho\r\n", b"2\r\nle\r\n0\r\n\r\n")
    assert (got.read(4), got.read(4), got.read(4)) == (b"whol", b"e", b"")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"Content-Length: 9\r\n", b"short"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\nwhole"),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nwhole\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"-3\r\nwho\r\n"),
    ],
)
def test_answer_that_breaks_off_is_refused(head: bytes, body: bytes) -> None:
    with pytest.raises(OSError, match=r"ended its answer early|chunks"):
        answer(OK + head + b"\r\n" + body).read()


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.0 2OO OK\r\n\r\n",
        OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        OK + b"Transfer-Encoding: gzip\r\n\r\n",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(head: bytes) -> None:
    with pytest.raises(OSError, match=r"speak HTTP|length|encoding"):
        answer(head)


@pytest.mark.parametrize("piece", [b"X-Header: 1234567890\r\n", b"x" * 1000])
def test_headers_without_end_are_refused(piece: bytes) -> None:
    connection = Slow([OK, *[piece] * 100_000])
    with pytest.raises(OSError, match="endless headers"):
        read_answer(connection, BOUNDS, lambda: connection.moment)


def test_document_without_end_is_refused() -> None:
    connection = Slow(endless(OK + b"\r\n" + b"x" * 500))
    with pytest.raises(OSError, match="more than 1000 bytes"):
        read_answer(connection, BOUNDS, lambda: connection.moment).read()


def test_what_drips_is_refused() -> None:
    """A byte in each moment is no silence, and never ends."""
    connection = Slow([OK + b"\r\n", *[b"x"] * 1000], seconds=1)
    with pytest.raises(TimeoutError, match="too long"):
        read_answer(connection, BOUNDS, lambda: connection.moment).read()
    stream = Slow([OK + b"\r\n", *[b"x"] * 1000], seconds=1)
    with pytest.raises(TimeoutError, match="too slowly"):
        read_answer(stream, BOUNDS, lambda: stream.moment).read(1000)
    assert stream.moment < 30
    headers = Slow([OK, *[b"x"] * 1000], seconds=1)
    with pytest.raises(TimeoutError, match="too long"):
        read_answer(headers, BOUNDS, lambda: headers.moment)


def test_engine_may_think_before_it_sends() -> None:
    connection = Slow([OK + b"\r\n", *[b"x" * 100] * 10], seconds=9)
    assert len(read_answer(connection, BOUNDS, lambda: connection.moment).read(1000)) == 1000
