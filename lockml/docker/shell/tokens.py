"""Split a shell script into tokens with positions: words, operators, here-documents (POSIX shell, bash)."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from lockml.docker.dockerfile.source import MappedText

__all__ = ["Part", "Token", "tokenize"]

_OPERATORS: Final = (";;&", "&&", "||", ";;", ";&", "|&", "&>>", "&>", ">>", ">|", ">&", "<&", "<>", "<(", ">(")
_PLAIN: Final = re.compile(r"[^\s;&|()<>'\"\\$`#]+|#")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-]")
_HEREDOC: Final = re.compile(r"<<(-?)[ \t]*(\\?[\w.-]+|'[^'\n]*'|\"[^\"\n]*\")")


class Part(Struct, frozen=True, kw_only=True):
    """A piece of a word: ``text`` as it is, ``variable`` by name, ``script`` of a substitution, ``unknown``.

    *raw* is how it is written; *quoted* pieces are not split at blanks.
    """

    kind: str
    value: str
    raw: str
    quoted: bool
    start: int = 0


class Token(Struct, kw_only=True):
    """A word (with its *parts*), an operator, a line feed or a redirection; *text* is how it is written."""

    kind: str  # word, operator, redirect, heredoc
    text: str
    start: int
    stop: int
    parts: list[Part] = field(default_factory=list)
    heredoc: MappedText | None = None


class _Scanner:
    """A single pass over a script; *pending* here-documents begin at the next line feed."""

    def __init__(self, script: MappedText) -> None:
        self.script = script
        self.text = script.text
        self.offset = 0
        self.pending: list[tuple[Token, str, bool]] = []

    def tokens(self) -> Iterator[Token]:
        text, length = self.text, len(self.text)
        while self.offset < length:
            character = text[self.offset]
            if character == "\n":
                start = self.offset
                self.offset += 1
                self._heredocs()
                yield Token(kind="operator", text="\n", start=start, stop=start + 1)
            elif character.isspace():
                self.offset += 1
            elif character == "#":
                end = text.find("\n", self.offset)
                self.offset = length if end == -1 else end
            elif character == "\\" and text.startswith("\\\n", self.offset):
                self.offset += 2
            elif character in ";&|()<>":
                yield self._operator()
            else:
                yield self._word()

    def _operator(self) -> Token:
        start = self.offset
        match = _HEREDOC.match(self.text, start)
        if match is not None and not self.text.startswith("<<<", start):
            token = Token(kind="heredoc", text=match[0], start=start, stop=match.end())
            self.pending.append((token, match[2].strip("'\"\\"), bool(match[1])))
            self.offset = match.end()
            return token
        if self.text.startswith("<<<", start):
            text = "<<<"
        else:
            text = next((each for each in _OPERATORS if self.text.startswith(each, start)), self.text[start])
        self.offset = start + len(text)
        kind = "redirect" if text[0] in "<>" or text.startswith("&>") else "operator"
        if text in ("<(", ">("):
            end = _matching(self.text, self.offset)
            part = Part(kind="script", value=self.text[self.offset : end], raw="", quoted=True, start=self.offset)
            self.offset = min(end + 1, len(self.text))
            return Token(kind="word", text=self.text[start : self.offset], start=start, stop=self.offset, parts=[part])
        return Token(kind=kind, text=text, start=start, stop=self.offset)

    def _heredocs(self) -> None:
        """Consume the lines of the here-documents that the previous line announced."""
        for token, name, chomp in self.pending:
            begin = self.offset
            while self.offset < len(self.text):
                end = self.text.find("\n", self.offset)
                end = len(self.text) if end == -1 else end
                line = self.text[self.offset : end]
                stop, self.offset = self.offset, min(end + 1, len(self.text))
                if (line.lstrip("\t") if chomp else line) == name:
                    token.heredoc = self.script.part(begin, stop)
                    break
        self.pending = []

    def _word(self) -> Token:
        start = self.offset
        parts: list[Part] = []
        text, length = self.text, len(self.text)
        while self.offset < length:
            character = text[self.offset]
            if character.isspace() or character in ";&|()<>":
                break
            if character == "'":
                end = text.find("'", self.offset + 1)
                end = length if end == -1 else end
                self._literal(parts, text[self.offset + 1 : end], quoted=True)
                self.offset = min(end + 1, length)
            elif character == '"':
                self.offset += 1
                self._double_quoted(parts)
            elif character == "\\":
                if text[self.offset + 1 : self.offset + 2] != "\n":
                    self._literal(parts, text[self.offset + 1 : self.offset + 2], quoted=True)
                self.offset += 2
            elif character in "$`":
                parts.append(self._expansion(quoted=False))
            else:
                match = _PLAIN.match(text, self.offset)
                stop = match.end() if match else self.offset + 1
                self._literal(parts, text[self.offset : stop], quoted=False)
                self.offset = stop
        self.offset = min(self.offset, length)
        return Token(kind="word", text=text[start : self.offset], start=start, stop=self.offset, parts=parts)

    def _literal(self, parts: list[Part], value: str, *, quoted: bool) -> None:
        parts.append(Part(kind="text", value=value, raw=value, quoted=quoted, start=self.offset + quoted))

    def _double_quoted(self, parts: list[Part]) -> None:
        text, length = self.text, len(self.text)
        begin = self.offset
        while self.offset < length and text[self.offset] != '"':
            character = text[self.offset]
            if character in "$`":
                self._flush(parts, begin)
                parts.append(self._expansion(quoted=True))
                begin = self.offset
            elif character == "\\" and text[self.offset + 1 : self.offset + 2] in ('"', "\\", "$", "`", "\n"):
                self._flush(parts, begin)
                begin = self.offset + 1 + (text[self.offset + 1] == "\n")
                self.offset += 2
            else:
                self.offset += 1
        self.offset = min(self.offset, length)
        self._flush(parts, begin, always=not parts)
        self.offset = min(self.offset + 1, length)

    def _flush(self, parts: list[Part], begin: int, *, always: bool = False) -> None:
        value = self.text[begin : self.offset]
        if value or always:
            parts.append(Part(kind="text", value=value, raw=value, quoted=True, start=begin))

    def _expansion(self, *, quoted: bool) -> Part:
        """Read a ``$…`` or a pair of back quotes."""
        text, start = self.text, self.offset
        if text[start] == "`":
            end = text.find("`", start + 1)
            end = len(text) if end == -1 else end
            kind, value, begin = "script", text[start + 1 : end], start + 1
        elif text.startswith("$((", start):
            end = _matching(text, start + 2)
            kind, value, begin = "unknown", "", start
        elif text.startswith("$(", start):
            end = _matching(text, start + 2)
            kind, value, begin = "script", text[start + 2 : end], start + 2
        elif text.startswith("${", start):
            end = _closing_brace(text, start + 2)
            kind, value, begin = "variable", text[start + 2 : end], start
        else:
            match = _NAME.match(text, start + 1)
            kind, value, begin = ("variable", match[0], start) if match else ("text", "$", start)
            end = match.end() - 1 if match else start
        self.offset = min(end + 1, len(text))
        return Part(kind=kind, value=value, raw=text[start : self.offset], quoted=quoted, start=begin)


def _matching(text: str, offset: int) -> int:
    """Return where the parenthesis that is open at *offset* closes, or the end of *text*."""
    depth, quote = 1, ""
    while offset < len(text):
        character = text[offset]
        if character == "\\" and quote != "'":
            offset += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if not depth:
                return offset
        offset += 1
    return len(text)


def _closing_brace(text: str, offset: int) -> int:
    depth = 1
    while offset < len(text):
        if text[offset] == "\\":
            offset += 1
        elif text.startswith("${", offset):
            depth += 1
            offset += 1
        elif text[offset] == "}":
            depth -= 1
            if not depth:
                return offset
        offset += 1
    return len(text)


def tokenize(script: MappedText) -> Iterator[Token]:
    """Yield the tokens of *script*; any input is read completely, once."""
    yield from _Scanner(script).tokens()
