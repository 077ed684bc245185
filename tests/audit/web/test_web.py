"""Who is let in, and what every answer carries."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lockml.audit.store.store import Store
from lockml.audit.web.app import build_app
from lockml.audit.web.login import LIFETIME
from lockml.audit.web.security import is_loopback
from tests.audit.made import make_result
from tests.audit.seeded import CONTROL, HOSTILE, seed
from tests.cli.process import run_lockml
from tests.made.uv_locks import uv_lock

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef"
PAGES = ("/", "/targets/ranker", "/runs/1", "/runs/1/diff/9", "/search?q=numpy", "/search", "/targets/never")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = seed("sqlite:///audit.db", tmp_path_factory.mktemp("web"))
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(build_app(store), follow_redirects=False)


@pytest.fixture
def guarded(store: Store) -> TestClient:
    return TestClient(build_app(store, token=TOKEN), follow_redirects=False)


@pytest.mark.parametrize("path", [*PAGES, "/api/targets", "/metrics", "/static/lockml.css", "/nosuch"])
def test_every_answer_forbids_what_no_page_needs(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_locks_of_other_tools_are_compared_too(tmp_path: Path) -> None:
    store = Store("sqlite:///audit.db", tmp_path)
    for hour, version in enumerate(("1.16.0", "1.17.0")):
        lock = uv_lock({("six", version): "a" * 64})
        store.runs.record(make_result(hours=hour, lock_text=lock), lambda *_: ())
    page = TestClient(build_app(store)).get("/runs/2/diff/1").text
    store.close()
    assert "cannot be read" not in page
    assert "1.17.0" in page


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_elsewhere_and_have_nothing_inline(client: TestClient, path: str) -> None:
    page = client.get(path).text
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", page)
    assert not re.search(r"<style|style=|<script(?! src=)| on[a-z]+=", page)
    assert HOSTILE not in page


def test_hostile_names_are_text_and_nothing_else(client: TestClient) -> None:
    (target,) = client.get("/api/targets", params={"q": "odd/"}).json()["targets"]
    page = client.get(f"/targets/{target['name']}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert r"evil\x1b[2J\u202egnp" in page
    assert CONTROL not in page


@pytest.mark.parametrize(
    "path", ["/targets/nosuch", "/runs/0", "/runs/x", "/runs/99999999999999999999", "/runs/1/diff/x"]
)
def test_what_is_not_there_is_told_as_a_page(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, "Back to the fleet" in answer.text) == (404, True)


def test_without_the_token_pages_lead_to_the_login_and_the_api_refuses(guarded: TestClient) -> None:
    page = guarded.get("/targets/ranker")
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2Ftargets%2Franker")
    for path in ("/api/targets", "/metrics"):
        refused = guarded.get(path)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert guarded.get("/api/targets", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert guarded.get("/api/targets", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.get("/healthz").status_code == 200


@pytest.mark.parametrize("host", ["x/login?", "x/static/?", "x/login#", "x/healthz?"])
def test_name_of_the_host_opens_no_door(guarded: TestClient, host: str) -> None:
    """What a Host header makes of the address must not decide what is asked for."""
    assert guarded.get("/api/summary", headers={"Host": host}).status_code == 401
    assert guarded.get("/metrics", headers={"Host": host}).status_code == 401


def test_login_leads_back_to_what_was_asked_for(guarded: TestClient) -> None:
    assert guarded.get("/?state=drift").headers["location"] == "/login?next=%2F%3Fstate%3Ddrift"


def test_login_keeps_a_cookie_that_is_not_the_token(guarded: TestClient) -> None:
    wrong = guarded.post("/login", data={"token": "wrong"})
    assert (wrong.status_code, wrong.headers.get("set-cookie")) == (403, None)
    right = guarded.post("/login", data={"token": TOKEN, "next": "/targets/ranker"})
    cookie = right.headers["set-cookie"]
    assert (right.status_code, right.headers["location"]) == (303, "/targets/ranker")
    assert TOKEN not in cookie
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert guarded.get("/").status_code == 200


def test_session_ends_when_its_time_is_over(store: Store) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    client = TestClient(build_app(store, token=TOKEN, clock=lambda: now[0]), follow_redirects=False)
    cookie = client.post("/login", data={"token": TOKEN}).headers["set-cookie"]
    assert f"max-age={int(LIFETIME.total_seconds())}" in cookie.lower()
    key = client.cookies["lockml"]
    now[0] += LIFETIME - timedelta(seconds=1)
    assert client.get("/", headers={"Cookie": f"lockml={key}"}).status_code == 200
    now[0] += timedelta(seconds=1)
    assert client.get("/", headers={"Cookie": f"lockml={key}"}).status_code == 303


def test_log_out_ends_the_session_on_the_server_too(guarded: TestClient) -> None:
    guarded.post("/login", data={"token": TOKEN})
    key = guarded.cookies["lockml"]
    assert "Log out" in guarded.get("/").text
    left = guarded.post("/logout")
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert "lockml" not in guarded.cookies
    assert guarded.get("/", headers={"Cookie": f"lockml={key}"}).status_code == 303


def test_each_login_has_a_session_of_its_own(guarded: TestClient) -> None:
    keys = []
    for _ in range(2):
        guarded.post("/login", data={"token": TOKEN})
        keys.append(guarded.cookies["lockml"])
        guarded.cookies.clear()
    guarded.post("/logout", headers={"Cookie": f"lockml={keys[0]}"})
    statuses = [guarded.get("/", headers={"Cookie": f"lockml={key}"}).status_code for key in keys]
    assert statuses == [303, 200]


@pytest.mark.parametrize("key", ["", "0" * 64, "\x80"])
def test_made_up_session_opens_nothing(guarded: TestClient, key: str) -> None:
    assert guarded.get("/", headers={b"Cookie": f"lockml={key}".encode("latin-1")}).status_code == 303


def test_pages_without_a_token_show_no_log_out(client: TestClient) -> None:
    assert "Log out" not in client.get("/").text


def test_login_is_refused_after_many_wrong_tokens_until_time_has_passed(store: Store) -> None:
    """The right token too: who may go on guessing would learn of it."""
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    client = TestClient(build_app(store, token=TOKEN, clock=lambda: now[0]), follow_redirects=False)
    statuses = [client.post("/login", data={"token": "wrong"}).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    refused = client.post("/login", data={"token": TOKEN})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "301")
    assert "Too many wrong tokens" in refused.text
    now[0] += timedelta(minutes=5)
    assert client.post("/login", data={"token": TOKEN}).status_code == 303


def test_wrong_bearer_tokens_are_limited_and_keep_no_person_out(guarded: TestClient) -> None:
    wrong = {"Authorization": "Bearer wrong"}
    statuses = [guarded.get("/api/targets", headers=wrong).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert guarded.get("/api/targets", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 429
    assert guarded.post("/login", data={"token": TOKEN}).status_code == 303
    assert guarded.get("/api/targets").status_code == 200


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_login_leads_to_no_other_site(guarded: TestClient, place: str) -> None:
    answer = guarded.post("/login", data={"token": TOKEN, "next": place})
    assert answer.headers["location"] == "/"


def test_login_takes_no_more_than_a_token(guarded: TestClient) -> None:
    assert guarded.post("/login", content=b"token=" + b"x" * 100_000).status_code == 413


def test_pages_are_served_under_names_of_this_machine_alone(store: Store) -> None:
    """A page of another site that gets its name to mean this machine (DNS rebinding) is told nothing."""
    client = TestClient(build_app(store, hosts={"localhost", "127.0.0.1"}))
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
    assert client.get("/", headers={"Host": "localhost:8765"}).status_code == 200
    assert client.get("/", headers={"Host": "127.0.0.1"}).status_code == 200


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("127.evil", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(address: str, loopback: bool) -> None:
    assert is_loopback(address) == loopback


@pytest.mark.process
def test_serve_refuses_to_let_others_in_without_a_token(tmp_path: Path) -> None:
    (tmp_path / "lockml.toml").write_text("[audit]\n")
    outcome = run_lockml("audit", "serve", "--bind", "0.0.0.0", folder=tmp_path)
    assert (outcome.code, "no token is set" in outcome.err) == (2, True)
    short = run_lockml("audit", "serve", folder=tmp_path, variables={"LOCKML_TOKEN": "short"})
    assert (short.code, "16 printable" in short.err) == (2, True)


def test_whole_pages_are_readable_by_address(client: TestClient) -> None:
    page = client.get("/", params={"q": "trainer", "state": "drift"}).text
    assert page.count('<a class="name" href="/targets/') == 1
    labelled = client.get("/", params={"label": "stage=production"}).text
    assert labelled.count('<a class="name" href="/targets/') == 3
    older = client.get("/targets/ranker?before=100").text
    assert "/runs/99" not in older or "ranker" in older
    assert client.get("/targets/ranker?before=x").status_code == 400
