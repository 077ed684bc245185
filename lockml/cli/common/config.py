"""Configuration: ``[tool.lockml]`` of pyproject.toml, or lockml.toml; the command line overrides it.

``[tool.lockml.compile]`` holds the options of ``lockml compile`` by their long names, and likewise for every command.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import click

from lockml.cli.common.files import read_file
from lockml.common.errors import InputError

__all__ = [
    "TABLES",
    "configured_options",
    "configured_table",
    "fleet_table",
    "known_names",
    "option_names",
    "options_of_table",
]

_FLEET: Final = "audit"  # names a fleet, and does not hide options in pyproject.toml
_LOCKS: Final = "lock"  # a command, and as a list the locks of `compile --all`
_NOT_OPTIONS: Final = frozenset({"help", "all", "only"})  # only for a command line
TABLES: Final = frozenset(
    {
        *("adopt", "check", "compile", "completion", "diff", "init", "inventory", "lock", "man", "outdated", "record"),
        *("tree", "verify", "why"),
        *("built", "dockerfile", "ignore"),
    }
)
"""The tables of the configuration beside the fleet: the options of each command, and other tables."""


_HINTS: Final = {
    _FLEET: "the fleet is in lockml.toml, in its [audit] table",
    "tool": "the tables of lockml.toml have no prefix: write [compile] for [tool.lockml.compile]",
}
"""Hints for tables that are in the wrong file."""


def configured_options(command: click.Command, name: str) -> dict[str, object]:
    """Return the defaults that this folder's configuration gives the command *name*, by parameter name.

    Raises InputError for a file that cannot be read, an unknown option, or a value of another type.
    """
    file, tables = _tables()
    table = tables.get(name, {})
    if name == _LOCKS and isinstance(table, list):
        return {}
    if not isinstance(table, Mapping):
        raise InputError(file, f"{name!r} is not a table of options")
    try:
        return options_of_table(command, table, file)
    except _UnknownOptionError as error:
        raise InputError(file, f"lockml {name} has no option {error.subject!r}", hint=error.hint) from None


class _UnknownOptionError(InputError):
    """An error for a key, *subject*, that is not an option."""


def option_names(command: click.Command) -> dict[str, click.Option]:
    """Return the options of *command* by their long names, without the hyphens."""
    return {
        long.removeprefix("--"): parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for long in (*parameter.opts, *parameter.secondary_opts)
        if long.startswith("--")
    }


def options_of_table(command: click.Command, table: Mapping[str, object], place: str) -> dict[str, object]:
    """Return the options that *table*, at *place*, gives *command*, by parameter name; raises InputError."""
    options = option_names(command)
    found: dict[str, object] = {}
    for key, value in table.items():
        option = options.get(key)
        if option is None or option.name is None or key in _NOT_OPTIONS:
            hint = known_names(key, options.keys() - _NOT_OPTIONS, "options")
            raise _UnknownOptionError(key, "is not an option", hint=hint)
        checked = _checked(value, option, f"{place}: {key}")
        found[option.name] = not checked if f"--{key}" in option.secondary_opts else checked
    return found


def configured_table(name: str) -> tuple[str, object]:
    """Return the configuration file of this folder and its value of *name*, None for nothing."""
    file, tables = _tables()
    return file, tables.get(name)


def _checked(value: object, option: click.Option, setting: str) -> object:
    if option.multiple:
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) for each in values):
            raise InputError(setting, "is not a list of strings")
        return values
    if isinstance(option.type, click.types.BoolParamType):
        if not isinstance(value, bool):
            raise InputError(setting, "is not true or false")
        return value
    if not isinstance(value, str):
        raise InputError(setting, "is not a string")
    return value


def fleet_table(name: str) -> tuple[str, object]:
    """Return the fleet file of this folder and the value of *name* in its ``[audit]``, None for nothing."""
    audit = _read("lockml.toml").get(_FLEET, {})
    return "lockml.toml", audit.get(name) if isinstance(audit, Mapping) else None


def _tables() -> tuple[str, Mapping[str, object]]:
    """Return the configuration file of this folder and its tables by command, {} without one.

    Raises InputError for a table that no command reads.
    """
    for name, keys in (("lockml.toml", ()), ("pyproject.toml", ("tool", "lockml"))):
        table: object = _read(name)
        for key in keys:
            table = table.get(key, {}) if isinstance(table, Mapping) else {}
        if not isinstance(table, Mapping):
            raise InputError(name, "its [tool.lockml] is not a table")
        options = {key: value for key, value in table.items() if key != _FLEET or keys}
        for key in options:
            _refuse_unknown(key, name)
        if options:
            return name, options
    return "", {}


def _refuse_unknown(key: str, file: str) -> None:
    if key in TABLES:
        return
    hint = _HINTS.get(key) or known_names(key, TABLES, "tables")
    raise InputError(file, f"lockml reads no table {key!r}", hint=hint)


def known_names(key: str, known: Collection[str], what: str) -> str:
    """Return the hint for an unknown *key*: the name of *known* that is most like it, else all of them."""
    import difflib  # only for an error

    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"did you mean {near[0]!r}?" if near else f"{what}: {', '.join(sorted(known))}"


def _read(name: str) -> Mapping[str, object]:
    """Return the content of the file *name* in this folder, {} if there is none; raises InputError."""
    if not Path(name).is_file():
        return {}
    import tomllib  # loaded only if there is a file

    try:
        return tomllib.loads(read_file(name).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(name, f"is not TOML: {error}") from error
