"""Parse a Dockerfile into instructions with positions, as BuildKit's parser does.

Dockerfile reference and BuildKit's frontend/dockerfile/parser: parser directives only on top, a byte order mark,
comments and empty lines inside a continued instruction, ``escape``, flags, exec forms, here-documents.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from lockml.common.errors import InputError
from lockml.docker.dockerfile.model import Comment, Dockerfile, Fault, Flag, Heredoc, Instruction
from lockml.docker.dockerfile.source import MappedText, Source
from lockml.docker.dockerfile.variables import raw_words

__all__ = ["KEYWORDS", "parse_dockerfile"]

_KEYWORDS: Final = (
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME "
    "WORKDIR"
)
KEYWORDS: Final = frozenset(_KEYWORDS.split())
_DIRECTIVE: Final = re.compile(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.+?)[ \t\r]*$")
_WITH_HEREDOCS: Final = frozenset({"ADD", "COPY", "RUN"})
_HEREDOC: Final = re.compile(r"\d*<<(-?)([^<]*)")
_EXEC_FORMS: Final = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})
_MOST: Final = 5000
_BLANK: Final = " \t\r\f\v"


class _Lines:
    """The lines of a source in order, each with its offset."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.starts = source.line_starts
        self.next = 0

    @property
    def left(self) -> bool:
        """Whether there is another line; text after the last line feed counts as one."""
        return self.next < len(self.starts) and self.starts[self.next] < len(self.text)

    def take(self) -> tuple[int, str]:
        """Return the offset of the next line and its text."""
        start = self.starts[self.next]
        self.next += 1
        stop = self.starts[self.next] - 1 if self.next < len(self.starts) else len(self.text)
        return start, self.text[start:stop].removesuffix("\r")


def parse_dockerfile(source: Source) -> Dockerfile:
    """Return the instructions of *source*; what BuildKit refuses is recorded as a fault, and the rest is still read.

    Raises InputError if there are too many.
    """
    lines = _Lines(source)
    directives = _directives(source)
    escape = directives.get("escape", "\\")
    faults: list[Fault] = []
    if escape not in ("\\", "`"):
        faults.append(Fault(problem=f"escape is {escape!r}, but must be \\ or `", start=0))
        escape = "\\"
    comments: list[Comment] = []
    instructions: list[Instruction] = []
    continued = re.compile(rf"(?:(?<=[^{re.escape(escape)}])|^){re.escape(escape)}[ \t]*$")
    while lines.left:
        if len(instructions) >= _MOST:
            raise InputError(source.name, f"has more than {_MOST} instructions")
        start, line = lines.take()
        if start == 0:
            start, line = len(line) - len(line.removeprefix("\ufeff")), line.removeprefix("\ufeff")
        stripped = line.strip(_BLANK)
        if not stripped:
            continue
        if stripped.startswith("#"):
            comments.append(Comment(text=stripped, start=start))
            continue
        logical = _logical_line(lines, start, line, continued, comments)
        instruction = _instruction(logical, lines, escape, faults)
        if instruction is not None:
            instructions.append(instruction)
    return Dockerfile(
        source=source,
        escape=escape,
        directives=directives,
        instructions=tuple(instructions),
        comments=tuple(comments),
        faults=tuple(faults),
    )


def _directives(source: Source) -> dict[str, str]:
    """Return the parser directives: comments of one form at the top, up to the first other line."""
    found: dict[str, str] = {}
    for line in source.text.removeprefix("\ufeff").split("\n", 8)[:8]:
        match = _DIRECTIVE.match(line.strip(_BLANK))
        if match is None or match[1].lower() not in ("syntax", "escape", "check") or match[1].lower() in found:
            break
        found[match[1].lower()] = match[2]
    return found


def _logical_line(
    lines: _Lines, start: int, line: str, continued: re.Pattern[str], comments: list[Comment]
) -> MappedText:
    """Return the instruction that begins with *line*, with its continuation lines; comments in between are kept."""
    margin = len(line) - len(line.lstrip(_BLANK))
    line, start = line[margin:], start + margin
    ending = continued.search(line)
    pieces = [(line[: ending.start()] if ending else line, start)]
    while ending and lines.left:
        start, line = lines.take()
        stripped = line.strip(_BLANK)
        if stripped.startswith("#"):
            comments.append(Comment(text=stripped, start=start))
            continue
        if not stripped:
            continue
        ending = continued.search(line)
        pieces.append((line[: ending.start()] if ending else line, start))
    return MappedText.joined(pieces)


