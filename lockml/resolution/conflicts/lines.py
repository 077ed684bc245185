"""Shortens an explanation to as many lines as a person reads at once, and counts the rest."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct

from lockml.common.settings import setting

__all__ = ["MOST_LINES", "ShownLine", "shorten"]

MOST_LINES: Final = 38
"""The most lines that are shown; with a hint, a refusal has at most 40."""

_LEAST: Final = 3  # lines of a part that are always shown


class ShownLine(Struct, frozen=True):
    """A line of an explanation; a *detail* is omitted if there are too many."""

    text: str
    detail: bool = False


def shorten(lines: Sequence[ShownLine], most: int = MOST_LINES) -> list[str]:
    """Return at most *most* of the texts of *lines*; the ends of runs of details are omitted, the longest run first."""
    runs = [(detail, [line.text for line in run]) for detail, run in groupby(lines, lambda line: line.detail)]
    kept = [len(lines) for _, lines in runs]
    while _count(runs, kept) > most:
        longest = max((index for index, (detail, _) in enumerate(runs) if detail), key=kept.__getitem__, default=None)
        if longest is None or kept[longest] <= _LEAST:
            break
        kept[longest] -= 1
    texts = [text for (_, run), count in zip(runs, kept, strict=True) for text in _cut(run, count)]
    return texts if len(texts) <= most else [*texts[: most - 1], _rest(len(texts) - most + 1, "  ")]


def _count(runs: Sequence[tuple[bool, list[str]]], kept: Sequence[int]) -> int:
    return sum(count + (count < len(lines)) for (_, lines), count in zip(runs, kept, strict=True))


def _cut(lines: list[str], count: int) -> Iterator[str]:
    yield from lines[:count]
    if count < len(lines):
        yield _rest(len(lines) - count, "    ")


def _rest(count: int, indent: str) -> str:
    return f"{indent}… {count} more {'line' if count == 1 else 'lines'} ({setting('full')})"
