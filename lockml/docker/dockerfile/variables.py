"""Expand the variables in a word of a Dockerfile.

Dockerfile reference, "Environment replacement":
``$x``, ``${x}``, ``${x:-y}``, ``${x-y}``, ``${x:+y}``, ``${x+y}``, ``${x:?y}``, ``${x#y}``, ``${x%y}``, ``${x/y/z}``.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from itertools import islice
from typing import Final

__all__ = ["Values", "assignments", "bounded", "raw_words", "substitute"]

Values = Mapping[str, str | None]
"""The values of variables: None if only the build knows them, as with an ARG without a default."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST: Final = 8
_MOST: Final = 300  # variables
_LONGEST: Final = 1 << 16  # stops values that double with each line


def bounded(values: dict[str, str | None]) -> dict[str, str | None]:
    """Return *values*, limited to the number that images have: the rest count as unknown."""
    return values if len(values) <= _MOST else dict(islice(values.items(), _MOST))


def substitute(word: str, values: Values, escape: str = "\\", *, depth: int = 0) -> str | None:
    """Return the value of *word* without its quotes, None if one of its variables is unknown."""
    parts: list[str] = []
    known = True
    quote = ""
    offset = 0
    while offset < len(word):
        character = word[offset]
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == escape and quote != "'" and offset + 1 < len(word):
            offset += 1
            parts.append(word[offset])
        elif character == "$" and quote != "'":
            value, offset = _expanded(word, offset, values, escape, depth)
            known = known and value is not None
            parts.append(value or "")
            continue
        else:
            parts.append(character)
        offset += 1
    text = "".join(parts)
    return text if known and len(text) <= _LONGEST else None


def _expanded(word: str, offset: int, values: Values, escape: str, depth: int) -> tuple[str | None, int]:
    """Return the value of the variable at *offset*, a ``$``, and the end of its name."""
    match = _NAME.match(word, offset + 1)
    if match is not None:
        return values.get(match[0]), match.end()
    if not word.startswith("${", offset):
        return "$", offset + 1
    end = _closing(word, offset + 2)
    inside = word[offset + 2 : end]
    stop = min(end + 1, len(word))
    match = _NAME.match(inside)
    if match is None or depth >= _DEEPEST:
        return None, stop
    rest = inside[match.end() :]
    return _modified(match[0], rest, values, escape, depth), stop


def _modified(name: str, rest: str, values: Values, escape: str, depth: int) -> str | None:
    """Return the variable *name*, modified by *rest*."""
    value = values.get(name)
    if not rest:
        return value
    colon = rest.startswith(":")
    operator, operand = rest[colon : colon + 1], rest[colon + 1 :]
    absent = name not in values or (colon and value == "")
    if operator == "-":
        if value is None or absent:  # a value that only the build knows still has this default
            return substitute(operand, values, escape, depth=depth + 1)
        return value
    if operator == "+":
        return "" if absent else substitute(operand, values, escape, depth=depth + 1)
    if operator == "?" or value is None:
        return value
    return _without(value, operator, operand)


def _without(value: str, operator: str, operand: str) -> str | None:
    """Return *value* with a pattern removed from its ends or replaced, None if that is not understood."""
    longest = operand.startswith(operator)
    pattern = operand.removeprefix(operator)
    if len(value) > 1000 or len(pattern) > 100 or pattern.count("*") > 4:
        return None
    if operator == "/":
        old, _, new = pattern.partition("/")
        return value.replace(old, new, -1 if longest else 1) if old and not set(old) & set("*?[") else None
    if operator not in ("#", "%"):
        return None
    fits = re.compile(translate(pattern))
    lengths = range(len(value) + 1)
    for length in reversed(lengths) if longest else lengths:
        taken = value[:length] if operator == "#" else value[len(value) - length :]
        if fits.match(taken):
            return value[length:] if operator == "#" else value[: len(value) - length]
    return value


def _closing(text: str, offset: int) -> int:
    """Return where the brace that is open at *offset* closes, or the end of *text*."""
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


def assignments(text: str, escape: str) -> Iterator[tuple[str, str, int]]:
    """Yield (name, raw value, offset of the value) of ``ENV a=b c="d e"``, or of the old ``ENV a b c``."""
    words = list(raw_words(text, escape))
    if words and "=" not in words[0][0]:
        name = words[0][0]
        offset = words[1][1] if len(words) > 1 else len(text)
        yield name, text[offset:], offset
        return
    for word, start in words:
        name, equals, value = word.partition("=")
        if equals:
            yield name, value, start + len(name) + 1


def raw_words(text: str, escape: str) -> Iterator[tuple[str, int]]:
    """Yield the words of *text* with their quotes, and where each begins."""
    if not any(mark in text for mark in ("'", '"', escape)):
        yield from ((match[0], match.start()) for match in re.finditer(r"\S+", text))
        return
    offset = 0
    while offset < len(text):
        if text[offset].isspace():
            offset += 1
            continue
        start, quote = offset, ""
        while offset < len(text) and (quote or not text[offset].isspace()):
            if text[offset] == escape and quote != "'":
                offset += 1
            elif text[offset] == quote:
                quote = ""
            elif not quote and text[offset] in "'\"":
                quote = text[offset]
            offset += 1
        yield text[start:offset], start
