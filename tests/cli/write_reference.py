"""The command line in; the text of docs/reference.md, its reference, out.

python -m tests.cli.write_reference > docs/reference.md
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from lockml.cli.common.command import Command
from lockml.cli.main import cli

__all__ = ["REFERENCE", "commands", "format_reference"]

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
_HEAD = """\
# Reference of the command line

<!-- Generated: python -m tests.cli.write_reference > docs/reference.md -->

What `lockml COMMAND --help` says, for all commands. [Using lockml](usage.md) explains them.

Every option can also be given as the variable beside it, or by its long name in `[tool.lockml.COMMAND]` of
pyproject.toml or `[COMMAND]` of lockml.toml. The command line comes first, then variables, then the configuration.
"""


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    """Yield each command with its words and a context to ask it in, lockml itself first."""
    context = click.Context(group, info_name=" ".join(("lockml", *path)), help_option_names=["-h", "--help"])
    if not path:
        yield (), group, context
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command, click.Context(command, parent=context, info_name=name)


def format_reference() -> str:
    """Return the text of the page."""
    listed = list(commands(cli))
    contents = [f"- [`{' '.join(('lockml', *path))}`](#{'-'.join(('lockml', *path))})" for path, _, _ in listed]
    sections = [part for path, command, context in listed for part in _section(path, command, context)]
    return "\n".join([_HEAD, *contents, *sections]) + "\n"


def _section(path: tuple[str, ...], command: click.Command, context: click.Context) -> Iterator[str]:
    name = " ".join(("lockml", *path))
    command._help_option = None  # click keeps the one of the first context that it was asked in
    yield f"\n## {name}\n"
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    yield _paragraphs(command.help or "")
    rows = [row for param in command.get_params(context) if isinstance(param, click.Option) for row in _row(param)]
    yield from ("", "| option | what it does | default | variable |", "|---|---|---|---|", *rows)
    if isinstance(command, Command) and command.examples:
        yield "\n```console"
        yield from (f"$ {line}  # {text}" for line, text in command.examples)
        yield "```"


def _paragraphs(text: str) -> str:
    """Return a docstring as click shows it: paragraphs of one line each."""
    return "\n\n".join(_plain(" ".join(part.split())) for part in text.replace("\b", "").split("\n\n"))


def _row(param: click.Option) -> Iterator[str]:
    if param.hidden:
        return
    names = ", ".join(f"`{name}`" for name in (*param.opts, *param.secondary_opts))
    if param.name == "help":
        names = "`-h`, `--help`"  # click keeps the one that the first context of the process made
    value = "" if param.is_flag or param.count else f" `{_metavar(param)}`"
    several = " Repeat it." if param.multiple and "repeat" not in (param.help or "").lower() else ""
    variable = f"`{param.envvar}`" if param.envvar else ""
    yield f"| {names}{_plain(value)} | {_plain(param.help or '')}{several} | {_plain(_default(param))} | {variable} |"


def _metavar(param: click.Option) -> str:
    if isinstance(param.type, click.Choice):
        return "\\|".join(param.type.choices)
    return (param.metavar or param.type.name.upper()).replace("|", "\\|")


def _default(param: click.Option) -> str:
    """Return the default that a person is shown, "" for none."""
    if isinstance(param.show_default, str):
        return param.show_default
    if param.is_flag and param.secondary_opts and param.default is not None:
        return f"`{param.opts[0] if param.default else param.secondary_opts[0]}`"
    if not param.show_default or param.default in (None, (), False) or callable(param.default):
        return ""
    values = param.default if isinstance(param.default, list | tuple) else [param.default]
    return ", ".join(f"`{value}`" for value in values)


def _plain(text: str) -> str:
    """Return *text* so that Markdown shows it as it is; what is in backticks stays code."""
    parts = text.replace("\n", " ").split("`")
    shown = [part if number % 2 else _escaped(part) for number, part in enumerate(parts)]
    return "`".join(shown)


def _escaped(text: str) -> str:
    for mark in ("<", "[", "]", "*", "_"):
        text = text.replace(mark, f"\\{mark}")
    return text if "\\|" in text else text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(format_reference())
