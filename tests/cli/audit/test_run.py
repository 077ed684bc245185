"""A pass over a fleet as cron has it done: what is printed, sent and returned."""

from pathlib import Path

import pytest

from tests.audit.made import OTHER, install, write_venv
from tests.audit.serving import receiver
from tests.cli.process import run_lockml

pytestmark = [pytest.mark.process, pytest.mark.loopback]

COUNT = 60
FLEET = """\
[audit]
store = "sqlite:///audit.db"
base-url = "https://lockml.example"
[audit.index]
ask = false
[[audit.notify]]
name = "hook"
urls = ["{hook}"]
{more}
"""


def write_fleet(folder: Path, hook: str, more: str = "") -> None:
    write_venv(folder)
    text = FLEET.format(hook=hook, more=more)
    for number in range(COUNT):
        text += f'[[audit.targets]]\nname = "t{number:02}"\nlock = "pylock.toml"\npath = "venv"\n'
    (folder / "lockml.toml").write_text(text)


def test_sixty_targets_of_one_cause_are_one_message_and_none_waits(tmp_path: Path) -> None:
    with receiver() as (hook, messages):
        write_fleet(tmp_path, hook)
        install(tmp_path / "venv", OTHER)
        outcome = run_lockml("audit", "run", folder=tmp_path)
        again = run_lockml("audit", "run", folder=tmp_path)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.splitlines()[-1] == "60 targets: 60 drift", "the closing line is in a pipe too"
    assert "at  " in outcome.out
    assert "fix " in outcome.out
    (message,) = messages
    assert message["title"].startswith("lockml: 60 targets: ")
    assert message["type"] == "failure"
    assert message["message"].splitlines()[-1] == "https://lockml.example/"
    assert again.out.splitlines()[-1] == "60 targets: 60 drift"


def test_messages_that_wait_for_the_end_of_quiet_hours_are_said_to_wait(tmp_path: Path) -> None:
    write_fleet(tmp_path, "json://127.0.0.1:9/", 'quiet = "00:00-23:59:59"')
    install(tmp_path / "venv", OTHER)
    outcome = run_lockml("audit", "run", folder=tmp_path)
    assert outcome.out.splitlines()[-1].startswith("60 messages wait until ")


def test_lock_that_is_missing_is_a_fault_of_the_fleet(tmp_path: Path) -> None:
    write_fleet(tmp_path, "json://127.0.0.1:9/", 'on = ["opened"]')
    (tmp_path / "pylock.toml").unlink()
    outcome = run_lockml("audit", "run", "--target", "t00", folder=tmp_path)
    assert outcome.code == 2
    assert "t00  misconfigured  pylock.toml: no such file" in outcome.out
