"""``lockml man``: write a manual page (man(7)) for each command."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import click

from lockml import __version__
from lockml.cli.common.command import Command, declare, options_by_group
from lockml.cli.common.completion import complete_folders
from lockml.common.errors import InputError

__all__ = ["command", "manual_pages"]

_EXITS = (
    "0 success, 1 drift or an outdated lock, 2 wrong usage or input, 3 no resolution, 4 unreachable or incomplete, "
    "70 internal error."
)


@declare(
    "man",
    short_help="Write the manual pages.",
    examples=(
        ("lockml man /usr/local/share/man/man1", "Write them for all users of this machine."),
        ("lockml man debian/tmp", "Write them in a package build; SOURCE_DATE_EPOCH is their date."),
    ),
)
@click.argument("folder", metavar="DIR", shell_complete=complete_folders)
def command(folder: str) -> int:
    """Write manual pages for lockml and each of its commands into DIR, which is created if needed."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    day = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    pages = manual_pages(click.get_current_context().find_root().command, day.date())
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            (Path(folder) / name).write_text(text, "utf-8")
    except OSError as error:
        raise InputError(folder, f"cannot be written ({error.strerror})", hint="name a folder of your own") from error
    click.echo(f"{len(pages)} pages in {folder}")
    return 0


def manual_pages(cli: click.Command, day: date) -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    found = list(_tree(click.Context(cli, info_name="lockml", **cli.context_settings)))
    names = [context.command_path.replace(" ", "-") for context in found]
    return {
        f"{name}.1": "\n".join(_page(context, day, [each for each in names if each != name])) + "\n"
        for name, context in zip(names, found, strict=True)
    }


def _tree(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            inner = context.command.get_command(context, name)
            if inner is not None:
                yield from _tree(click.Context(inner, parent=context, info_name=name))


def _page(context: click.Context, day: date, others: list[str]) -> Iterator[str]:
    inner, name = context.command, context.command_path.replace(" ", "-")
    yield f'.TH {_quoted(name.upper())} 1 {day.isoformat()} "lockml {__version__}" "lockml manual"'
    yield from (
        ".SH NAME",
        f"{_text(name)} \\- {_text(inner.get_short_help_str(limit=500).rstrip('.'))}",
        ".SH SYNOPSIS",
    )
    yield f".B {_text(context.command_path)}"
    yield _text(" ".join(inner.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(re.split(r"\n\s*\n", (inner.help or "").strip())):
        yield from ((".PP",) if number else ())
        yield _text(" ".join(paragraph.split()))
    if isinstance(inner, click.Group):
        yield ".SH COMMANDS"
        for each in inner.list_commands(context):
            found = inner.get_command(context, each)
            yield from _entry(each, found.get_short_help_str(limit=500) if found is not None else "")
    yield ".SH OPTIONS"
    for title, rows in options_by_group(inner, context).items():
        yield f".SS {_text(title)}"
        for option, text in rows:
            yield from _entry(option, text)
    if isinstance(inner, Command):
        yield ".SH EXAMPLES"
        for line, text in inner.examples:
            yield from _entry(line, text)
    yield from (".SH EXIT STATUS", _text(_EXITS), ".SH SEE ALSO")
    near = [each for each in others if each.startswith(f"{name}-") or name.startswith(f"{each}-")]
    yield ", ".join(f"{_text(each)}(1)" for each in near or others)


def _entry(term: str, text: str) -> tuple[str, str, str]:
    return ".TP", f".B {_text(term)}", _text(" ".join(text.split()) or term)


_ESCAPED = str.maketrans({"\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "`": "\\(ga"})


def _text(text: str) -> str:
    """Return *text* escaped for roff, in one line that is not a request."""
    shown = "".join(each if each.isascii() else f"\\[u{ord(each):04X}]" for each in text.translate(_ESCAPED))
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown


def _quoted(text: str) -> str:
    return f'"{text}"'
