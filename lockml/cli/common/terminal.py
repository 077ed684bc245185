"""Progress and messages for a person: a moving line on a terminal, nothing in a pipe; results go elsewhere."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, TextIO

import click

from lockml.common.display import escape, redact
from lockml.common.progress import Progress, Step, silent

__all__ = [
    "Loudness",
    "detail",
    "note",
    "paint",
    "progress_line",
    "set_loudness",
    "tell",
    "wants_colour",
    "warn",
    "wrapped",
]


_NARROWEST: Final = 40
_COMMAND: Final = re.compile("`[^`]{,200}`")
_JOINT: Final = "\ue000"  # stands for a space where no line is broken; escaped texts have none of private use


class Loudness(Enum):
    """How much is told beside results, warnings and errors."""

    QUIET = "quiet"
    USUAL = "usual"
    VERBOSE = "verbose"


class _State:
    """What the user asked of this process."""

    loudness = Loudness.USUAL
    rank = 0
    shows_log = False


def set_loudness(loudness: Loudness, rank: int = 0) -> None:
    """Tell as much as *loudness* says from now on, unless something of a higher *rank* has said otherwise."""
    if rank < _State.rank:
        return
    _State.loudness, _State.rank = loudness, rank
    if loudness is Loudness.VERBOSE and not _State.shows_log:
        _show_log()


def _show_log() -> None:
    """Print what the stages log on standard error."""
    import logging

    _State.shows_log = True

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if _State.loudness is Loudness.VERBOSE:
                click.echo(escape(redact(record.getMessage())), err=True)

    logger = logging.getLogger("lockml")
    logger.addHandler(Lines())
    logger.setLevel(logging.DEBUG)
    logger.propagate = False


def wants_colour(stream: TextIO) -> bool:
    """Return whether *stream* takes colours: NO_COLOR and FORCE_COLOR say it, else whether it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE")
    if forced and forced != "0":
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str) -> str:
    """Return *text* for standard error, in *colour* where that is wanted."""
    return click.style(text, fg=colour, bold=True) if wants_colour(sys.stderr) else text


def note(text: str) -> None:
    """Tell something that is neither result nor warning, unless the user wants quiet."""
    if _State.loudness is not Loudness.QUIET:
        click.echo(wrapped(escape(redact(text))), err=True)


def detail(text: str) -> None:
    """Tell what only who asks for it wants to know."""
    if _State.loudness is Loudness.VERBOSE:
        click.echo(escape(redact(text)), err=True)


def _show_fact(step: Step) -> None:
    if step.fact:
        detail(step.doing)


def warn(text: str) -> None:
    """Tell something that the user may want to act on."""
    tell("warning:", "yellow", escape(redact(text)))


def tell(word: str, colour: str, text: str) -> None:
    """Tell *text*, which is escaped and may have several lines, behind a coloured *word*."""
    told = wrapped(f"{word} {text}").removeprefix(word)
    click.echo(f"{paint(word, colour)}{told}", err=True, color=wants_colour(sys.stderr))


def wrapped(text: str) -> str:
    """Return *text* with its lines broken at words where standard error is a terminal; a command stays in one."""
    if not sys.stderr.isatty():
        return text
    import shutil
    import textwrap

    width = max(_NARROWEST, shutil.get_terminal_size().columns)
    lines: list[str] = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        whole = _COMMAND.sub(lambda command: command[0].replace(" ", _JOINT), line)
        parts = textwrap.wrap(
            whole, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False
        )
        lines += [part.replace(_JOINT, " ") for part in parts] or [""]
    return "\n".join(lines)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """Give a listener that keeps one moving line on standard error, if that is a terminal.

    Nothing is shown, and nothing loaded, for what takes less than half a second. Telling costs next to nothing: the
    line is made ten times a second, of what was told last. Who wants to know all gets facts, a line each, instead.
    """
    if _State.loudness is Loudness.VERBOSE:
        yield _show_fact
        return
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or _State.loudness is not Loudness.USUAL:
        yield silent
        return
    from lockml.cli.common.progress_line import MovingLine  # not for what is short

    line = MovingLine()
    line.start()
    try:
        yield line.show
    finally:
        line.stop()
