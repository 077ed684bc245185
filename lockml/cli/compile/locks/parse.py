"""Parse ``lock`` of the configuration into a `LockTable` for each table."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from lockml.cli.common.config import known_names
from lockml.cli.compile.locks.model import Axis, AxisValue, LockTable, fault
from lockml.common.errors import InputError

__all__ = ["RESERVED", "bases_of", "parse_lock_tables"]

_OWN: Final = frozenset({"name", "matrix", "skip", "files"})
_NOT_HERE: Final = frozenset({"all", "only", "check"})  # they are for a command line
RESERVED: Final = _NOT_HERE | {"name", "target"}
"""Names that no axis may have: also that of the cell, and the one that compile replaces in file names."""
_NAME: Final = re.compile(r"[A-Za-z0-9{][A-Za-z0-9._+{}-]{0,99}")
_AXIS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
_EXAMPLE: Final = 'such as [[tool.lockml.lock]] with name = "base"'


def parse_lock_tables(value: object, file: str, options: Collection[str]) -> tuple[LockTable, ...]:
    """Return the tables in *value*, from *file*; *options* are those of compile. Raises InputError."""
    if isinstance(value, Mapping):
        problem = "has a single table [lock], which is for the options of `lockml lock`"
        raise InputError(file, problem, hint="write locks for `lockml compile --all` with two brackets, [[…]]")
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InputError(file, "'lock' is not a list of tables", hint=_EXAMPLE)
    tables = tuple(_table(each, number, file, options) for number, each in enumerate(value, 1))
    seen: set[str] = set()
    for table in tables:
        if table.name in seen:
            raise fault(table, "name", "is used twice", hint="give each table its own name")
        seen.add(table.name)
    return tables


def _table(content: Mapping[str, object], number: int, file: str, options: Collection[str]) -> LockTable:
    name = content.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        place = f"{file}: [[lock]] number {number}"
        if name is None:
            raise InputError(place, "has no name", hint=_EXAMPLE)
        problem = "is not a valid name: use up to 100 letters, digits and . _ + -, and {AXIS} for the value of an axis"
        raise InputError(f"{place}: name {name!r}", problem)
    table = LockTable(name=name, file=file, number=number, options={})
    known = _OWN | (set(options) - _NOT_HERE)
    for key in content:
        if key not in known:
            raise fault(table, key, "is unknown", hint=_near(key, known))
    axes = _axes(content.get("matrix", {}), table, known - _OWN | {"files"})
    return LockTable(
        name=name,
        file=file,
        number=number,
        options={key: value for key, value in content.items() if key not in _OWN or key == "files"},
        axes=axes,
        skipped=_skipped(content.get("skip", []), axes, table),
        bases=bases_of(content, table),
    )


def _near(key: str, known: Collection[str]) -> str:
    return f"use --{key} on the command line" if key in _NOT_HERE else known_names(key, known, "keys")


def _axes(value: object, table: LockTable, known: Collection[str]) -> tuple[Axis, ...]:
    if not isinstance(value, Mapping):
        raise fault(table, "matrix", "is not a table", hint='such as matrix.python = ["3.11", "3.12"]')
    return tuple(_axis(name, values, table, known) for name, values in value.items())


def _axis(name: str, values: object, table: LockTable, known: Collection[str]) -> Axis:
    key = f"matrix.{name}"
    if not _AXIS.fullmatch(name) or name in RESERVED:
        hint = f"use letters, digits, _ and -, but not {', '.join(sorted(RESERVED))}"
        raise fault(table, key, "is not a valid axis name", hint=hint)
    if not isinstance(values, list) or not values:
        raise fault(table, key, "is not a list of values", hint=f'such as {key} = ["a", "b"]')
    found = tuple(_value(each, key, table, known) for each in values)
    texts: set[str] = set()
    for each in found:
        if each.text in texts:
            raise fault(table, key, f"has {each.text!r} twice")
        texts.add(each.text)
    return Axis(name=name, values=found)


def _value(value: object, key: str, table: LockTable, known: Collection[str]) -> AxisValue:
    if isinstance(value, str) and value:
        return AxisValue(text=value)
    if isinstance(value, Mapping) and isinstance(value.get("name"), str) and value["name"]:
        options = {each: value[each] for each in value if each != "name"}
        for each in options:
            if each not in known:
                raise fault(table, f"{key}: {each}", "is unknown", hint=_near(each, known))
        bases_of(options, table)
        return AxisValue(text=str(value["name"]), options=options)
    problem = f"has {value!r}, which is neither a string nor a table with a name"
    raise fault(table, key, problem, hint=f'such as {key} = ["a", {{name = "b", extra = ["gpu"]}}]')


def _skipped(value: object, axes: tuple[Axis, ...], table: LockTable) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list) or not all(isinstance(each, Mapping) and each for each in value):
        raise fault(
            table, "skip", "is not a list of tables", hint='such as skip = [{python = "3.9", variant = "cu130"}]'
        )
    known = {axis.name: {each.text for each in axis.values} for axis in axes}
    for each in value:
        for name, text in each.items():
            if name not in known:
                raise fault(table, "skip", f"names the axis {name!r}, which its matrix does not have")
            if not isinstance(text, str) or text not in known[name]:
                raise fault(table, "skip", f"names {text!r}, which the axis {name!r} does not have")
    return tuple(dict(each) for each in value)


def bases_of(options: Mapping[str, object], table: LockTable) -> tuple[str, ...]:
    """Return what ``on`` or ``subset-of`` of *options* names; raises InputError."""
    if "on" in options and "subset-of" in options:
        raise fault(table, "subset-of", "cannot be used with on", hint="a part of a lock has no other base")
    if "subset-of" in options:
        base = options["subset-of"]
        if not isinstance(base, str) or not base:
            raise fault(table, "subset-of", "does not name a lock", hint='such as subset-of = "base"')
        return (base,)
    value = options.get("on", [])
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each for each in values):
        raise fault(table, "on", "does not name locks", hint='such as on = "base"')
    return tuple(map(str, values))
