"""Logins from addresses, netrc and keyring, and certificates: what a server sees, and what nobody else does."""

import base64
import os
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import trustme

from lockml.common.errors import PackageIndexError
from lockml.index.http.client import HttpClient
from lockml.index.http.credentials import Logins
from tests.made.transport import MadeTransport


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a PATH of this test's own, so that no login of this machine counts."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path


def keyring(home: Path, *, service: str, answer: str) -> None:
    """Put a keyring program on the PATH that knows *service* and writes down how it was called."""
    program = home / "bin" / "keyring"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {home}/calls\ncase "$*" in *"get {service}") printf "{answer}";; *) exit 1;; esac\n'
    )
    program.chmod(0o755)


def guarded(request: httpx.Request) -> httpx.Response:
    wanted = "Basic " + base64.b64encode(b"robot:s3cret").decode()
    return httpx.Response(200 if request.headers.get("authorization") == wanted else 401)


@pytest.mark.process
def test_keyring_is_asked_where_a_server_refuses_and_then_no_more(home: Path) -> None:
    keyring(home, service="https://index.example", answer="robot\\ns3cret\\n")
    client = HttpClient(transport=MadeTransport(guarded), pause=0)
    assert client.get("https://index.example/simple/a/").status == 200
    assert client.get("https://index.example/simple/b/").status == 200
    assert (home / "calls").read_text().splitlines() == [
        "--mode creds get https://index.example/simple/a/",
        "--mode creds get https://index.example",
    ]


@pytest.mark.process
def test_keyring_is_asked_for_the_password_of_a_user_in_the_address(home: Path) -> None:
    keyring(home, service="index.example robot", answer="s3cret\\n")
    client = HttpClient(transport=MadeTransport(guarded), pause=0)
    assert client.get("https://robot@index.example/simple/a/").status == 200


def test_server_that_asks_for_no_login_costs_no_keyring(home: Path) -> None:
    keyring(home, service="index.example", answer="robot\\ns3cret\\n")
    HttpClient(transport=MadeTransport(lambda _: httpx.Response(200))).get("https://index.example/a")
    assert not (home / "calls").exists()


@pytest.mark.process
@pytest.mark.parametrize("answer", ["", "only one line\\n"])
def test_keyring_that_knows_nothing_leaves_the_refusal(home: Path, answer: str) -> None:
    keyring(home, service="index.example", answer=answer)
    client = HttpClient(transport=MadeTransport(guarded), pause=0)
    assert client.get("https://index.example/a").status == 401


def test_login_of_the_address_comes_before_that_of_netrc(home: Path) -> None:
    (home / ".netrc").write_text("machine index.example login robot password other\n")
    logins = Logins()
    assert logins.find("https://index.example/a") == ("robot", "other")
    assert logins.find("https://me%40x:s%2Fcret@index.example/a") == ("me@x", "s/cret")
    assert logins.find("https://index.example/b") == ("robot", "other")
    logins.know("https://me%40x:s%2Fcret@index.example/simple/")
    assert logins.find("https://index.example/b") == ("me@x", "s/cret")
    assert logins.find("https://other.example/b") is None


def test_server_may_ask_to_wait_before_the_next_attempt() -> None:
    answers = [httpx.Response(429, headers={"retry-after": "0"}), httpx.Response(200)]
    client = HttpClient(transport=MadeTransport(lambda _: answers.pop(0)), pause=0)
    assert client.get("https://index.example/a").status == 200


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[str]:
    """A server that talks only to clients with a certificate of *authority*."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{http.server_port}/simple/"
    http.shutdown()
    http.server_close()


@pytest.mark.loopback
def test_client_certificate_is_shown_and_the_given_authority_is_trusted(
    authority: trustme.CA, server: str, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    authority.issue_cert("robot@x.example").private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    known = HttpClient(certificates=tmp_path / "authority.pem", client_certificate=tmp_path / "client.pem", pause=0)
    assert known.get(server).status == 200
    for client in (HttpClient(certificates=tmp_path / "authority.pem", pause=0), HttpClient(pause=0)):
        with pytest.raises(PackageIndexError, match="no answer"):
            client.get(server)


def test_client_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_text("no certificate")
    for path in (tmp_path / "client.pem", tmp_path / "none.pem"):
        with pytest.raises(PackageIndexError, match="cannot be read as a client certificate"):
            HttpClient(client_certificate=path)
