"""The transport against a real server: what comes over a connection, and what a missing answer is called."""

import gzip
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.common.errors import PackageIndexError
from lockml.index.http.client import LARGE, HttpClient
from lockml.index.http.response import TransportError
from lockml.index.http.transport import NetworkTransport, parse_address, parse_any_address
from tests.made.indexes import Served
from tests.made.servers import serve, serve_raw

pytestmark = pytest.mark.loopback


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def url(served: Served) -> Iterator[str]:
    with serve(served) as url:
        yield url.removesuffix("simple/")


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(pause=0)
    yield client
    client.close()


def packed(content: bytes, coding: str = "gzip", status: int = 200) -> httpx.Response:
    answer = httpx.Response(status, content=content, headers={"x-kind": "Page"})
    answer.headers["Content-Encoding"] = coding  # told once the content is there, so that it stays as it is
    return answer


def test_compressed_body_arrives_as_it_was(served: Served, url: str, client: HttpClient) -> None:
    content = b"text" * 1000
    served.answers["/a"] = lambda _: packed(gzip.compress(content))
    served.answers["/same"] = lambda _: packed(b"", status=304)
    answer = client.get(f"{url}a")
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (200, content, "Page")
    same = client.get(f"{url}same")
    assert (same.status, same.body) == (304, b"")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (packed(gzip.compress(b"text" * 1000)[:-9]), "it ends too early"),
        (packed(b"no gzip at all"), "it cannot be unpacked"),
        (packed(b"text", "br"), "it is packed as 'br', which was not asked for"),
    ],
    ids=["cut", "not-gzip", "another-coding"],
)
def test_body_that_cannot_be_unpacked_is_told(
    served: Served, url: str, client: HttpClient, answer: httpx.Response, told: str
) -> None:
    served.answers["/a"] = lambda _: answer
    with pytest.raises(PackageIndexError, match=told):
        client.get(f"{url}a")


class Kept:
    """Keeps what is downloaded."""

    content = b""

    def begin(self, _: Mapping[str, str]) -> None:
        self.content = b""

    def write(self, chunk: bytes) -> None:
        self.content += chunk


def test_file_that_calls_itself_packed_arrives_as_it_is(served: Served, url: str, client: HttpClient) -> None:
    """As some servers call source archives, also where nothing packed was asked for."""
    content = gzip.compress(b"an archive")
    for coding in ("gzip", "x-gzip"):
        served.answers["/a.tar.gz"] = lambda _, coding=coding: packed(content, coding)  # type: ignore[misc]
        sink = Kept()
        client.download(f"{url}a.tar.gz", sink)
        assert sink.content == content
    served.answers["/a"] = lambda _: packed(b"text", "aws-chunked")
    assert client.get(f"{url}a").body == b"text"


def test_connections_are_kept_to_each_origin(served: Served, url: str) -> None:
    transport = NetworkTransport(ssl.create_default_context, connections=1)
    served.answers["/a"] = lambda _: httpx.Response(200, content=b"a")
    for place in (url, url.replace("127.0.0.1", "localhost"), url):
        with transport.open("GET", f"{place}a", {}) as answer:
            assert b"".join(answer.chunks) == b"a"
    assert transport.idle == 2
    transport.close()


def test_connections_are_kept_and_used_again(served: Served, url: str) -> None:
    transport = NetworkTransport(ssl.create_default_context, connections=2)
    served.answers["/a"] = lambda _: httpx.Response(200, content=b"a")
    with transport.open("GET", f"{url}a", {}) as one, transport.open("GET", f"{url}a", {}) as two:
        assert [b"".join(one.chunks), b"".join(two.chunks)] == [b"a", b"a"]
        with transport.open("GET", f"{url}a", {}) as three:
            assert b"".join(three.chunks) == b"a"
    assert transport.idle == 2
    with transport.open("GET", f"{url}a", {}) as again:
        assert transport.idle == 1
        assert b"".join(again.chunks) == b"a"
    transport.close()
    assert transport.idle == 0


def test_ranges_head_and_redirects_go_over_kept_connections(served: Served, url: str, client: HttpClient) -> None:
    served.file("pkg", "pkg.bin", b"0123456789")
    served.answers["/old"] = lambda _: httpx.Response(302, headers={"location": "/files/pkg.bin"})
    assert client.size(f"{url}files/pkg.bin") == 10
    ranged = client.get(f"{url}old", {"Range": "bytes=2-4", "Accept-Encoding": "identity"})
    assert (ranged.status, ranged.body, ranged.url) == (206, b"234", f"{url}files/pkg.bin")
    sink = Kept()
    client.download(f"{url}files/pkg.bin", sink)
    assert sink.content == b"0123456789"


def test_answer_that_is_not_read_spoils_no_connection(served: Served, url: str, client: HttpClient) -> None:
    answers = [httpx.Response(503, content=b"x" * 300_000) for _ in range(3)]
    served.answers["/a"] = lambda _: answers.pop() if answers else httpx.Response(200, content=b"at last")
    assert client.get(f"{url}a").body == b"at last"
    assert client.get(f"{url}none").status == 404
    assert client.get(f"{url}a").body == b"at last"