def _instruction(line: MappedText, lines: _Lines, escape: str, faults: list[Fault]) -> Instruction | None:
    line = _trimmed(line, 0)
    text = line.text
    word = re.match(r"\S+", text)
    if word is None:
        return None
    keyword = word[0].upper()
    start = line.origin(0)
    if keyword not in KEYWORDS:
        faults.append(Fault(problem=f"{word[0][:40]!r} is not an instruction", start=start))
        return None
    trigger = keyword == "ONBUILD"
    rest = _trimmed(line, word.end())
    if trigger:
        inner = re.match(r"\S+", rest.text)
        if inner is None or inner[0].upper() not in KEYWORDS - {"ONBUILD", "FROM", "MAINTAINER"}:
            faults.append(Fault(problem="ONBUILD needs an instruction that can be triggered", start=start))
            return None
        keyword, rest = inner[0].upper(), _trimmed(rest, inner.end())
    flags, arguments = _flags(rest, escape)
    words = _exec_form(arguments.text) if keyword in _EXEC_FORMS else None
    heredocs: tuple[Heredoc, ...] = ()
    if keyword in _WITH_HEREDOCS and words is None and "<<" in arguments.text:
        heredocs = tuple(_heredocs(arguments, lines, escape, faults))
    stop = line.end(len(text))
    if heredocs:
        last = lines.starts[lines.next] - 1 if lines.next < len(lines.starts) else len(lines.text)
        stop = len(lines.text[:last].rstrip("\r")) if last > stop else stop
    return Instruction(
        keyword=keyword,
        start=start,
        stop=stop,
        arguments=arguments,
        flags=flags,
        words=words,
        heredocs=heredocs,
        trigger=trigger,
    )


def _trimmed(text: MappedText, start: int) -> MappedText:
    """Return *text* from *start* without the blanks around it."""
    whole = text.text
    stop = len(whole.rstrip(_BLANK))
    while start < stop and whole[start] in _BLANK:
        start += 1
    return text.part(start, max(start, stop))


def _flags(text: MappedText, escape: str) -> tuple[tuple[Flag, ...], MappedText]:
    """Return the leading flags, and the text after them; ``--`` ends them."""
    flags: list[Flag] = []
    offset = 0
    whole = text.text
    while whole.startswith("--", offset):
        value, stop = _flag_word(whole, offset, escape)
        if value == "--":
            offset = stop
            break
        name, _, content = value[2:].partition("=")
        flags.append(Flag(name=name, value=content, start=text.origin(offset), stop=text.end(stop)))
        offset = stop + len(whole[stop:]) - len(whole[stop:].lstrip(_BLANK))
    return tuple(flags), _trimmed(text, offset)


def _flag_word(text: str, start: int, escape: str) -> tuple[str, int]:
    """Return the word at *start* without its quotes, and its end."""
    value: list[str] = []
    quote = ""
    offset = start
    while offset < len(text):
        character = text[offset]
        if character == escape and offset + 1 < len(text):
            value.append(text[offset + 1])
            offset += 2
            continue
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif not quote and character in _BLANK:
            break
        else:
            value.append(character)
        offset += 1
    return "".join(value), offset


def _exec_form(text: str) -> tuple[str, ...] | None:
    """Return the words of a JSON array of strings, None if *text* is not one."""
    if not text.startswith("["):
        return None
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _heredocs(arguments: MappedText, lines: _Lines, escape: str, faults: list[Fault]) -> Iterator[Heredoc]:
    """Yield the here-documents that *arguments* announce, consuming their lines."""
    for raw, offset in raw_words(arguments.text, escape):
        match = _HEREDOC.fullmatch(raw)
        name = match[2].replace("'", "").replace('"', "") if match else ""
        if match is None or not name:
            continue
        pieces: list[tuple[str, int]] = []
        ended = False
        while lines.left:
            start, line = lines.take()
            if (line.lstrip("\t") if match[1] else line) == name:
                ended = True
                break
            pieces.append((line + "\n", start))
        if not ended:
            problem = f"here-document {name[:40]!r} does not end"
            faults.append(Fault(problem=problem, start=arguments.origin(offset)))
        yield Heredoc(name=name, content=MappedText.joined(pieces), chomp=bool(match[1]))
