"""Parse a YAML file into plain mappings, lists and texts, in time and depth bounded by its size.

It only accepts what YAML 1.1 and 1.2 read alike: no aliases, tags, merges, second documents or duplicate keys. Scalars
remain texts, None for nothing or null, so ``1.10`` is not a number until a caller converts it.
"""

from collections.abc import Iterator
from typing import Any, Final

import yaml

from lockml.common.errors import InputError

__all__ = ["Yaml", "parse_yaml"]

Yaml = dict[str, "Yaml"] | list["Yaml"] | str | None

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEPTH: Final = 40
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL"})
_OPENED: Final = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSED: Final = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _RefusedError(Exception):
    """A YAML feature that is not supported here, at an *event*.

    Internal: never reaches the user; `parse_yaml` turns it into an InputError.
    """

    def __init__(self, event: Any, problem: str) -> None:
        super().__init__(problem)
        self.line = event.start_mark.line + 1


def parse_yaml(content: bytes, file: str) -> Yaml:
    """Return the single document of *content*; raises InputError naming *file* and the line of the fault."""
    try:
        return _Builder().build(yaml.parse(content.decode("utf-8-sig"), Loader=_LOADER))
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    except _RefusedError as error:
        raise InputError(f"{file}:{error.line}", str(error)) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        place = getattr(error, "problem_mark", None)
        name = f"{file}:{place.line + 1}" if place is not None else file
        raise InputError(name, f"is not YAML ({getattr(error, 'problem', None) or type(error).__name__})") from error


class _Builder:
    """Values under construction: the open mappings and lists, and the pending key of each mapping."""

    def __init__(self) -> None:
        self._open: list[dict[str, Yaml] | list[Yaml]] = []
        self._keys: list[str | None] = []
        self._root: Yaml = None

    def build(self, events: Iterator[Any]) -> Yaml:
        """Return the value of the single document in *events*."""
        documents = 0
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind in _OPENED:
                self._begin(event, {} if kind is yaml.MappingStartEvent else [])
            elif kind in _CLOSED:
                self._open.pop()
                self._keys.pop()
            elif kind is yaml.AliasEvent:
                raise _RefusedError(event, "has an alias, which is not supported")
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _RefusedError(event, "has a second document")
        return self._root

    def _scalar(self, event: Any) -> None:
        if event.tag is not None:
            raise _RefusedError(event, f"has the tag {event.tag!r}, which is not supported")
        plain = event.implicit[0]
        value = event.value
        if self._open and type(self._open[-1]) is dict and self._keys[-1] is None:
            if plain and (value == "<<" or value in _NOTHING):
                raise _RefusedError(event, f"has the key {value!r}, which is not supported")
            if value in self._open[-1]:
                raise _RefusedError(event, f"has {value!r} twice")
            self._keys[-1] = value
        else:
            self._add(None if plain and value in _NOTHING else value)

    def _begin(self, event: Any, value: dict[str, Yaml] | list[Yaml]) -> None:
        if event.tag is not None:
            raise _RefusedError(event, f"has the tag {event.tag!r}, which is not supported")
        if len(self._open) >= _DEPTH:
            raise _RefusedError(event, f"is nested more than {_DEPTH} times")
        if self._open and type(self._open[-1]) is dict and self._keys[-1] is None:
            raise _RefusedError(event, "has a key that is not a text")
        self._add(value)
        self._open.append(value)
        self._keys.append(None)

    def _add(self, value: Yaml) -> None:
        if not self._open:
            self._root = value
            return
        parent, key = self._open[-1], self._keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is not None:
            parent[key] = value
            self._keys[-1] = None