def test_redirects_that_do_not_end_are_refused(served: Served, url: str, client: HttpClient) -> None:
    served.answers["/a"] = lambda _: httpx.Response(302, headers={"location": "/a"})
    with pytest.raises(PackageIndexError, match="redirects more than 10 times"):
        client.get(f"{url}a")


def test_server_that_is_not_there_is_told_with_its_reason(client: HttpClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(PackageIndexError, match=r"no answer .*[Rr]efused"):
        client.get(f"http://127.0.0.1:{port}/a")


def test_proxy_of_the_environment_is_asked_with_its_login(
    served: Served, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), request.headers.get("proxy-authorization")))
        return httpx.Response(200, content=b"by the proxy")

    served.answer = answer  # type: ignore[method-assign]
    monkeypatch.setenv("http_proxy", url.replace("://", "://me:s%40cret@"))
    monkeypatch.setenv("no_proxy", "inside.example")
    client = HttpClient(pause=0)
    assert client.get("http://index.example/a").body == b"by the proxy"
    assert "index.example/a" in seen[0][0]
    assert seen[0][1] == "Basic bWU6c0BjcmV0"
    client.close()


@pytest.mark.parametrize("nothing", ["*", "inside.example, *", "127.0.0.1"])
def test_what_no_proxy_names_is_asked_itself(
    served: Served, url: str, nothing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:1")
    monkeypatch.setenv("no_proxy", nothing)
    served.answers["/a"] = lambda _: httpx.Response(200, content=b"a")
    client = HttpClient(pause=0)
    assert client.get(f"{url}a").body == b"a"
    client.close()


@pytest.mark.parametrize("proxy", ["socks5://me:s3cret@proxy.example:1080", "http://me:s3cret@proxy.example:port"])
def test_proxy_that_cannot_be_used_is_told(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    client = HttpClient(pause=0)
    with pytest.raises(PackageIndexError, match="the proxy cannot be used") as caught:
        client.get("http://index.example/a")
    assert "s3cret" not in str(caught.value)
    client.close()


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")  # whose end is that of the connection
    while True:
        connection.sendall(b" ")
        time.sleep(0.1)


def drip_hints(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        time.sleep(0.1)


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


@pytest.mark.parametrize("speak", [drip_body, drip_hints, drip_headers])
def test_answer_that_drips_is_ended(speak: Callable[[socket.socket], None]) -> None:
    """The timeout of a socket begins again with each byte."""
    transport = NetworkTransport(ssl.create_default_context, connections=1, grace=1)
    began = time.monotonic()
    with serve_raw(speak) as url, pytest.raises(TransportError), transport.open("GET", url, {}) as answer:
        b"".join(answer.chunks)
    assert time.monotonic() - began < 5
    transport.close()


def test_slow_reader_is_no_slow_server(served: Served, url: str) -> None:
    transport = NetworkTransport(ssl.create_default_context, connections=1, grace=1)
    served.answers["/a"] = lambda _: httpx.Response(200, content=b"a" * 100_000)
    with transport.open("GET", f"{url}a", {}) as answer:
        time.sleep(2)
        assert sum(map(len, answer.chunks)) == 100_000
    transport.close()


def test_page_that_unpacks_to_more_than_a_page_can_be_is_refused(served: Served, url: str, client: HttpClient) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(101)) + packer.flush()
    served.answers["/a"] = lambda _: packed(bomb)
    with pytest.raises(PackageIndexError, match="sent more than 104857600 bytes"):
        client.get(f"{url}a")


def test_few_threads_hold_a_large_answer_at_once(served: Served, url: str) -> None:
    """So that fifty connections do not take fifty times a hundred megabytes."""
    client = HttpClient(pause=0)
    large = b" " * (LARGE + 1)
    served.answers["/large"] = lambda _: httpx.Response(200, content=large)
    held, most = [0], [0]
    lock = threading.Lock()

    def hold(_: int) -> None:
        answer = client.get(f"{url}large")
        with lock:
            held[0] += 1
            most[0] = max(most[0], held[0])
        time.sleep(0.05)
        assert len(answer.body) == len(large)
        with lock:
            held[0] -= 1
        client.release()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(hold, range(12)))
    assert 1 <= most[0] <= 4
    client.close()


def test_headers_that_are_not_ascii_are_read(url: str, client: HttpClient) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "\xe9\xff"\r\nContent-Length: 2\r\n\r\nok')

    with serve_raw(speak) as place:
        assert client.get(place).body == b"ok"
    with pytest.raises(PackageIndexError, match="the request is invalid"):
        client.get(f"{url}a", {"If-None-Match": '"\xe9\u2028"'})


URLS = st.builds(
    "{}://{}{}/{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["files.example", "Files.example", "bücher.example", "127.0.0.1", "[::1]", "a-b.example", "x_y"]),
    st.sampled_from(["", ":80", ":443", ":8080", ":65535", ":080"]),
    st.text("az09AZ-._~!$&'()*+,;=:@/%2Fé? \"<>{}|^`\\[]", max_size=12),
)


@given(URLS)
def test_plain_address_is_read_as_any_other_is(url: str) -> None:
    try:
        expected = parse_any_address(url)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            parse_address(url)
    else:
        assert parse_address(url) == expected
