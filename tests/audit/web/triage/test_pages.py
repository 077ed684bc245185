"""What is open over the fleet and on a target, as the pages say it."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lockml.audit.findings import group_of
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.store import Store
from lockml.audit.web.app import build_app
from tests.audit.made import NOON, SetClock, make_finding, make_result, make_target

pytestmark = pytest.mark.slow

OLD = make_finding("urllib3", locked="1.26.4", found="1.23", fix="pip install urllib3==1.26.4")
NEW = make_finding("urllib3", locked="1.26.4", found="1.24")
SITE = "/opt/venv/lib/python3.11/site-packages"
FILES = [
    make_finding(
        f"m{number}.py",
        kind="unattributed-file",
        locked=None,
        found=f"sha256:{number:064}",
        path=f"{SITE}/left/m{number}.py",
        origin="layer 3",
        time="2026-11-27T03:12:04Z",
    )
    for number in range(37)
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store("sqlite:///a.db", tmp_path)
    store.targets.put([make_target(name=name) for name in ("a", "b", "c", "lost", "never")], NOON)
    for hours, (name, found) in enumerate({"a": [OLD, *FILES], "b": [OLD], "c": [NEW]}.items()):
        store.runs.record(make_result(*found, target=name, hours=hours), lambda *_: ())
    lost = make_result(target="lost", state="unreachable", error="no such container", report=None)
    store.runs.record(lost, lambda *_: ())
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(build_app(store, clock=SetClock(NOON + timedelta(hours=3))))


def words(client: TestClient, path: str) -> str:
    """Return what a page says, without its markup."""
    answer = client.get(path)
    assert answer.status_code == 200
    main = answer.text.partition("<main")[2].partition(">")[2]
    return " ".join(re.sub(r"<[^>]*>", " ", main).split())


def test_who_has_a_version_is_told_with_the_count_of_targets(client: TestClient) -> None:
    page = words(client, "/findings?q=urllib3+1.23")
    assert "1\u20131 of 1 groups of 2 findings" in page
    assert "urllib3 1.26.4 → 1.23 2 targets · 2 findings" in page
    assert "pip install urllib3==1.26.4" in page
    link = re.search(r'href="(/findings\?by=target[^"]*)"', client.get("/findings?q=urllib3+1.23").text)
    assert link is not None
    theirs = words(client, link[1].replace("&amp;", "&"))
    assert "1\u20132 of 2 targets" in theirs


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("by=kind", "unattributed-file 1 target · 37 findings"),
        ("by=age", "An hour to a day 39"),
        ("by=target&sort=count", "a 38 findings"),
        ("by=finding&package=urllib3&version=1.24", "1\u20131 of 1 findings"),
        ("severity=note", "No matches."),
        ("age=older", "No matches."),
        ("target=b", "1\u20131 of 1 groups of 1 finding"),
        ("page=99", "1\u20133 of 3 groups of 40 findings"),
    ],
)
def test_what_is_asked_for_is_what_is_shown(client: TestClient, query: str, said: str) -> None:
    assert said in words(client, f"/findings?{query}")


@pytest.mark.parametrize("query", ["by=x", "kind=x", "severity=x", "age=x", "show=x", "sort=x", "page=0", "page=x"])
def test_what_cannot_be_asked_for_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/findings?{query}").status_code == 400


def test_target_says_where_and_what_to_do_for_each_group(client: TestClient) -> None:
    page = words(client, "/targets/a")
    assert "Open findings 38" in page
    assert "…/site-packages/left/ 37" in page
    assert "m0.py found sha256:000000000000… differs" in page
    assert f"{SITE}/left/m0.py · layer 3 · written 2026-11-27T03:12:04Z" in page
    assert "9 more of 36" in page, "ten of 37 are listed"
    assert "All 37" in page
    assert "Fix pip install urllib3==1.26.4" in page


def test_group_with_all_its_findings_is_a_page_away(client: TestClient) -> None:
    link = re.search(r'href="(/findings\?by=finding[^"]*)">All 37', client.get("/targets/a").text)
    assert link is not None
    page = words(client, link[1].replace("&amp;", "&"))
    assert "1\u201337 of 37 findings" in page
    assert all(f"m{number}.py" in page for number in range(37))


def test_target_that_was_never_reached_does_not_look_fine(client: TestClient) -> None:
    page = words(client, "/targets/lost")
    assert "never reached" in page
    assert "no such container" in page
    assert "Unknown: never reached." in page
    assert "Nothing." not in page
    assert "Unknown: not checked yet." in words(client, "/targets/never")
    fleet = words(client, "/")
    assert "never reached lost" in fleet
    assert "not checked yet never" in fleet


def test_target_whose_lock_is_missing_is_misconfigured_and_not_away(store: Store, client: TestClient) -> None:
    store.targets.put([make_target(name="bad")], NOON)
    store.runs.record(make_result(target="bad", state="misconfigured", report=None, error="no lock"), lambda *_: ())
    page = client.get("/targets/bad").text
    assert '<span class="state s-misconfigured">misconfigured</span>' in page
    assert "Unknown: never checked." in page


def test_target_that_cannot_be_reached_any_more_shows_what_was_open(store: Store, client: TestClient) -> None:
    lost = make_result(target="b", hours=2.5, state="unreachable", error="gone", report=None)
    store.runs.record(lost, lambda *_: ())
    page = words(client, "/targets/b")
    assert "From the last complete check." in page
    assert "urllib3 1.26.4 → 1.23" in page


def test_target_that_should_have_been_looked_at_says_so(store: Store) -> None:
    client = TestClient(build_app(store, clock=SetClock(NOON + timedelta(days=2))))
    assert "overdue" in words(client, "/targets/a")
    assert "4 … overdue" in words(client, "/") or "overdue" in words(client, "/?state=overdue")
    (first, *_) = client.get("/api/targets").json()["targets"]
    assert first["overdue"] == "2026-11-27T18:00:00Z"


def test_fleet_names_findings_and_says_how_many_more(client: TestClient) -> None:
    page = words(client, "/?q=a")
    assert "error unattributed-file …/site-packages/left/ 37" in page
    assert "error version urllib3 1.26.4 → 1.23" in page


def test_fleet_is_sorted_and_paged_by_its_address(tmp_path: Path) -> None:
    store = Store("sqlite:///b.db", tmp_path)
    store.targets.put([make_target(name=f"t{number:03}") for number in range(120)], NOON)
    client = TestClient(build_app(store, clock=SetClock()))
    third = client.get("/?sort=-name&page=3").text
    names = re.findall(r'class="name" href="/targets/(t\d+)"', third)
    assert names == [f"t{number:03}" for number in range(19, -1, -1)]
    assert "101\u2013120 of 120 targets" in third
    assert 'href="/?sort=-name&amp;page=2"' in third
    assert client.get("/?sort=nope").status_code == 400
    assert 'aria-sort="descending"' in third
    store.close()


def test_acknowledged_findings_are_shown_where_they_are_asked_for(store: Store, client: TestClient) -> None:
    store.acknowledgements.add(FindingScope(group=group_of(OLD)), None, "known", NOON, NOON + timedelta(days=1))
    assert "urllib3 1.26.4 → 1.23" not in words(client, "/findings")
    page = words(client, "/findings?show=acknowledged")
    assert "urllib3 1.26.4 → 1.23" in page
    assert "Acknowledged until 2026-11-28 12:00:00 UTC : known" in page
    assert "2 acknowledged" in words(client, "/findings?show=all")
    later = TestClient(build_app(store, clock=SetClock(NOON + timedelta(days=2))))
    assert "urllib3 1.26.4 → 1.23" in words(later, "/findings"), "it is over"
