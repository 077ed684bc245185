"""Acknowledging, undoing that and asking for a run, by the forms of the pages: by whom, and by no other site."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lockml.audit.config.model import Actions
from lockml.audit.findings import group_of
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from lockml.audit.web.app import build_app
from tests.audit.made import NOON, SetClock, make_finding, make_result, make_target

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NUMPY = make_finding("numpy", fix="pip install numpy==1")
LATER = make_finding("pandas", kind="yanked", severity="warning", locked="2.0", found=None)
FORM = {"kind": "version", "package": "numpy", "locked": "1", "found": "2", "target": "here"}
KNOWN = {**FORM, "reason": "known since Monday", "until": "2026-12-01", "next": "/targets/here"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store("sqlite:///a.db", tmp_path)
    store.targets.put([make_target()], NOON)
    store.runs.record(make_result(NUMPY, LATER), lambda *_: ())
    yield store
    store.close()


def client_of(store: Store, actions: Actions = "anyone", **options: Any) -> TestClient:
    """Return somebody who looks at the pages a minute after noon."""
    clock = SetClock(NOON + timedelta(minutes=1))
    return TestClient(build_app(store, actions=lambda: actions, clock=clock, **options), follow_redirects=False)


def token_of(client: TestClient, page: str = "/targets/here") -> dict[str, str]:
    """Return the hidden field that the forms of a page have."""
    found = re.search(r'name="form" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return {"form": found[1]}


def test_acknowledged_group_is_shown_apart_with_its_reason_and_can_be_undone(store: Store) -> None:
    client = client_of(store)
    done = client.post("/actions/acknowledge", data={**KNOWN, **token_of(client)})
    assert (done.status_code, done.headers["location"]) == (303, "/targets/here")
    page = client.get("/targets/here").text
    before, _, after = page.partition("<h2>Acknowledged</h2>")
    assert "numpy" not in before.partition("<h2>Open findings")[2].partition("pandas")[0]
    assert "known since Monday" in after
    assert "s-in-order" in page.partition("<h2>")[0], "its only error does not count"
    assert client.get("/api/targets/here").json()["state"] == "in-order"
    assert client.get("/api/summary").json()["states"] == {"in-order": 1}
    assert 'lockml_target_state{state="in-order",target="here"} 1.0' in client.get("/metrics").text
    (rule,) = client.get("/api/acknowledgements").json()["acknowledgements"]
    assert (rule["holds"], rule["until"], rule["reason"]) == (True, "2026-12-02T00:00:00Z", "known since Monday")
    undone = client.post("/actions/undo", data={"number": str(rule["id"]), "next": "/", **token_of(client)})
    assert undone.status_code == 303
    assert client.get("/api/summary").json()["states"] == {"drift": 1}
    again = client.post("/actions/undo", data={"number": str(rule["id"]), **token_of(client)})
    assert again.status_code == 404


def fields_of(page: str, group: str) -> dict[str, str]:
    """Return the hidden fields of the form of *group* on *page*."""
    forms = re.findall(r'<form method="post" action="/actions/acknowledge">(.*?)</form>', page, re.DOTALL)
    (form,) = (each for each in forms if f'name="package" value="{group}"' in each)
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))


@pytest.mark.parametrize("page", ["/targets/here", "/findings", "/findings?target=here&severity=error"])
def test_form_is_about_what_its_page_shows(store: Store, page: str) -> None:
    """What another run found meanwhile, of the same package and version, nobody has seen."""
    client = client_of(store)
    form = {**fields_of(client.get(page).text, "numpy"), "reason": "known", "until": "2026-12-01"}
    unseen = make_finding("numpy", environment="/other")
    store.runs.record(make_result(NUMPY, unseen, LATER, hours=0.01), lambda *_: ())
    assert client.post("/actions/acknowledge", data=form).status_code == 303
    held = {row.finding.environment for row in store.history.findings() if row.acknowledged}
    assert held == {""}
    assert client.get("/api/targets/here").json()["state"] == "drift"


@pytest.mark.parametrize(
    "fields", [{"newest": "soon"}, {"count": "-1"}, {"severity": "fatal"}, {"oldest": "9999-99-99"}]
)
def test_form_that_says_no_moment_count_or_severity_is_refused(store: Store, fields: dict[str, str]) -> None:
    client = client_of(store)
    assert client.post("/actions/acknowledge", data={**KNOWN, **token_of(client), **fields}).status_code == 400


def test_run_that_is_asked_for_waits_until_there_is_one(store: Store) -> None:
    client = client_of(store)
    form = {"target": "here", "next": "/targets/here", **token_of(client)}
    assert client.post("/actions/run", data=form).status_code == 303
    assert "Run requested" in client.get("/targets/here").text
    assert store.requests.all(NOON) == {"here": NOON + timedelta(minutes=1)}
    store.runs.record(make_result(hours=1), lambda *_: ())
    assert "A run was asked for" not in client.get("/targets/here").text
    assert client.post("/actions/run", data={**form, "target": "nosuch"}).status_code == 404


@pytest.mark.parametrize("actions", ["login", "nobody"])
def test_pages_without_a_token_change_nothing_unless_the_fleet_says_so(store: Store, actions: Actions) -> None:
    client = client_of(store, actions)
    for page in ("/targets/here", "/findings", "/acknowledgements"):
        assert 'action="/actions/' not in client.get(page).text
    assert client.post("/actions/acknowledge", data=KNOWN).status_code == 403
    assert store.acknowledgements.all() == []


def test_whoever_logs_in_may_acknowledge_with_a_form_of_this_session_alone(store: Store) -> None:
    client = client_of(store, "login", token=TOKEN)
    assert client.post("/actions/acknowledge", data=KNOWN).headers["location"] == "/login?next=%2F"
    client.post("/login", data={"token": TOKEN})
    first = token_of(client)
    client.post("/logout")
    client.post("/login", data={"token": TOKEN})
    assert client.post("/actions/acknowledge", data={**KNOWN, **first}).status_code == 403
    assert client.post("/actions/acknowledge", data={**KNOWN, **token_of(client)}).status_code == 303


def test_program_with_the_bearer_token_needs_no_form(store: Store) -> None:
    client = client_of(store, "login", token=TOKEN)
    assert client.post("/actions/acknowledge", data=KNOWN, headers=BEARER).status_code == 303
    assert client_of(store, "nobody", token=TOKEN).post("/actions/run", data={}, headers=BEARER).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver.evil.example"},
    ],
)
def test_form_of_another_site_is_refused(store: Store, headers: dict[str, str]) -> None:
    client = client_of(store)
    form = {**KNOWN, **token_of(client)}
    assert client.post("/actions/acknowledge", data=form, headers=headers).status_code == 403
    assert client.post("/actions/acknowledge", data=KNOWN).status_code == 403, "it has no token"
    assert client.post("/actions/acknowledge", data={**KNOWN, "form": "0" * 64}).status_code == 403
    own = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/actions/acknowledge", data=form, headers=own).status_code == 303


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"reason": " "}, 400),
        ({"until": "soon"}, 400),
        ({"until": "2026-11-26"}, 400),
        ({"until": "2028-01-01"}, 400),
        ({"until": "9999-12-31"}, 400),
        ({"kind": "nope"}, 400),
        ({"package": "nosuch"}, 404),
        ({"found": "3"}, 404),
        ({"target": "nosuch"}, 404),
        ({"reason": "x" * 1001}, 400),
        ({"reason": "\0"}, 400),
        ({"x": "y" * 20_000}, 413),
        ({str(number): "" for number in range(30)}, 400),
    ],
)
def test_form_that_cannot_be_meant_so_changes_nothing(store: Store, changes: dict[str, str], status: int) -> None:
    client = client_of(store)
    answer = client.post("/actions/acknowledge", data={**KNOWN, **token_of(client), **changes})
    assert (answer.status_code, store.acknowledgements.all()) == (status, [])


def test_field_that_is_there_twice_is_refused(store: Store) -> None:
    client = client_of(store)
    body = "&".join(f"form={token}" for token in (token_of(client)["form"], "other"))
    assert client.post("/actions/run", content=body).status_code == 400
    assert client.post("/actions/run", content=b"\xff").status_code == 400
    assert client.post("/actions/run", content=b"form=%ff").status_code == 400


@pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", "/\\evil.example", "/x\r\nX: y"])
def test_form_leads_back_to_no_other_site(store: Store, place: str) -> None:
    client = client_of(store)
    answer = client.post("/actions/run", data={"target": "here", "next": place, **token_of(client)})
    assert answer.headers["location"] == "/"
    assert "x" not in answer.headers


@pytest.mark.parametrize("path", ["/actions/acknowledge", "/actions/undo", "/actions/run"])
def test_link_changes_nothing(store: Store, path: str) -> None:
    assert client_of(store).get(path).status_code == 405


def test_reason_is_text_and_nothing_else(store: Store) -> None:
    client = client_of(store)
    client.post("/actions/acknowledge", data={**KNOWN, **token_of(client), "reason": "<b>\u202eknown\n  twice</b>"})
    for page in ("/targets/here", "/acknowledgements", "/findings?show=acknowledged"):
        text = client.get(page).text
        assert r"&lt;b&gt;\u202eknown twice&lt;/b&gt;" in text, page
    until = NOON + timedelta(days=1)
    store.acknowledgements.add(FindingScope(group=group_of(LATER)), None, "other", NOON, until)
    assert "other" in client.get("/acknowledgements").text
