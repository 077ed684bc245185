import base64
from pathlib import Path

import httpx
import pytest

from lockml.common.errors import PackageIndexError
from lockml.index.http.client import HttpClient
from lockml.index.http.response import LongAnswerError
from tests.made.transport import MadeTransport


def client(*answers: httpx.Response | Exception) -> tuple[HttpClient, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = waiting.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return HttpClient(transport=MadeTransport(answer), pause=0), asked


def test_passing_faults_are_tried_again() -> None:
    http, asked = client(httpx.Response(503), httpx.ConnectError("reset"), httpx.Response(200, content=b"ok"))
    assert http.get("https://index.example/a").body == b"ok"
    assert len(asked) == 3


def test_fault_that_stays_is_an_unreachable_index() -> None:
    http, asked = client(*[httpx.ConnectError("refused")] * 4)
    with pytest.raises(PackageIndexError) as caught:
        http.get("https://user:secret@index.example/a")
    assert str(caught.value) == "https://index.example/a: no answer (refused)"
    assert caught.value.exit_code == 4
    assert len(asked) == 4


def test_statuses_of_the_clients_fault_are_answers() -> None:
    http, asked = client(httpx.Response(404))
    assert http.get("https://index.example/a").status == 404
    assert len(asked) == 1


def test_redirects_are_followed_and_told() -> None:
    http, _ = client(httpx.Response(302, headers={"location": "https://cdn.example/b"}), httpx.Response(200))
    assert http.get("https://index.example/a").url == "https://cdn.example/b"


@pytest.mark.parametrize("url", ["ftp://index.example/a", "https://", "no address", "https://index.example:port/"])
def test_address_that_is_none_is_refused_at_once(url: str) -> None:
    http = HttpClient(pause=0)
    with pytest.raises(PackageIndexError):
        http.get(url)


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (httpx.Response(200, headers={"content-length": "12"}), 12),
        (httpx.Response(405), None),
        (httpx.ConnectError("refused"), None),
    ],
)
def test_size_is_none_when_the_server_does_not_tell(answer: httpx.Response | Exception, size: int | None) -> None:
    http, _ = client(answer)
    assert http.size("https://index.example/a") == size


def logins(*urls: str, named: str = "") -> list[str | None]:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return (
            httpx.Response(302, headers={"location": "https://cdn.example/x"})
            if "away" in str(request.url)
            else (httpx.Response(200))
        )

    http = HttpClient(transport=MadeTransport(answer), pause=0)
    if named:
        http.know(named)
    for url in urls:
        http.get(url)
    return seen


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_login_of_an_address_serves_its_origin_and_no_other() -> None:
    """The files of an index stand on its host without the login of its pages."""
    login = basic("me", "s3cret/")
    assert logins(
        "https://me:s3cret%2F@index.example/simple/",
        "https://index.example/files/a",
        "https://index.example:8443/files/a",
        "http://index.example/files/a",
        "https://other.example/files/a",
        "https://INDEX.example:443/files/a",
        named="https://me:s3cret%2F@index.example/simple/",
    ) == [login, login, None, None, None, login]
    assert logins("https://me:s3cret%2F@index.example/away") == [login, None]


def test_login_comes_from_netrc_for_the_hosts_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine index.example login me password p\ndefault login any password q\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    found = logins("https://index.example/a", "https://x:y@index.example/a", "https://other.example/a")
    assert found == [basic("me", "p"), basic("x", "y"), None]


def test_netrc_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine index.example\nlogin me password first hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(PackageIndexError, match=r"netrc:\d+: cannot be read as a netrc file") as caught:
        HttpClient()
    assert "hunter2" not in str(caught.value)


def test_authorities_that_are_not_there_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PackageIndexError, match="there is no such file"):
        HttpClient(certificates=tmp_path / "none.pem")


def test_login_in_a_redirect_serves_that_address_alone() -> None:
    """A server must not decide what another is told of the user."""
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((str(request.url), request.headers.get("authorization")))
        moved = {"location": "https://mallory:fixed@cdn.example/a"}
        return httpx.Response(302, headers=moved) if request.url.host == "index.example" else httpx.Response(200)

    http = HttpClient(transport=MadeTransport(answer), pause=0)
    assert http.get("https://index.example/a").status == 200
    http.get("https://cdn.example/b")
    assert seen[1:] == [("https://cdn.example/a", basic("mallory", "fixed")), ("https://cdn.example/b", None)]


@pytest.mark.parametrize("hosts", [(), ("other.example", "cdn.example:8080")])
def test_redirect_from_https_to_http_is_refused(hosts: tuple[str, ...]) -> None:
    moved = httpx.Response(302, headers={"location": "http://cdn.example/b"})
    http = HttpClient(transport=MadeTransport(lambda _: moved), pause=0, insecure_hosts=hosts)
    with pytest.raises(PackageIndexError, match=r"redirects to http://cdn\.example/b, which is not secured") as caught:
        http.get("https://index.example/a")
    assert str(caught.value.hint) == "if that is intended, use --allow-insecure-host cdn.example"


@pytest.mark.parametrize("host", ["CDN.example", "cdn.example:80"])
def test_redirect_from_https_to_http_is_followed_where_the_user_allows_its_host(host: str) -> None:
    answers = [httpx.Response(302, headers={"location": "http://cdn.example/b"}), httpx.Response(200)]
    http = HttpClient(transport=MadeTransport(lambda _: answers.pop(0)), pause=0, insecure_hosts=(host,))
    assert http.get("https://index.example/a").url == "http://cdn.example/b"


@pytest.mark.parametrize("location", ["http://[::1", "http://x:port/", "http://\u00e9..\u00ad/", "file:///etc/passwd"])
def test_redirect_to_no_address_is_the_servers_fault(location: str) -> None:
    moved = httpx.Response(302, headers=[(b"location", location.encode())])
    http = HttpClient(transport=MadeTransport(lambda request: moved if "index" in request.url.host else refuse()))
    with pytest.raises(PackageIndexError):
        http.get("https://index.example/a")


def refuse() -> httpx.Response:
    raise httpx.UnsupportedProtocol("no such host")


@pytest.mark.parametrize("after", ["\u00b2", "-5", "soon", "1" * 5000 + "x"])
def test_pause_that_is_no_number_of_seconds_is_none(after: str) -> None:
    answers = [httpx.Response(503, headers=[(b"retry-after", after.encode())]), httpx.Response(200)]
    http = HttpClient(transport=MadeTransport(lambda _: answers.pop(0)), pause=0)
    assert http.get("https://index.example/a").status == 200


def test_answer_of_more_than_the_limit_is_refused() -> None:
    http, _ = client(httpx.Response(200, content=b"12345"), httpx.Response(200, content=b"1234"))
    with pytest.raises(LongAnswerError, match="sent more than 4 bytes"):
        http.get("https://index.example/a", limit=4)
    assert http.get("https://index.example/a", limit=4).body == b"1234"
