"""Progress and messages on standard error: a moving line on a terminal, no progress in a pipe."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Final, TextIO

import click

from lockml.common.display import escape, redact
from lockml.common.errors import LockmlError
from lockml.common.progress import Progress, Step, silent

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

__all__ = [
    "Loudness",
    "detail",
    "note",
    "paint",
    "progress_line",
    "quietly",
    "set_loudness",
    "suggest",
    "tell",
    "tell_error",
    "terminal_width",
    "wants_colour",
    "warn",
    "words_of",
    "wrapped",
]


_NARROWEST: Final = 40
_COMMAND: Final = re.compile("`[^`]{,200}`")
_JOINT: Final = "\ue000"  # a space where a line must not break; escaped texts have no private use characters


class Loudness(Enum):
    """How much to print beside results, warnings and errors."""

    QUIET = "quiet"
    USUAL = "usual"
    VERBOSE = "verbose"


class _State:
    """What the user wants of this process."""

    loudness = Loudness.USUAL
    rank = 0
    tells_notes = True
    shows_log = False


def set_loudness(loudness: Loudness, rank: int = 0) -> None:
    """Set how much to print from now on, unless it was set with a higher *rank*."""
    if rank < _State.rank:
        return
    _State.loudness, _State.rank = loudness, rank
    if loudness is Loudness.VERBOSE and not _State.shows_log:
        _show_log()


@contextmanager
def quietly() -> Iterator[None]:
    """Print no notes meanwhile, unless the user wants more than usual."""
    before, _State.tells_notes = _State.tells_notes, False
    try:
        yield
    finally:
        _State.tells_notes = before


def _show_log() -> None:
    """Print the log of the stages on standard error."""
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
    """Say whether *stream* takes colours: by NO_COLOR and FORCE_COLOR, else if it is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE")
    if forced and forced != "0":
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def terminal_width(stream: TextIO) -> int | None:
    """Return how many columns *stream* has: by COLUMNS, else by the terminal; None if neither says."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def paint(text: str, colour: str) -> str:
    """Return *text* for standard error, in *colour* if the stream takes it."""
    return click.style(text, fg=colour, bold=True) if wants_colour(sys.stderr) else text


def note(text: str, *, whole: bool = False) -> None:
    """Print a note that is neither result nor warning, unless the user wants quiet; *whole*, in one line."""
    wanted = _State.tells_notes or _State.loudness is Loudness.VERBOSE
    if wanted and _State.loudness is not Loudness.QUIET:
        shown = escape(redact(text))
        click.echo(shown if whole else wrapped(shown), err=True)


def detail(text: str) -> None:
    """Print a detail for users who want more than usual."""
    if _State.loudness is Loudness.VERBOSE:
        click.echo(escape(redact(text)), err=True)


def _show_fact(step: Step) -> None:
    if step.fact:
        detail(step.doing)


def suggest(*commands: str, before: str = "") -> None:
    """Print the next *commands*, each on a line of its own to copy, and what to do *before* them."""
    note(f"Next: {before}, then" if before else "Next:")
    for each in commands:
        note(f"  {each}", whole=True)


def warn(text: str) -> None:
    """Print a warning that the user may want to act on."""
    tell("warning:", "yellow", escape(redact(text)))


def tell(word: str, colour: str, text: str) -> None:
    """Print *text*, which is escaped and may have several lines, behind a coloured *word*."""
    shown = wrapped(f"{word} {text}").removeprefix(word)
    click.echo(f"{paint(word, colour)}{shown}", err=True, color=wants_colour(sys.stderr))


def tell_error(error: LockmlError, before: str = "") -> None:
    """Print *error* and its hint, with *before* in front of its text."""
    text = "\n".join(escape(line) for line in redact(f"{before}{error}").splitlines())
    tell("error:", "red", text)
    if error.hint:
        tell("hint:", "cyan", escape(redact(error.hint)))


def wrapped(text: str) -> str:
    """Return *text* wrapped for the terminal on standard error; a command stays on one line."""
    if not sys.stderr.isatty():
        return text
    import textwrap

    width = max(_NARROWEST, terminal_width(sys.stderr) or 80)
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

    Work of less than half a second shows nothing and loads nothing. A call costs next to nothing: the line is drawn
    ten times a second, from the last step. With --verbose, the listener prints facts instead, a line each.
    """
    if _State.loudness is Loudness.VERBOSE:
        yield _show_fact
        return
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or _State.loudness is not Loudness.USUAL:
        yield silent
        return
    line = _MovingLine()
    line.start()
    try:
        yield line.show
    finally:
        line.stop()


_DELAY: Final = 0.5  # seconds before anything is shown
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES: Final = "|/-\\"
_PAGES: Final = "Reading the index"


class _MovingLine:
    """The line, from `start` to `stop`; any thread may call `show`, as often as it likes."""

    def __init__(self) -> None:
        self._step = Step(doing="Starting")
        self._pages = 0
        self._frames = _FRAMES
        self._lock = Lock()
        self._live: Live | None = None
        self._stopped = False
        self._timer = Timer(_DELAY, self._begin)
        self._timer.daemon = True

    def show(self, step: Step) -> None:
        """Set the current step."""
        if step.fact:
            return
        if step.doing == _PAGES:
            self._pages = step.done
        self._step = step

    def start(self) -> None:
        """Start the delay."""
        self._timer.start()

    def stop(self) -> None:
        """Remove the line."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._live is not None:
                self._live.stop()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._stopped:
                return
            console = Console(stderr=True)
            self._frames = _FRAMES if console.encoding.startswith("utf") else _PLAIN_FRAMES
            self._live = Live(
                console=console, get_renderable=self._line, transient=True, refresh_per_second=10, redirect_stdout=False
            )
            self._live.start()

    def _line(self) -> "Text":
        from rich.text import Text

        frame = self._frames[int(monotonic() * 10) % len(self._frames)]
        return Text(f"{frame} {words_of(self._step, self._pages)}", no_wrap=True, overflow="ellipsis", end="")


def words_of(step: Step, pages: int = 0) -> str:
    """Return one line about *step*, and about the *pages* fetched from indexes."""
    counted = f" {step.done:,} of {step.total:,}" if step.total else f" {step.done:,}" if step.done else ""
    read = f", {step.read / (1 << 20):,.1f} MiB" if step.read else ""
    fetched = f", {pages:,} pages and metadata" if pages and step.doing != _PAGES else ""
    subject = f"  {escape(redact(step.subject))}" if step.subject else ""
    return f"{step.doing}{counted}{read}{fetched}{subject}"
