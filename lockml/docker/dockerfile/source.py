"""Text that knows its positions in a file: `Source` and `MappedText`."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from msgspec import Struct

from lockml.common.errors import InputError

__all__ = ["LARGEST", "MappedText", "Position", "Source", "decode", "is_compose"]

LARGEST: Final = 1 << 20  # BuildKit itself refuses lines of 64 KiB; no Dockerfile has a mebibyte
_SERVICES: Final = re.compile(r"(?m)^[\"']?services[\"']?[ \t]*:")
_FROM: Final = re.compile(r"(?mi)^[ \t]*FROM[ \t]+\S")


class Position(Struct, frozen=True):
    """A place in a file: *line* and *column* counted from 1."""

    line: int
    column: int


class Source(Struct, frozen=True, kw_only=True, dict=True):
    """The text of the file *name*, with undecodable bytes as surrogates."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """The offset of each line; only a line feed ends one, as in BuildKit."""
        starts = [0]
        offset = self.text.find("\n")
        while offset != -1:
            starts.append(offset + 1)
            offset = self.text.find("\n", offset + 1)
        return tuple(starts)

    def position(self, offset: int) -> Position:
        """Return the line and column of *offset*."""
        line = bisect_right(self.line_starts, offset)
        return Position(line, offset - self.line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Return the text of the line *number*, without its end."""
        start = self.line_starts[number - 1]
        stop = self.line_starts[number] - 1 if number < len(self.line_starts) else len(self.text)
        return self.text[start:stop].removesuffix("\r")

    @cached_property
    def newline(self) -> str:
        """The line ending of this file."""
        return "\r\n" if "\r\n" in self.text else "\n"


class MappedText(Struct, frozen=True, kw_only=True):
    """A text made of pieces of a source: the piece at ``starts[n]`` comes from ``origins[n]``.

    *exact* says that a piece can be edited in the source; it is false for text that quoting changed.
    """

    text: str
    starts: tuple[int, ...] = (0,)
    origins: tuple[int, ...] = (0,)
    exact: bool = True

    def origin(self, offset: int) -> int:
        """Return the source offset of the text at *offset*."""
        if not self.exact:
            return self.origins[0]
        piece = max(bisect_right(self.starts, offset) - 1, 0)
        return self.origins[piece] + offset - self.starts[piece]

    def end(self, stop: int) -> int:
        """Return the source offset after the text that ends at *stop*."""
        return self.origin(stop - 1) + 1 if stop else self.origin(0)

    def part(self, start: int, stop: int) -> "MappedText":
        """Return the text from *start* to *stop*."""
        if not self.exact:
            return MappedText(text=self.text[start:stop], origins=self.origins[:1], exact=False)
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = bisect_right(self.starts, max(stop - 1, start))
        starts = [max(each - start, 0) for each in self.starts[first:last]]
        origins = list(self.origins[first:last])
        if origins:
            origins[0] = self.origin(start)
        return MappedText(text=self.text[start:stop], starts=tuple(starts) or (0,), origins=tuple(origins) or (0,))

    @classmethod
    def joined(cls, pieces: Iterable[tuple[str, int]]) -> "MappedText":
        """Return the text of (piece, its offset in the source), in order."""
        texts: list[str] = []
        starts: list[int] = []
        origins: list[int] = []
        length = 0
        for text, origin in pieces:
            if not text and starts:
                continue
            texts.append(text)
            starts.append(length)
            origins.append(origin)
            length += len(text)
        return cls(text="".join(texts), starts=tuple(starts) or (0,), origins=tuple(origins) or (0,))


def decode(content: bytes, name: str) -> Source:
    """Return the text of *content*; raises InputError if it is too large."""
    if len(content) > LARGEST:
        raise InputError(name, f"is larger than {LARGEST >> 20} MiB")
    return Source(name=name, text=content.decode("utf-8", "surrogateescape"))


def is_compose(source: Source) -> bool:
    """Return whether the text is a Compose file rather than a Dockerfile, judging by its content."""
    return bool(_SERVICES.search(source.text)) and not _FROM.search(source.text)
