import subprocess
import sys
from pathlib import Path

import click
import pytest

from lockml import __version__
from lockml.cli.check.command import command as check_command
from lockml.cli.compile.command import command as compile_command
from tests.cli.process import run_lockml

pytestmark = pytest.mark.process


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-"])
def test_closed_streams_change_no_exit_code(closed: str, tmp_path: Path) -> None:
    def code(arguments: str) -> int:
        command = f'exec "{sys.executable}" -m lockml {arguments} {closed}'
        return subprocess.run(["sh", "-c", command], cwd=tmp_path, stdin=subprocess.DEVNULL, check=False).returncode

    assert code("--version") == 0
    assert code("tree") == 2


def test_version_is_told(tmp_path: Path) -> None:
    assert run_lockml("--version", folder=tmp_path).out == f"lockml {__version__}\n"


def test_help_names_the_commands_and_the_exit_codes(tmp_path: Path) -> None:
    outcome = run_lockml("--help", folder=tmp_path)
    assert outcome.code == 0
    assert "compile" in outcome.out
    assert "check" in outcome.out
    assert "Exit codes: 0 in order, 1 drift" in outcome.out


@pytest.mark.parametrize("command", [compile_command, check_command])
def test_every_option_has_help_and_a_variable_of_its_name(command: click.Command) -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert len(options) > 5
    for option in options:
        longest = next(name for name in option.opts if name.startswith("--")).removeprefix("--")
        assert option.envvar == f"LOCKML_{longest.replace('-', '_').upper()}"
        assert option.help


def test_unknown_command_exits_2(tmp_path: Path) -> None:
    outcome = run_lockml("frobnicate", folder=tmp_path)
    assert outcome.code == 2
    assert "No such command 'frobnicate'" in outcome.err


def test_output_that_cannot_be_written_never_looks_like_drift(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "lockml", "--help"]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("content", ["x = " + "1" * 5000, "x = " + "[" * 100_000])
def test_hostile_lock_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "pylock.toml").write_text(content)
    assert run_lockml("tree", folder=tmp_path).code == 2
