"""The value of ``lock`` in the configuration in, as TOML has it; a `LockTable` for each of its tables out."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from lockml.cli.compile.locks.model import Axis, AxisValue, LockTable, fault
from lockml.common.errors import InputError

__all__ = ["RESERVED", "parse_lock_tables"]

RESERVED: Final = frozenset({"name", "target"})
"""What no axis may be called: the name of the cell, and what compile puts into the names of files."""

_OWN: Final = frozenset({"name", "matrix", "skip", "files"})
_NOT_HERE: Final = frozenset({"all", "only", "check"})  # they say what is done with all locks
_NAME: Final = re.compile(r"[A-Za-z0-9{][A-Za-z0-9._+{}-]{0,99}")
_AXIS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
_EXAMPLE: Final = 'such as [[tool.lockml.lock]] with name = "base"'


def parse_lock_tables(value: object, file: str, options: Collection[str]) -> tuple[LockTable, ...]:
    """Return the tables that *value*, of *file*, has; *options* are those of compile. Raises InputError."""
    if isinstance(value, Mapping):
        problem = "has one table [lock], which holds the options of `lockml lock`"
        raise InputError(file, problem, hint="a lock of `lockml compile --all` is written with two brackets, [[…]]")
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InputError(file, "its 'lock' is no list of tables", hint=_EXAMPLE)
    tables = tuple(_table(each, number, file, options) for number, each in enumerate(value, 1))
    seen: set[str] = set()
    for table in tables:
        if table.name in seen:
            raise fault(table, "name", "is that of another table too", hint="give each table a name of its own")
        seen.add(table.name)
    return tables


def _table(content: Mapping[str, object], number: int, file: str, options: Collection[str]) -> LockTable:
    name = content.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        place = f"{file}: [[lock]] number {number}"
        if name is None:
            raise InputError(place, "has no name", hint=_EXAMPLE)
        problem = "is no name: letters, digits and . _ + - up to 100, and {AXIS} for the value of an axis"
        raise InputError(f"{place}: name {name!r}", problem)
    table = LockTable(name=name, file=file, number=number, options={})
    known = _OWN | (set(options) - _NOT_HERE)
    for key in content:
        if key not in known:
            raise fault(table, key, "is not known", hint=_near(key, known))
    axes = _axes(content.get("matrix", {}), table)
    return LockTable(
        name=name,
        file=file,
        number=number,
        options={key: value for key, value in content.items() if key not in _OWN or key == "files"},
        axes=axes,
        skipped=_skipped(content.get("skip", []), axes, table),
        bases=_bases(content, table),
    )


def _near(key: str, known: Collection[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(known))}"


def _axes(value: object, table: LockTable) -> tuple[Axis, ...]:
    if not isinstance(value, Mapping):
        raise fault(table, "matrix", "is no table", hint='such as matrix.python = ["3.11", "3.12"]')
    return tuple(_axis(name, values, table) for name, values in value.items())


def _axis(name: str, values: object, table: LockTable) -> Axis:
    key = f"matrix.{name}"
    if not _AXIS.fullmatch(name) or name in RESERVED:
        raise fault(
            table, key, "is no name for an axis", hint="take letters, digits, _ and -, and neither name nor target"
        )
    if not isinstance(values, list) or not values:
        raise fault(table, key, "is no list of values", hint=f'such as {key} = ["a", "b"]')
    found = tuple(_value(each, key, table) for each in values)
    texts: set[str] = set()
    for each in found:
        if each.text in texts:
            raise fault(table, key, f"has {each.text!r} twice")
        texts.add(each.text)
    return Axis(name=name, values=found)


def _value(value: object, key: str, table: LockTable) -> AxisValue:
    if isinstance(value, str) and value:
        return AxisValue(text=value)
    if isinstance(value, Mapping) and isinstance(value.get("name"), str) and value["name"]:
        return AxisValue(text=str(value["name"]), options={each: value[each] for each in value if each != "name"})
    problem = f"has {value!r}, which is neither a string nor a table with a name"
    raise fault(table, key, problem, hint=f'such as {key} = ["a", {{name = "b", extra = ["gpu"]}}]')


def _skipped(value: object, axes: tuple[Axis, ...], table: LockTable) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and each for each in value):
        raise fault(table, "skip", "is no list of tables", hint='such as skip = [{python = "3.9", variant = "cu130"}]')
    known = {axis.name: {each.text for each in axis.values} for axis in axes}
    for each in value:
        for name, text in each.items():
            if name not in known:
                raise fault(table, "skip", f"names the axis {name!r}, which its matrix does not have")
            if text not in known[name]:
                raise fault(table, "skip", f"names {text!r}, which the axis {name!r} does not have")
    return tuple({name: str(text) for name, text in each.items()} for each in value)


def _bases(content: Mapping[str, object], table: LockTable) -> tuple[str, ...]:
    if "on" in content and "subset-of" in content:
        raise fault(table, "subset-of", "cannot be given beside on", hint="a part of one lock stands on no other")
    value = content.get("on", content.get("subset-of", []))
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each for each in values):
        raise fault(table, "on" if "on" in content else "subset-of", "does not name locks", hint='such as on = "base"')
    return tuple(map(str, values))
