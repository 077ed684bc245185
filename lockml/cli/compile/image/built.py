"""The projects that the image builds, from ``[[built]]`` in the configuration, with file and line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lockml.cli.common.config import configured_table
from lockml.cli.common.files import read_file
from lockml.cli.compile.options import ConfiguredBuilt
from lockml.common.errors import InputError, RequirementError
from lockml.index.built import BadBuiltError, parse_built

__all__ = ["configured_built"]

_MOST: Final = 1000


def configured_built() -> tuple[ConfiguredBuilt, ...]:
    """Return the projects that the image builds, by lockml.toml or pyproject.toml in this folder.

    Raises RequirementError with every fault and its file and line; InputError.
    """
    file, tables = configured_table("built")
    if tables is None:
        return ()
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(file, "'built' is not a list of tables", hint="start each project with [[tool.lockml.built]]")
    if len(tables) > _MOST:
        raise InputError(file, f"'built' has more than {_MOST} tables")
    where = _Lines(file)
    found: list[ConfiguredBuilt] = []
    faults: list[tuple[str, str]] = []
    for number, table in enumerate(tables):
        try:
            built = parse_built(table)
        except BadBuiltError as error:
            faults += [(f"{file}:{where.of(number, key)}", f"[[built]]: {problem}") for key, problem in error.faults]
            continue
        if any(each.built.name == built.name for each in found):
            faults.append((f"{file}:{where.of(number, 'name')}", f"[[built]]: {built.name} is named twice"))
        found.append(ConfiguredBuilt(built, file, where.of(number, "name")))
    if faults:
        hint = "a table has name, version, source, and its commit or sha256; see docs/built.md"
        raise RequirementError(tuple(faults), hint=hint)
    return tuple(found)


class _Lines:
    """A finder of the lines of keys in the configuration *file*."""

    def __init__(self, file: str) -> None:
        self._top: Sequence[str] = () if Path(file).name == "lockml.toml" else ("tool", "lockml")
        self._text = read_file(file).decode("utf-8")

    def of(self, number: int, key: str) -> int:
        """Return the line of *key* in the table of that *number*; "" finds the table itself."""
        from lockml.audit.config.toml_lines import line_of

        return line_of(self._text, (*self._top, "built", number, *((key,) if key else ())))
