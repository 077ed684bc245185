"""Expand tokens to `Argument`s: quotes removed, variables expanded, unquoted values split at blanks."""

from collections.abc import Mapping
from typing import Final

from lockml.docker.dockerfile.source import MappedText
from lockml.docker.dockerfile.variables import Values, substitute
from lockml.docker.shell.model import Argument
from lockml.docker.shell.tokens import Part, Token

__all__ = ["arguments_of"]

_MOST: Final = 1000  # words that one value may expand to


class _Fields:
    """The words that a token becomes: *pieces* belong to the word under construction."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []
        self.pieces: list[str] = []
        self.begun = False
        self.known = True

    def add(self, text: str, *, known: bool = True) -> None:
        self.pieces.append(text)
        self.begun = True
        self.known = self.known and known

    def split(self, value: str) -> None:
        """Add an unquoted value: blanks in it end words."""
        if value[:1].isspace():
            self.close()
        words = value.split()[:_MOST]
        for number, word in enumerate(words):
            if number:
                self.close()
            self.add(word)
        if words and value[-1:].isspace():
            self.close()

    def close(self) -> None:
        if self.begun:
            self.done.append(("".join(self.pieces), self.known))
        self.pieces, self.begun, self.known = [], False, True


def arguments_of(
    token: Token, script: MappedText, values: Values, lists: Mapping[str, tuple[str, ...]]
) -> list[Argument]:
    """Return the expansion of *token*; *lists* are loop variables, whose words each become one argument."""
    start, stop = script.origin(token.start), script.end(token.stop)
    parts = token.parts
    if len(parts) == 1 and parts[0].kind == "variable" and parts[0].value in lists:
        items = lists[parts[0].value]
        return [Argument(text=text, start=start, stop=stop, known="$" not in text, whole=False) for text in items]
    if all(part.kind == "text" for part in parts):
        text = "".join(part.value for part in parts)
        inner = (
            script.part(parts[0].start, parts[0].start + len(text))
            if len(parts) == 1 and parts[0].quoted and text
            else None
        )
        return [Argument(text=text, start=start, stop=stop, inner=inner)]
    fields = _Fields()
    for part in parts:
        _add(fields, part, values, lists)
    fields.close()
    return [Argument(text=text, start=start, stop=stop, known=known, whole=False) for text, known in fields.done]


def _add(fields: _Fields, part: Part, values: Values, lists: Mapping[str, tuple[str, ...]]) -> None:
    if part.kind == "text":
        fields.add(part.value)
        return
    value: str | None = None
    if part.kind == "variable":
        if part.value in lists:
            value = " ".join(lists[part.value])
        else:
            value = values.get(part.value) if part.value.isidentifier() else substitute(f"${{{part.value}}}", values)
    if value is None:
        fields.add(part.raw, known=False)
    elif part.quoted:
        fields.add(value)
    else:
        fields.split(value)
