import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lockml import __version__
from lockml.cli.common.options import SHARED
from lockml.cli.main import cli
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
    assert "Exit codes: 0 success, 1 drift" in outcome.out
    assert "70 internal error" in " ".join(outcome.out.split())


def every_option() -> Iterator[tuple[str, click.Option]]:
    """Yield every option of every command, with the words that lead to the command."""
    waiting: list[tuple[str, click.Command]] = [("lockml", cli)]
    while waiting:
        path, command = waiting.pop()
        yield from ((path, each) for each in command.params if isinstance(each, click.Option))
        if isinstance(command, click.Group):
            context = click.Context(command, **cli.context_settings)
            names = command.list_commands(context)
            inner = [(name, command.get_command(context, name)) for name in names]
            waiting += [(f"{path} {name}", found) for name, found in inner if found is not None]


def test_every_option_has_help_and_a_variable_of_its_command_and_name() -> None:
    options = [(path, option) for path, option in every_option() if option.name != "version"]
    assert len(options) > 100
    for path, option in options:
        longest = next(name for name in option.opts if name.startswith("--"))
        words = ["lockml", longest] if longest in SHARED | {"--quiet", "--verbose"} else [*path.split(), longest]
        assert option.envvar == "_".join(words).replace("_--", "_").replace("-", "_").upper(), path
        assert option.help, (path, longest)


def test_no_variable_is_of_options_that_take_other_values() -> None:
    taken: dict[str, set[tuple[object, ...]]] = {}
    for _, option in every_option():
        if isinstance(option.envvar, str):
            values = (repr(option.type.to_info_dict()), option.multiple, option.is_flag, option.nargs)
            taken.setdefault(option.envvar, set()).add(values)
    assert {variable: values for variable, values in taken.items() if len(values) > 1} == {}


def test_variable_of_one_command_says_nothing_to_another(tmp_path: Path) -> None:
    variables = {"LOCKML_CHECK_FORMAT": "sarif", "LOCKML_CACHE_INFO_FORMAT": "json", "LOCKML_FORMAT": "sarif"}
    outcome = run_lockml("cache", "info", folder=tmp_path, variables=variables)
    assert outcome.code == 0
    assert '"schema": "lockml/cache/1"' in outcome.out
    refused = run_lockml("cache", "info", folder=tmp_path, variables={"LOCKML_CACHE_INFO_FORMAT": "sarif"})
    assert refused.code == 2


BROKEN_TOMLLIB = """
class TOMLDecodeError(ValueError):
    pass


def loads(text):
    raise KeyError("https://robot:s3cret@index.example/simple \\x1b[31m")
"""


def broken_off(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run lockml with a Python whose TOML parser has a defect."""
    (folder / "stubs").mkdir()
    (folder / "stubs" / "tomllib.py").write_text(BROKEN_TOMLLIB)
    (folder / "lockml.toml").write_text("")
    command = [sys.executable, "-m", "lockml", *arguments]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "stubs"), "HOME": str(folder), **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [("tree",), ("audit", "run")])
def test_defect_is_told_in_one_line_and_exits_70(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = broken_off(tmp_path, *arguments)
    assert done.returncode == 70
    assert done.stdout == ""
    assert done.stderr == (
        "error: lockml: internal error (KeyError: 'https://index.example/simple \\x1b[31m'); "
        "please report it with the traceback, which LOCKML_DEBUG=1 or --debug prints\n"
    )


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("tree",), {"LOCKML_DEBUG": "1"}),
        (("--debug", "tree"), {}),
        (("--debug", "audit", "run"), {}),
    ],
)
def test_defect_has_its_traceback_without_logins_where_it_is_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str]
) -> None:
    done = broken_off(tmp_path, *arguments, **variables)
    assert done.returncode == 70
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert 'stubs/tomllib.py", line 7, in loads' in done.stderr
    assert "s3cret" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("please report it with this traceback")


def test_traceback_is_not_printed_of_what_is_no_defect(tmp_path: Path) -> None:
    outcome = run_lockml("--debug", "tree", folder=tmp_path, variables={"LOCKML_DEBUG": "1"})
    assert outcome.code == 2
    assert outcome.err.startswith("error: pylock.toml: no such file")


def test_unknown_command_exits_2(tmp_path: Path) -> None:
    outcome = run_lockml("frobnicate", folder=tmp_path)
    assert outcome.code == 2
    assert "No such command 'frobnicate'" in outcome.err


def test_option_without_its_value_leads_to_the_help_of_its_command(tmp_path: Path) -> None:
    outcome = run_lockml("compile", "-P", folder=tmp_path)
    assert outcome.code == 2
    assert " compile: Option '-P' requires an argument\n" in outcome.err
    assert " compile --help` for usage\n" in outcome.err


def test_choices_of_an_argument_are_one_line(tmp_path: Path) -> None:
    outcome = run_lockml("completion", folder=tmp_path)
    assert (outcome.code, "\\t" in outcome.err) == (2, False)
    assert "Choose from: bash, zsh, fish" in " ".join(outcome.err.split())


def test_output_that_cannot_be_written_never_looks_like_drift(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "lockml", "--help"]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr == "error: the output: cannot be written (No space left on device)\n"


@pytest.mark.parametrize("content", ["x = " + "1" * 5000, "x = " + "[" * 100_000])
def test_hostile_lock_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "pylock.toml").write_text(content)
    assert run_lockml("tree", folder=tmp_path).code == 2
