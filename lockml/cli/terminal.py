"""Progress and messages for a person: a moving line on a terminal, nothing in a pipe; results go elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from lockml.display import escape
from lockml.progress import Progress, Step, silent

__all__ = ["note", "progress_line", "warn"]


def note(text: str) -> None:
    """Tell something that is neither result nor warning."""
    click.echo(escape(text), err=True)


def warn(text: str) -> None:
    """Tell something that the user may want to act on."""
    click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {escape(text)}", err=True)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """Give a listener that keeps one moving line on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console  # noqa: PLC0415 - heavy, and only a terminal needs it
    from rich.markup import escape as escape_markup  # noqa: PLC0415

    with Console(stderr=True).status("Starting") as status:

        def show(step: Step) -> None:
            counted = f" {step.done}/{step.total}" if step.total else ""
            status.update(f"{step.doing}{counted} [dim]{escape_markup(escape(step.subject))}[/dim]")

        yield show
