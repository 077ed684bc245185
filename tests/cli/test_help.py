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


def test_help_of_a_long_command_is_in_groups_as_wide_as_the_terminal() -> None:
    command = ALL[("compile",)]
    for width, room in ((80, 78), (140, 138)):
        text = command.get_help(click.Context(command, info_name="lockml compile", terminal_width=width))
        for title in ("Inputs:", "Target:", "Index:", "Policy:", "Output:", "Examples:"):
            assert f"\n{title}\n" in text
        assert room - 30 < max(map(len, text.splitlines())) <= width + 1


@pytest.mark.parametrize(("word", "meant"), [("complie", "compile"), ("chek", "check"), ("scan", "check")])
def test_nearest_command_is_told(word: str, meant: str) -> None:
    with pytest.raises(click.UsageError, match=f"No such command '{word}'. Did you mean '{meant}'?"):
        cli.main([word], standalone_mode=False)
