"""The steps of a guide: the files that it shows, and the commands with what they print.

A comment before a code block says what it is: ``<!-- file: NAME -->`` is a file, ``<!-- run -->`` commands that end
with 0, and ``<!-- run: exit 1 -->`` commands of which the last ends with 1. ``…`` in an output is any text.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final, NamedTuple

__all__ = ["Command", "File", "commands_of", "fits", "steps", "updated"]

_BLOCK: Final = re.compile(
    r"^<!-- (?:file: (?P<file>\S+)|run(?:: exit (?P<code>\d+))?) -->\n+```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_MARK: Final = re.compile(r"<!--\s*(?:file|run)\b", re.IGNORECASE)


class File(NamedTuple):
    """A file that a guide shows."""

    name: str
    text: str


class Command(NamedTuple):
    """A command *line* of a guide, the *code* that it ends with, and the *output* that the guide shows."""

    line: str
    code: int
    output: tuple[str, ...]


def steps(text: str) -> Iterator[File | Command]:
    """Yield what a reader of a guide does, in order; raises ValueError for a comment without its block."""
    if len(_MARK.findall(text)) != len(_BLOCK.findall(text)):
        raise ValueError("a comment for a file or a command has no code block below it, or is misspelt")
    for block in _BLOCK.finditer(text):
        if block["file"]:
            yield File(block["file"], block["text"])
        else:
            commands = list(commands_of(block["text"]))
            yield from commands[:-1]
            yield commands[-1]._replace(code=int(block["code"] or 0))


def commands_of(block: str) -> Iterator[Command]:
    """Yield each command of a console block, with the lines below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line, 0, tuple(output.splitlines()))


def fits(shown: tuple[str, ...], printed: str) -> bool:
    """Say whether *printed* has the lines that a guide shows, in order; numbers, digests and times may differ."""
    pattern = "".join(_pattern(line) for line in shown)
    return not shown or re.fullmatch(pattern, _shape(printed) + "\n") is not None


def updated(shown: tuple[str, ...], printed: str) -> tuple[str, ...]:
    """Return the lines that a guide shows, each as the most similar line of *printed* has it; ``…`` stays."""
    lines = printed.splitlines()
    return tuple(
        line if "…" in line else next(iter(get_close_matches(line, lines, n=1, cutoff=0.4)), line) for line in shown
    )


def _pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(_shape(part)) for part in line.split("…")) + r"\n+"


def _shape(text: str) -> str:
    """Return *text* without what differs from run to run and from machine to machine."""
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "0", text.strip("\n"))
    text = re.sub(r"linux/\w+|(?:glibc|musl)-[\d.]+", "0", text)
    return re.sub(r"\d+(?:\.\d+)*", "0", text)
