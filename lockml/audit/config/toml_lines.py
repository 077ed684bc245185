"""The line of a key in the text of a TOML file (TOML 1.0).

tomllib has parsed the text before, so it is valid.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

__all__ = ["line_of"]

Path = tuple[str | int, ...]

_KEY: Final = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEYS: Final = rf"{_KEY}(?:[ \t]*\.[ \t]*{_KEY})*"
_TOKEN: Final = re.compile(
    r'(?P<long>"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5})'
    rf"|^[ \t]*\[\[(?P<array>[ \t]*{_KEYS}[ \t]*)\]\]|^[ \t]*\[(?P<table>[ \t]*{_KEYS}[ \t]*)\][ \t]*(?=#|$)"
    rf"|(?P<key>{_KEYS})[ \t]*=|(?P<short>\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*')|(?P<comment>\#[^\n]*)"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)",
    re.MULTILINE | re.DOTALL,
)


def line_of(text: str, path: Sequence[str | int]) -> int:
    """Return the line, from 1, of the value at *path*, or of the nearest table around it that has a line."""
    lines = dict(_key_lines(text))
    wanted = tuple(path)
    while wanted and wanted not in lines:
        wanted = wanted[:-1]
    return lines.get(wanted, 1)


def _key_lines(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the path of each table and key with its line."""
    table: Path = ()
    counts: dict[Path, int] = {}
    inner: list[list[Path | int | None]] = []  # for every open bracket: the path of its content, and the index in it
    last: Path = ()
    for token in _TOKEN.finditer(text):
        line = text.count("\n", 0, token.start() + len(token[0]) - len(token[0].lstrip())) + 1
        if (name := token["array"]) is not None and not inner:
            path = _within(_split(name), counts)
            counts[path] = counts.get(path, -1) + 1
            table = last = (*path, counts[path])
            yield table, line
        elif (name := token["table"]) is not None and not inner:
            table = last = _within(_split(name), counts)
            yield table, line
        elif (name := token["key"]) is not None:
            around = inner[-1][0] if inner else table
            last = (*_path(around), *_split(name))
            yield last, line
        elif token["open"]:
            begun = _element(inner, last)
            inner.append([begun, 0 if token["open"] == "[" else None])
            yield begun, line
        elif token["close"] and inner:
            last = _path(inner.pop()[0])
        elif token["comma"] and inner and isinstance(inner[-1][1], int):
            inner[-1][1] += 1


def _path(value: "Path | int | None") -> Path:
    return value if isinstance(value, tuple) else ()


def _element(inner: "Sequence[Sequence[Path | int | None]]", last: Path) -> Path:
    """Return the path of what an opening bracket begins: an element of the array around it, or the value of a key."""
    if inner and isinstance(inner[-1][1], int):
        return (*_path(inner[-1][0]), inner[-1][1])
    return last


def _within(keys: Path, counts: dict[Path, int]) -> Path:
    """Return *keys* with the index of the last element of each array of tables on the way."""
    path: Path = ()
    for number, key in enumerate(keys, 1):
        path = (*path, key)
        if path in counts and number < len(keys):
            path = (*path, counts[path])
    return path


def _split(name: str) -> Path:
    return tuple(key[1:-1] if key[0] in "\"'" else key for key in re.findall(_KEY, name))
