"""Connections that are made ahead of need: what takes them, and what does not."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpcore
import httpx
import pytest
import trustme

from lockml.index.http.dialer import Dialer
from lockml.index.http.response import TransportError
from lockml.index.http.transport import NetworkTransport
from tests.made.indexes import Served
from tests.made.servers import serve

pytestmark = pytest.mark.loopback


class Listener:
    """Counts who connects, and keeps the connections."""

    def __init__(self) -> None:
        self.accepted: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, count: int) -> None:
        """Wait until *count* have connected, for ten seconds at most."""
        end = time.monotonic() + 10
        while len(self.accepted) < count:
            assert time.monotonic() < end, f"{len(self.accepted)} of {count} connected"
            time.sleep(0.01)

    def close(self) -> None:
        """Hear nobody any more."""
        self._socket.close()
        for connection in self.accepted:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                self.accepted.append(self._socket.accept()[0])
            except OSError:
                return


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def dialed(listener: Listener, dialer: Dialer, count: int) -> None:
    dialer.dial_ahead("127.0.0.1", listener.port, None)
    listener.wait_for(count)
    end = time.monotonic() + 10
    while dialer.ready < count:  # accepted by the one is not yet kept by the other
        assert time.monotonic() < end
        time.sleep(0.01)


def test_connection_that_is_ready_is_taken(listener: Listener) -> None:
    dialer = Dialer(most=4, timeout=5)
    dialed(listener, dialer, 4)
    stream = dialer.connect_tcp("127.0.0.1", listener.port)
    assert (len(listener.accepted), dialer.ready) == (4, 3)
    ports = {connection.getpeername()[1] for connection in listener.accepted}
    assert stream.get_extra_info("client_addr")[1] in ports
    dialer.close()
    assert dialer.ready == 0


def test_no_more_are_made_ahead_than_may_be(listener: Listener) -> None:
    dialer = Dialer(most=2, timeout=5)
    for _ in range(3):
        dialed(listener, dialer, 2)
    time.sleep(0.1)
    assert len(listener.accepted) == 2
    dialer.close()


def test_connection_that_the_server_ended_is_not_taken(listener: Listener) -> None:
    dialer = Dialer(most=1, timeout=5)
    dialed(listener, dialer, 1)
    listener.accepted[0].close()
    time.sleep(0.1)
    stream = dialer.connect_tcp("127.0.0.1", listener.port)
    listener.wait_for(2)
    assert stream.get_extra_info("client_addr") == listener.accepted[1].getpeername()
    dialer.close()


def test_server_that_is_not_there_is_told_when_it_is_needed() -> None:
    dialer = Dialer(most=4, timeout=5)
    with socket.socket() as taken:  # and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        dialer.dial_ahead("127.0.0.1", port, None)
        with pytest.raises(httpcore.ConnectError):
            dialer.connect_tcp("127.0.0.1", port)
    dialer.close()


def test_answers_come_over_connections_that_were_ready() -> None:
    served = Served()
    served.answers["/a"] = lambda _: httpx.Response(200, content=b"a")
    transport = NetworkTransport(ssl.create_default_context, connections=8)
    with serve(served) as url:
        place = url.removesuffix("simple/")
        for _ in range(3):
            with transport.open("GET", f"{place}a", {}) as one, transport.open("GET", f"{place}a", {}) as two:
                assert [b"".join(one.chunks), b"".join(two.chunks)] == [b"a", b"a"]
        assert transport.idle == 2
        transport.close()


def test_request_without_tls_does_not_go_over_a_connection_that_has_it() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    transport = NetworkTransport(lambda: ours, connections=8)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.socket = theirs.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"localhost:{server.server_port}"
    with transport.open("GET", f"https://{place}/a", {}) as answer:
        assert b"".join(answer.chunks) == b"a"
    time.sleep(0.2)  # connections are ready by now
    with pytest.raises(TransportError), transport.open("GET", f"http://{place}/a", {}) as answer:
        b"".join(answer.chunks)
    transport.close()
    server.shutdown()
    server.server_close()


class Answering(BaseHTTPRequestHandler):
    """Answers every GET with "a"."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"a")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_tls_that_the_server_ended_is_not_taken() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    dialer = Dialer(most=1, timeout=5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        port = listening.getsockname()[1]
        dialer.dial_ahead("localhost", port, ours)
        theirs.wrap_socket(listening.accept()[0], server_side=True).close()
        end = time.monotonic() + 10
        while dialer.ready < 1:
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(0.1)
        stream = dialer.connect_tcp("localhost", port, timeout=5)
        with listening.accept()[0] as another:
            assert stream.get_extra_info("client_addr") == another.getpeername()
        stream.close()
    dialer.close()


def test_tls_is_started_ahead_for_the_host_that_is_named() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    dialer = Dialer(most=1, timeout=5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        port = listening.getsockname()[1]
        dialer.dial_ahead("localhost", port, ours)
        connection = theirs.wrap_socket(listening.accept()[0], server_side=True)
        end = time.monotonic() + 10
        while dialer.ready < 1:
            assert time.monotonic() < end
            time.sleep(0.01)
        stream = dialer.connect_tcp("localhost", port, timeout=5).start_tls(ours, "localhost", timeout=5)
        stream.write(b"asked")
        assert connection.recv(5) == b"asked"
        stream.close()
        connection.close()
    dialer.close()
