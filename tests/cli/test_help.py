"""What every --help has: options by what they decide, and examples that are right."""

import shlex
from collections.abc import Iterator

import click
import pytest

from lockml.cli.common.command import Command
from lockml.cli.main import cli


def leaves(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name), command


ALL = dict(leaves(cli))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_command_has_examples_of_options_that_it_has(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert isinstance(command, Command)
    assert len(command.examples) >= 2
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    for line, text in command.examples:
        words = shlex.split(line.partition(" > ")[0])
        assert tuple(words[: len(path) + 1]) == ("lockml", *path)
        assert [word for word in words if word.startswith("-") and word not in options] == []
        assert text.endswith((".", "?"))


def help_at(columns: int, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the help of a command as it is on a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    group = click.Context(cli, info_name="lockml", **cli.context_settings)
    return ALL[path].get_help(click.Context(ALL[path], parent=group, info_name=" ".join(path)))


def test_help_of_a_long_command_is_in_groups_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 120 columns nobody finds the next line."""
    for columns, room in ((60, 58), (80, 78), (120, 118), (200, 118)):
        text = help_at(columns, ("compile",), monkeypatch)
        for title in ("Inputs:", "Target:", "Index:", "Policy:", "Output:", "Examples:"):
            assert f"\n{title}\n" in text
        assert room - 30 < max(map(len, text.splitlines())) <= min(columns, 120)


@pytest.mark.parametrize("name", ["adopt", "check", "compile", "diff", "lock", "outdated", "tree"])
def test_every_option_is_in_a_group(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`_GROUPS` of lockml/cli/common/command.py says which: a new option that it lacks is named here."""
    other = help_at(100, (name,), monkeypatch).partition("\nOther:\n")[2].partition("\nExamples:\n")[0]
    named = [line.split()[0] for line in other.splitlines() if line.startswith(("  -", "  ["))]
    assert named[:2] == ["-q,", "-v,"]
    assert named[2:] in (["-h,"], ["--help"])  # click keeps the names that it made first


@pytest.mark.parametrize(("word", "meant"), [("complie", "compile"), ("chek", "check"), ("scan", "check")])
def test_nearest_command_is_told(word: str, meant: str) -> None:
    with pytest.raises(click.UsageError, match=f"No such command '{word}'. Did you mean '{meant}'?"):
        cli.main([word], standalone_mode=False)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_fits_into_60_columns(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Words longer than a line, such as paths, are not cut."""
    lines = help_at(60, path, monkeypatch).splitlines()
    assert [line for line in lines if len(line) > 60 and " " in line.strip().rstrip(" \\")] == []
