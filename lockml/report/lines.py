"""Lines of a text report: a label in a colour, and a text that is wrapped at words."""

import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from lockml.common.display import escape

__all__ = ["Line", "Paint", "fact", "format_lines", "paint", "paint_nothing", "shown"]

Paint = Callable[[str, str], str]
_COLOURS: Final = {"red": "31;1", "green": "32;1", "yellow": "33;1", "dim": "2"}
_LABEL: Final = 6
_BLANK: Final = re.compile(" {3,}")
_SPAN: Final = re.compile("`[^`]*`")


class Line(NamedTuple):
    """A *text* after an *indent* and a coloured *label*; wrapped lines are indented by *hang*, None for no wrapping.

    A backquoted command is never split: a part of it would run when pasted.
    """

    indent: int
    text: str
    label: str = ""
    colour: str = ""
    hang: int | None = 2


def fact(label: str, text: str, *, wraps: bool = True) -> Line:
    """Return a drift's line with a short *label* in front; foreign *text* is escaped."""
    return Line(4, shown(text), f"{label:{_LABEL}} ", "dim", _LABEL + 1 if wraps else None)


def shown(text: str) -> str:
    """Return foreign *text* escaped, and runs of spaces too: they would look like a new line where a terminal wraps."""
    return _BLANK.sub(lambda match: r"\x20" * len(match[0]), escape(text))


def paint(text: str, colour: str) -> str:
    """Return *text* in *colour* for a terminal."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if text and colour else text


def paint_nothing(text: str, _: str) -> str:
    """Return *text* as it is."""
    return text


def format_lines(lines: Iterable[Line], paint: Paint, width: int | None) -> str:
    """Return *lines* wrapped to *width* columns, None for no wrapping; no word is split."""
    return "\n".join(_wrapped(line, paint, width) for line in lines)


def _wrapped(line: Line, paint: Paint, width: int | None) -> str:
    indent = " " * line.indent
    whole = line.label + line.text
    if width is not None and line.hang is not None and " " in line.text and line.indent + len(whole) > width:
        hang = indent + " " * line.hang
        wrapper = textwrap.TextWrapper(
            width=max(width, len(hang) + 20),
            initial_indent=indent,
            subsequent_indent=hang,
            break_long_words=False,
            break_on_hyphens=False,
        )
        unbroken = _SPAN.sub(lambda match: match[0].replace(" ", "\0"), whole)
        whole = "\n".join(wrapper.wrap(unbroken)).replace("\0", " ")[line.indent :]
    word = line.label.rstrip()
    return (indent + paint(word, line.colour) + whole[len(word) :]).rstrip()
