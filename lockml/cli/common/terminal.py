"""Progress and messages for a person: a moving line on a terminal, nothing in a pipe; results go elsewhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from lockml.common.display import escape, redact
from lockml.common.progress import Progress, Step, silent

__all__ = ["note", "paint", "progress_line", "wants_colour", "warn"]


def wants_colour(stream: TextIO) -> bool:
    """Return whether *stream* is a terminal whose user did not refuse colours (NO_COLOR)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """Return *text* for standard error, in *colour* where that is wanted."""
    return click.style(text, fg=colour, bold=True) if wants_colour(sys.stderr) else text


def note(text: str) -> None:
    """Tell something that is neither result nor warning."""
    click.echo(escape(redact(text)), err=True)


def warn(text: str) -> None:
    """Tell something that the user may want to act on."""
    click.echo(f"{paint('warning:', 'yellow')} {escape(redact(text))}", err=True)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """Give a listener that keeps one moving line on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.markup import escape as escape_markup

    with Console(stderr=True).status("Starting") as status:

        def show(step: Step) -> None:
            counted = f" {step.done}/{step.total}" if step.total else ""
            status.update(f"{step.doing}{counted} [dim]{escape_markup(escape(redact(step.subject)))}[/dim]")

        yield show
