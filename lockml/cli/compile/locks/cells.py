"""The compile options of each lock in the configuration."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, Final, NamedTuple

import click
from click.core import ParameterSource

from lockml.cli.common.config import configured_table, option_names, options_of_table
from lockml.cli.compile.locks.matrix import expand
from lockml.cli.compile.locks.model import Cell
from lockml.cli.compile.locks.order import arrange, with_needed
from lockml.cli.compile.locks.parse import parse_lock_tables
from lockml.cli.compile.options import (
    CompileOptions,
    ConfiguredBuilt,
    SelectionOptions,
    compile_options,
    of_one_kind,
)
from lockml.common.errors import InputError

__all__ = ["LockCell", "lock_cells"]

_OWN: Final = ("files", "output", "lock", "on", "subset_of", "relax")
_ABOVE_TABLES: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
_BELOW_TABLES: Final = (ParameterSource.DEFAULT_MAP,)
_FORGET: Final[Mapping[str, object]] = {"exclude_newer": "none", "accelerator": "none", "resolution": "highest"}
"""Values that reset an option: what a table does not set is not taken from an earlier lock."""


class LockCell(NamedTuple):
    """A lock of the configuration, and its compile options."""

    cell: Cell
    options: CompileOptions


class _Given(NamedTuple):
    """What applies to all locks."""

    command: click.Command
    context: click.Context
    built: tuple[ConfiguredBuilt, ...]


def lock_cells(
    command: click.Command, context: click.Context, built: tuple[ConfiguredBuilt, ...], only: Sequence[str]
) -> tuple[tuple[LockCell, ...], tuple[Cell, ...]]:
    """Return the locks that *only* names, () for all, each after its bases; and the cells of all locks.

    Options of *command* on the command line or in variables apply to all of them. Raises InputError.
    """
    option = "--all" if context.params["all_locks"] else "--only"
    _refuse_single(context, option)
    file, value = configured_table("lock")
    if value is None:
        problem = "needs a table of locks: [[tool.lockml.lock]] in pyproject.toml, or [[lock]] in lockml.toml"
        raise InputError(option, problem, hint="see docs/locks.md")
    names = frozenset(option_names(command)) - {"help"}
    cells = arrange(expand(parse_lock_tables(value, file, names), names))
    chosen = with_needed(cells, _named(cells, only)) if only else cells
    given = _Given(command, context, built)
    return tuple(LockCell(cell, _options(cell, given)) for cell in chosen), cells


def _refuse_single(context: click.Context, selection: str) -> None:
    """Raise InputError for an option that applies to one lock only, beside *selection*, which is --all or --only."""
    beside = f"cannot be used with {selection}"
    for name in _OWN:
        if context.params.get(name) and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            if name == "files":
                word = context.params[name][0]
                raise InputError(f"FILE {word!r}", beside, hint=f"--only {word} selects a lock")
            option = f"--{name.replace('_', '-')}"
            raise InputError(option, beside, hint="set it in each [[tool.lockml.lock]] table")


def _named(cells: Sequence[Cell], only: Sequence[str]) -> set[str]:
    """Return the names of the *cells* that *only* selects: a lock, a table, or a pattern; raises InputError."""
    found: set[str] = set()
    for pattern in only:
        named = {cell.name for cell in cells if cell.table.name == pattern or fnmatchcase(cell.name, pattern)}
        if not named:
            tables = ", ".join(dict.fromkeys(cell.table.name for cell in cells))
            hint = f"there are {len(cells)} locks in {tables}; for example --only '{cells[0].name}'"
            raise InputError(f"--only {pattern!r}", "matches no lock", hint=hint)
        found |= named
    return found


def _options(cell: Cell, given: _Given) -> CompileOptions:
    """Return the options for *cell*, by rank: the command line, variables, its table, [compile], the defaults."""
    context, table = given.context, dict(cell.options)
    files = table.pop("files", [])
    place = f"{cell.table.file}: lock {cell.table.name!r}"
    checked = options_of_table(given.command, table, place)
    params: dict[str, Any] = dict(context.params)
    params.update({"files": _files(files, place), "on": (), "subset_of": None, "relax": ()})
    for parameter in given.command.params:
        name = parameter.name or ""
        if name in checked and (name in _OWN or context.get_parameter_source(name) not in _ABOVE_TABLES):
            params[name] = _converted(parameter, checked[name], context, f"{place}: {parameter.opts[-1].strip('-')}")
    if params["exclude_newer"] == "none" or not (params["exclude_newer"] or "exclude_newer_except" in checked):
        params["exclude_newer_except"] = ()  # those of [compile] are for the locks that have a date
    for name, nothing in _FORGET.items():
        params[name] = params[name] or nothing
    if params["exclude_newer"] != "none":
        params["exclude_newer_except"] = params["exclude_newer_except"] or (":none:",)
    params = of_one_kind(params, partial(_rank, context, frozenset(checked)))
    params["no_extra"], params["no_group"] = not params["extra"], not params["group"]
    return compile_options(params)._replace(built=given.built, selection=SelectionOptions(), table=cell.table.name)


def _files(value: object, place: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) and each for each in values):
        raise InputError(f"{place}: files", "is not a list of files")
    return tuple(values)


def _converted(parameter: click.Parameter, value: object, context: click.Context, place: str) -> object:
    """Return *value* as click converts it on a command line; raises InputError."""
    try:
        return parameter.process_value(context, value)
    except click.BadParameter as error:
        raise InputError(place, error.message.rstrip(".")) from error


def _rank(context: click.Context, table: frozenset[str], name: str) -> int:
    source = context.get_parameter_source(name)
    if source in _ABOVE_TABLES:
        return _ABOVE_TABLES.index(source)
    if name in table:
        return len(_ABOVE_TABLES)
    return len(_ABOVE_TABLES) + (1 if source in _BELOW_TABLES else 2)
