"""Reads the tags of an HTML page in one pass, whatever the page holds (HTML Living Standard, 13.2.5).

The standard library's parser takes time that grows with the square of the page where comments or tags do not end.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

__all__ = ["Tag", "read_tags"]

_NAME: Final = re.compile(r"[A-Za-z][^\s/>]*")
_BETWEEN: Final = re.compile(r"[\s/]*")
_ATTRIBUTE: Final = re.compile(r"(=?[^\s=/>]*)\s*(=?)\s*")
_VALUE: Final = re.compile(r"[^\s>]*")
_OPAQUE: Final = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
_MAX_ATTRIBUTES: Final = 64


class Tag(NamedTuple):
    """A start tag: *attributes* by lower-case name; *ambiguous* where readers would differ in what it says."""

    name: str
    attributes: Mapping[str, str]
    ambiguous: bool = False


def read_tags(text: str) -> Iterator[Tag]:
    """Yield the start tags of *text*; what a browser shows as text, or does not show, holds none."""
    position = 0
    while (position := text.find("<", position)) >= 0:
        if text.startswith("<!--", position):
            position = _after(text, "-->", position + 4)
            continue
        if text.startswith(("<!", "<?", "</"), position):
            position = _after(text, ">", position + 2)
            continue
        name = _NAME.match(text, position + 1)
        if name is None:
            position += 1
            continue
        tag, position = _read_tag(name[0].lower(), text, name.end())
        if tag is None:
            return
        yield tag
        if tag.name in _OPAQUE:
            end = re.compile(f"</{tag.name}(?![^\\s/>])", re.IGNORECASE).search(text, position)
            position = end.start() if end is not None else len(text)


def _read_tag(name: str, text: str, position: int) -> tuple[Tag | None, int]:
    """Return the tag *name* whose attributes begin at *position*, None where it does not end, and where it ends."""
    attributes: dict[str, str] = {}
    ambiguous = False
    while True:
        position = _end(_BETWEEN, text, position)
        if position >= len(text):
            return None, position
        if text[position] == ">":
            return Tag(name, attributes, ambiguous), position + 1
        key, value, position = _read_attribute(text, position)
        if position < 0:
            return None, len(text)
        decoded = _decoded(value)
        ambiguous = ambiguous or decoded is None or attributes.get(key, decoded) != decoded
        if len(attributes) < _MAX_ATTRIBUTES:
            attributes.setdefault(key, decoded or "")


def _read_attribute(text: str, position: int) -> tuple[str, str, int]:
    """Return the name and the value of the attribute at *position*, and where it ends, -1 where it does not."""
    match = _ATTRIBUTE.match(text, position)
    key, equals = match.groups() if match is not None else ("", "")
    position = match.end() if match is not None else position + 1
    if not equals:
        return key.lower(), "", position
    quote = text[position : position + 1]
    if quote in ("'", '"'):
        stop = text.find(quote, position + 1)
        return key.lower(), text[position + 1 : stop], stop + 1 if stop >= 0 else -1
    stop = _end(_VALUE, text, position)
    return key.lower(), text[position:stop], stop


def _decoded(value: str) -> str | None:
    """Return *value* with its character references resolved, None if one is an unbounded number."""
    try:
        return html.unescape(value)
    except ValueError:
        return None


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match is not None else position


def _after(text: str, end: str, position: int) -> int:
    """Return where *text* goes on after the next *end*, at its own end where there is none."""
    found = text.find(end, position)
    return found + len(end) if found >= 0 else len(text)
