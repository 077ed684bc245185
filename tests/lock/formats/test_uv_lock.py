"""uv.lock: what lockml takes of it is what uv exports."""

import re

import pytest

from lockml.common.errors import LockError
from lockml.lock.formats.uv_lock import parse_uv_lock
from tests.made.foreign_locks import LOCKS, Case, cases, read_foreign, selected


@pytest.mark.slow
@pytest.mark.parametrize("case", [*cases("uv", "uv.lock")], ids=str)
def test_selection_is_what_uv_exports(case: Case) -> None:
    assert selected(case) == list(case.pins)


@pytest.mark.parametrize("document", [{"version": 2}, {"version": 1, "revision": 99}, {"version": 1, "revision": "3"}])
def test_unknown_version_is_refused_by_name(document: dict[str, object]) -> None:
    with pytest.raises(LockError, match=r"uv\.lock: is a uv\.lock of version .*; this lockml knows version 1 up to"):
        parse_uv_lock({**document, "package": []}, "uv.lock")


def test_what_the_project_asks_for_is_kept() -> None:
    asked = {each.requirement for each in read_foreign(LOCKS / "uv" / "plain" / "uv.lock").requirements}
    assert {"requests[socks]>=2.30", "click", 'colorama; sys_platform == "win32"', "pytest>=8", "ruff"} <= asked
    assert 'rich>=13; extra == "viz"' in asked


def test_own_projects_are_told() -> None:
    assert read_foreign(LOCKS / "uv" / "workspace" / "uv.lock").projects == ("one", "two")
    assert read_foreign(LOCKS / "uv" / "forks" / "uv.lock").projects == ("forks",)


def test_environments_that_uv_supports_are_those_of_the_lock() -> None:
    document = {"version": 1, "supported-markers": ["sys_platform == 'linux'"], "package": []}
    assert list(map(str, parse_uv_lock(document, "uv.lock").pylock.environments or ())) == ['sys_platform == "linux"']


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ({}, "missing required field `name`"),
        ({"name": "a", "source": {"registry": 3}}, "Expected `str"),
        ({"name": "a", "source": {"git": "https://git.example/a"}}, "has no commit"),
        (
            {"name": "a", "source": {"registry": "r"}, "dependencies": [{"name": "b"}]},
            "'b' is needed, but that matches 0",
        ),
        (
            {"name": "a", "source": {"registry": "r"}, "sdist": {"url": "a-1.tar.gz", "hash": "sha256:x"}},
            "is not a hash",
        ),
    ],
)
def test_what_cannot_be_read_is_told(package: dict[str, object], said: str) -> None:
    with pytest.raises(LockError, match=re.escape(said)):
        parse_uv_lock({"version": 1, "package": [package]}, "uv.lock")
