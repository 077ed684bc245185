"""`lockml tree` and `why` of the locks that check reads."""

from pathlib import Path

import pytest

from tests.cli.process import Outcome, run_lockml
from tests.made.uv_locks import uv_lock

pytestmark = pytest.mark.process

REQUIREMENTS = """\
certifi==2026.1.1
    # via requests
requests==2.0
    # via -r requirements.in
urllib3==1.0
    # via requests
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a uv.lock and a requirements.txt."""
    needs = {"requests": ("urllib3", "certifi")}
    packages: dict[tuple[str, str], bytes | str] = {
        ("requests", "2.0"): "1" * 64,
        ("urllib3", "1.0"): "2" * 64,
        ("certifi", "2026.1.1"): "3" * 64,
    }
    (tmp_path / "uv.lock").write_text(uv_lock(packages, needs=needs))
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)
    return tmp_path


def run(folder: Path, *arguments: str) -> Outcome:
    return run_lockml(*arguments, folder=folder)


@pytest.mark.parametrize("lock", ["uv.lock", "requirements.txt"])
def test_locks_of_other_tools_have_trees(folder: Path, lock: str) -> None:
    whole = run(folder, "tree", "--lock", lock)
    assert (whole.code, whole.err) == (0, "")
    assert [line.partition("<-")[0].rstrip() for line in whole.out.splitlines()] == [
        "requests 2.0",
        "  certifi 2026.1.1",
        "  urllib3 1.0",
    ]
    assert len(run(folder, "tree", "--lock", lock, "--depth", "0").out.splitlines()) == 1
    turned = run(folder, "tree", "urllib3", "--reverse", "--lock", lock).out.splitlines()
    assert [line.partition("<-")[0].rstrip() for line in turned] == ["urllib3 1.0", "  requests 2.0"]


@pytest.mark.parametrize("lock", ["uv.lock", "requirements.txt"])
def test_why_takes_several_packages(folder: Path, lock: str) -> None:
    outcome = run(folder, "why", "urllib3", "Certifi", "urllib3", "--lock", lock)
    assert outcome.code == 0
    heads = [line for line in outcome.out.splitlines() if not line.startswith(" ")]
    assert heads == ["urllib3 1.0", "certifi 2026.1.1"]


@pytest.mark.parametrize("command", ["why", "tree"])
def test_packages_that_are_not_locked_are_all_named(folder: Path, command: str) -> None:
    outcome = run(folder, command, "urllib3", "nope", "nor-this", "--lock", "uv.lock")
    assert (outcome.code, outcome.out) == (2, "")
    assert "'nope', 'nor-this' are not locked" in outcome.err


def test_two_locks_of_two_tools_are_compared(folder: Path) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS.replace("urllib3==1.0", "urllib3==1.1"))
    outcome = run(folder, "diff", "uv.lock", "requirements.txt", "--exit-code")
    assert (outcome.code, outcome.out) == (1, "upgraded   urllib3 1.0 -> 1.1\n")
    assert run(folder, "diff", "uv.lock", "uv.lock", "--exit-code").code == 0
    text = run(folder, "diff", "uv.lock", "requirements.txt", "--format", "markdown").out
    assert "| upgraded | urllib3 1.0 -\\> 1.1 |  |" in text
