"""How much is told beside results: -q, -v, before and behind the command, by variables, and by none of them."""

import sys
from pathlib import Path

import pytest

from tests.audit.made import write_venv
from tests.cli.process import TARGET, run_lockml
from tests.cli.terminal import open_terminal, plain
from tests.made.indexes import Served

pytestmark = [pytest.mark.loopback, pytest.mark.process]


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    (tmp_path / "requirements.in").write_text("six\n")
    return tmp_path


@pytest.mark.parametrize(
    ("before", "behind", "variables", "loud"),
    [
        ((), (), {}, "usual"),
        (("-q",), (), {}, "quiet"),
        ((), ("--quiet",), {}, "quiet"),
        ((), (), {"LOCKML_QUIET": "1"}, "quiet"),
        ((), (), {"LOCKML_QUIET": "0"}, "usual"),
        (("-v",), (), {}, "verbose"),
        ((), ("-v",), {}, "verbose"),
        ((), (), {"LOCKML_VERBOSE": "1"}, "verbose"),
        ((), ("-q",), {"LOCKML_VERBOSE": "1"}, "quiet"),
        (("-v",), (), {"LOCKML_QUIET": "1"}, "verbose"),
        (("-v",), ("-q",), {}, "quiet"),
        ((), ("-q", "-v"), {}, "verbose"),
    ],
)
def test_command_line_counts_before_variables_and_the_last_before_others(
    asked: Path, url: str, before: tuple[str, ...], behind: tuple[str, ...], variables: dict[str, str], loud: str
) -> None:
    arguments = (*before, "compile", "--python", "3.11", "--index-url", url, *behind)
    outcome = run_lockml(*arguments, folder=asked, variables=variables)
    assert outcome.code == 0, outcome.err
    assert ("Using this machine's" in outcome.err) == (loud != "quiet")
    assert ("requirements.txt (written)" in outcome.err) == (loud != "quiet")
    assert ("GET " in outcome.err) == (loud == "verbose")
    assert loud != "quiet" or outcome.err == ""


def test_variable_that_is_neither_yes_nor_no_is_wrong_usage(asked: Path) -> None:
    outcome = run_lockml("compile", folder=asked, variables={"LOCKML_QUIET": "banana"})
    assert outcome.code == 2
    assert "LOCKML_QUIET" in outcome.err


def test_requests_are_told_without_logins_and_what_the_cache_had(asked: Path, served: Served, url: str) -> None:
    served.wheel("six", "1.16.0")
    secret = url.replace("http://", "http://me:hunter2@")
    arguments = ("-v", "compile", *TARGET, "--index-url", secret)
    first = run_lockml(*arguments, folder=asked)
    assert f"GET {url}six/: status 200, " in first.err
    assert "hunter2" not in first.err
    again = run_lockml(*arguments, folder=asked)
    assert "using the earlier result from the cache" in again.err
    (asked / "requirements.in").write_text("six>=1\n")
    changed = run_lockml(*arguments, "--offline", folder=asked)
    assert "six-1.16.0-py3-none-any.whl: metadata from the cache" in changed.err


def test_inventory_says_why_this_environment(tmp_path: Path) -> None:
    environment = write_venv(tmp_path)
    outcome = run_lockml("-v", "inventory", f"path:{environment}", folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "environment " in outcome.err
    assert "Python 3.11" in outcome.err
    assert run_lockml("-q", "inventory", f"path:{environment}", folder=tmp_path).err == ""


def test_errors_are_broken_at_words_and_commands_are_not(tmp_path: Path) -> None:
    """At 60 columns; a command that somebody will copy stays in one line."""
    command = (sys.executable, "-m", "lockml", "check", "--path", ".", "--lock", "no/such/folder/with/a/long/name.toml")
    with open_terminal(command, tmp_path, {}, columns=60) as terminal:
        shown = [line.rstrip() for line in plain(terminal.rest()).splitlines()]
    assert shown[0] == "error: no/such/folder/with/a/long/name.toml: no such file"
    assert max(map(len, shown)) <= 60
    silly = (sys.executable, "-m", "lockml", "compile", "--exclude-newer", "2024-13-45", "--resolution", "banana")
    with open_terminal(silly, tmp_path, {}, columns=60) as terminal:
        shown = [line.rstrip() for line in plain(terminal.rest()).splitlines()]
    words = " ".join(line.strip() for line in shown)
    assert "'banana' is not one of 'highest', 'lowest', 'lowest-direct'" in words
    assert any("`python -m lockml compile --help`" in line for line in shown)
    assert max(map(len, shown)) <= 60
