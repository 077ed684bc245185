"""Expand tables: a cell for each combination of the values of their axes, with its options and paths."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final

from msgspec.structs import replace

from lockml.cli.compile.locks.model import Cell, LockTable, fault
from lockml.cli.compile.locks.parse import bases_of

__all__ = ["MOST_CELLS", "expand"]

MOST_CELLS: Final = 1000
_PLACE: Final = re.compile(r"\{([A-Za-z][A-Za-z0-9_-]*)\}")
_PATHS: Final = ("lock", "output")
_LONGEST: Final = 200


def expand(tables: Sequence[LockTable], options: Collection[str]) -> tuple[Cell, ...]:
    """Return the cells of *tables*; *options* are those of compile, which an axis of the same name sets.

    Raises InputError for more than `MOST_CELLS`, an unused axis, or a word in braces that is not an axis.
    """
    by_name = {table.name: table for table in tables}
    for table in tables:
        _refuse_idle_axes(table, by_name, options)
    tables = [_with_axes(table, by_name) for table in tables]
    count = sum(prod(len(axis.values) for axis in table.axes) for table in tables)
    if count > MOST_CELLS:
        largest = max(tables, key=lambda table: prod(len(axis.values) for axis in table.axes))
        raise fault(largest, "matrix", f"makes too many locks: {count:,} in total, more than {MOST_CELLS:,}")
    return tuple(cell for table in tables for cell in _cells(table, options))


def _with_axes(table: LockTable, by_name: Mapping[str, LockTable]) -> LockTable:
    """Return *table* with its own axes, else with the axes and skipped cells of its base."""
    source, seen = table, {table.name}
    while not source.axes:
        base = next((by_name[name] for name in source.bases if name in by_name), None)
        if base is None or base.name in seen:
            return table
        seen.add(base.name)
        source = base
    return replace(table, axes=source.axes, skipped=source.skipped)


def _refuse_idle_axes(table: LockTable, by_name: Mapping[str, LockTable], options: Collection[str]) -> None:
    used = set(_PLACE.findall(repr([table.options, *([table.name] if "{" in table.name else [])])))
    used |= {axis.name for name in table.bases if name in by_name for axis in by_name[name].axes}
    for axis in table.axes:
        if axis.name not in used and axis.name not in options and not any(value.options for value in axis.values):
            problem = f"is unused: {axis.values[0].text!r} changes no option of compile"
            raise fault(
                table, f"matrix.{axis.name}", problem, hint=f"use {{{axis.name}}} in an option, or remove the axis"
            )


def _cells(table: LockTable, options: Collection[str]) -> Iterator[Cell]:
    for chosen in product(*(axis.values for axis in table.axes)):
        values = {axis.name: value.text for axis, value in zip(table.axes, chosen, strict=True)}
        if any(all(values[name] == text for name, text in each.items()) for each in table.skipped):
            continue
        name = _cell_name(table, values)
        own: dict[str, object] = {
            key: _filled(value, {**values, "name": name}, table, key) for key, value in table.options.items()
        }
        for axis, value in zip(table.axes, chosen, strict=True):
            brought = {key: _filled(each, {**values, "name": name}, table, key) for key, each in value.options.items()}
            if axis.name in options and axis.name not in own and axis.name not in brought:
                brought[axis.name] = value.text
            own = _merged(own, brought, table, axis.name)
        yield Cell(
            name=name,
            table=table,
            values=values,
            options={**_default_paths(name), **own},
            bases=bases_of(own, table),
        )


def _cell_name(table: LockTable, values: Mapping[str, str]) -> str:
    words = {name: _slug(text) for name, text in values.items()}
    if "{" not in table.name:
        name = "-".join((table.name, *words.values()))
    else:
        name = str(_filled(table.name, words, table, "name"))
    if len(name) > _LONGEST or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]*", name):
        problem = f"makes {name[:_LONGEST]!r}, which is not a valid name"
        raise fault(table, "name", problem, hint="use letters, digits and . _ + -, up to 200 characters")
    return name


def _slug(text: str) -> str:
    """Return *text* as a part of a name, such as linux-amd64 for a platform."""
    return text.replace("/", "-").replace(" ", "-")


def _default_paths(name: str) -> dict[str, str]:
    """Return the default paths of a lock; PEP 751 allows no further dot in its name."""
    return {"lock": f"pylock.{name.replace('.', '')}.toml", "output": f"requirements-{name}.txt"}


def _filled(value: object, values: Mapping[str, str], table: LockTable, key: str) -> object:
    """Return *value* with each axis in braces replaced by its value; in paths, as it is in names."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name == "target" and key == "output":
            return found[0]  # compile fills it in
        if name not in values:
            known = ", ".join(f"{{{each}}}" for each in values)
            raise fault(table, key, f"has {found[0]}, but there is no such axis", hint=f"use {known}")
        return _slug(values[name]) if key in _PATHS else values[name]

    if isinstance(value, str):
        return _PLACE.sub(fill, value)
    if isinstance(value, list):
        return [_filled(each, values, table, key) for each in value]
    return value


def _merged(own: Mapping[str, object], brought: Mapping[str, object], table: LockTable, axis: str) -> dict[str, object]:
    """Return both: lists are joined; any other key in both is refused."""
    merged = dict(own)
    for key, value in brought.items():
        if key not in merged:
            merged[key] = value
        elif isinstance(value, list) and isinstance(merged[key], list):
            merged[key] = [*merged[key], *value]  # type: ignore[misc]  # a list, as is said above
        else:
            problem = f"sets {key!r}, which is set already"
            raise fault(table, f"matrix.{axis}", problem, hint="set it in one place, or as lists, which are joined")
    return merged
