"""The API answers what its description says, whatever it is asked (schemathesis), and never fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from lockml.audit.web.app import build_app
from tests.audit.seeded import HOSTILE, seed
from tests.audit.services import postgres

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    store = seed("sqlite:///audit.db", tmp_path_factory.mktemp("api"))
    yield TestClient(build_app(store), raise_server_exceptions=True)
    store.close()


def ask_everything(schema: Any, count: int) -> int:
    """Ask each operation that is described *count* times, and return how many there are."""
    operations = [each.ok() for each in schema.get_all_operations()]
    for operation in operations:

        @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        ask()
    return len(operations)


@pytest.mark.slow
def test_answers_are_as_described_whatever_is_asked(client: TestClient) -> None:
    assert ask_everything(schemathesis.openapi.from_asgi("/api/openapi.json", client.app), 60) == 9


@pytest.mark.engine
def test_answers_are_as_described_on_postgres_too() -> None:
    with postgres() as url:
        store = seed(url)
        try:
            assert ask_everything(schemathesis.openapi.from_asgi("/api/openapi.json", build_app(store)), 40) == 9
        finally:
            store.close()


@pytest.mark.slow
def test_runs_of_a_target_go_back_page_by_page(client: TestClient) -> None:
    seen: list[int] = []
    before = ""
    while found := client.get(f"/api/targets/ranker/runs?limit=5{before}").json()["runs"]:
        seen += [each["id"] for each in found]
        before = f"&before={found[-1]['id']}"
    assert len(seen) == len(set(seen)) == 28
    assert seen == sorted(seen, reverse=True)


def test_hostile_names_are_found_and_stay_what_they_are(client: TestClient) -> None:
    (found,) = client.get("/api/findings", params={"name": HOSTILE}).json()["findings"]
    assert found["name"] == HOSTILE
    (target,) = client.get("/api/targets", params={"q": "odd/"}).json()["targets"]
    assert client.get(f"/api/targets/{target['name'].replace('/', '%2F')}").json()["state"] == "drift"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("kind=vulnerability", {"urllib3"}),
        ("severity=note", {"numpy"}),
        ("package=pandas", {"pandas"}),
        ("package=/opt/venv/", {"debug.pth"}),
        ("target=serving-eu", {"urllib3", "numpy", "torch"}),
        ("target=serving-eu&kind=artifact&severity=error&package=torch", {"torch"}),
        ("target=serving-us&severity=error", set()),
    ],
)
def test_findings_are_chosen_by_kind_severity_package_and_target(
    client: TestClient, query: str, names: set[str]
) -> None:
    found = client.get(f"/api/findings?{query}").json()["findings"]
    assert {each["name"] for each in found} == names


def test_groups_say_who_has_what(client: TestClient) -> None:
    (group,) = client.get("/api/groups?q=urllib3").json()["groups"]
    assert (group["kind"], group["locked"], group["found"]) == ("vulnerability", "1.26.4", "PYSEC-2026-1")
    assert (group["targets"], group["count"], group["severity"]) == (3, 3, "warning")
    pages = [client.get(f"/api/groups?limit=3&page={page}").json() for page in (1, 2, 3, 4)]
    assert [len(page["groups"]) for page in pages] == [3, 3, 2, 0]
    assert {page["total"] for page in pages[:3]} == {8}


@pytest.mark.parametrize(
    "path", ["targets", "targets/ranker", "runs", "runs/1", "findings?all=true", "groups", "summary"]
)
def test_every_time_is_utc_and_ends_in_z(client: TestClient, path: str) -> None:
    def check(value: Any) -> int:
        if isinstance(value, dict):
            return sum(map(check, value.values()))
        if isinstance(value, list):
            return sum(map(check, value))
        is_time = isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", value) is not None
        assert not is_time or re.fullmatch(r"[\d-]{10}T[\d:]{8}(\.\d+)?Z", value), value
        return int(is_time)

    assert check(client.get(f"/api/{path}").json()) > 0 or path == "summary"


def test_answer_that_is_known_is_not_sent_again(client: TestClient) -> None:
    answer = client.get("/api/findings")
    tag = answer.headers["etag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        same = client.get("/api/findings", headers={"If-None-Match": known})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert client.get("/api/findings", headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get("/api/findings?severity=note").headers["etag"] != tag


def test_index_of_the_api_leads_to_everything(client: TestClient) -> None:
    page = client.get("/api").text
    described = client.get("/api/openapi.json").json()["paths"]
    assert all(f"<code>{path}</code>" in page for path in described)
    links = re.findall(r'href="(/api/[^"]*)"', page)
    assert all(client.get(link).status_code == 200 for link in links)


def test_wildcards_of_databases_are_letters(client: TestClient) -> None:
    assert client.get("/api/findings", params={"name": "%"}).json()["findings"] == []
    assert client.get("/api/findings", params={"name": "_"}).json()["findings"] == []


@pytest.mark.slow
def test_store_that_does_not_answer_is_said_so_everywhere(tmp_path: Path) -> None:
    store = seed("sqlite:///audit.db", tmp_path)
    client = TestClient(build_app(store), raise_server_exceptions=True)
    store.close()
    for file in tmp_path.glob("audit.db*"):
        file.write_bytes(b"this is no database any more, and long enough to be read as the header of one" * 20)
    assert client.get("/api/targets").status_code == 503
    assert "does not respond" in client.get("/").text
    assert "lockml_store_up 0.0" in client.get("/metrics").text
    assert client.get("/healthz").status_code == 503
