"""Splits the text of a requirement file into logical lines with their line numbers.

The grammar is pip's: a backslash joins lines, ``#`` at the start or after a space begins a comment, ``${NAME}`` is
replaced from the environment.
"""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["decode", "line_of", "logical_lines"]

_COMMENT = re.compile(
    r"(?:^|(?<=\s))#.*$"
)  # pip's takes the spaces before it too, in a time that grows with their square
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(content: bytes) -> str:
    """Return the text of a requirement file: by byte order mark, by a ``coding`` comment on top, else UTF-8.

    Raises UnicodeDecodeError, or LookupError for an encoding that does not exist.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.removeprefix(mark).decode(encoding)
    declared = _CODING.search(b"\n".join(content.split(b"\n", 2)[:2]))
    return content.decode(declared[1].decode("ascii") if declared else "utf-8")


def logical_lines(text: str, environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield each line with content as (number of its first line, counted from 1; joined, uncommented text)."""
    start = 0
    pending: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        start = start if pending else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            pending.append(line.rstrip("\\"))
            continue
        pending.append(f" {line}" if comment else line)
        yield from _content(start, "".join(pending), environment)
        pending = []
    if pending:
        yield from _content(start, "".join(pending), environment)


def line_of(text: str, lines: Sequence[str], first: int = 1) -> int | None:
    """Return the first of *lines* that holds *text* in quotes, counted from *first*."""
    for number, line in enumerate(lines, first):
        if f'"{text}"' in line or f"'{text}'" in line:
            return number
    return None


def _content(number: int, line: str, environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    content = _COMMENT.sub("", line).strip()
    if content:
        yield number, _VARIABLE.sub(lambda match: environment.get(match[1]) or match[0], content)
