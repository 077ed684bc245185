"""uv.lock: what lockml takes of it is what uv exports."""

import pytest

from lockml.common.errors import LockError
from lockml.lock.formats.uv_lock import parse_uv_lock
from tests.made.foreign_locks import LOCKS, Case, cases, read_foreign, selected


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
