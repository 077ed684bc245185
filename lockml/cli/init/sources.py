"""Find the requirements of this folder, and the requirements file to write."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from lockml.cli.common.files import read_file
from lockml.common.errors import InputError
from lockml.lock.formats.requirements_txt import HEADER
from lockml.lock.model import Lock
from lockml.requirements.logical_lines import decode, logical_lines

__all__ = ["Source", "find_output", "find_source"]

_INPUT: Final = "requirements.in"
_RANGES: Final = "requirements.txt"
_PROJECT: Final = "pyproject.toml"
_CONDA: Final = ("environment.yml", "environment.yaml")
_STARTER: Final = """\
# What this project needs: one range per line. `lockml compile` pins them.
# numpy>=1.26,<3
# requests>=2.31
"""


class Source(Struct, frozen=True, kw_only=True):
    """The *files* to compile; *written* is the text to write to the first of them, None if it exists.

    *copied* is the file that the text comes from, "" for none. If *empty*, there are no requirements yet.
    """

    files: tuple[str, ...]
    written: str | None = None
    copied: str = ""
    empty: bool = False


def find_source(lock: Lock | None, name: str) -> Source:
    """Return the inputs of *lock*, in the file *name*, else the requirements of this folder; raises InputError.

    These are requirements.in, a pyproject.toml with dependencies, requirements.txt, environment.yml or any project of a
    pyproject.toml, in this order, else a new requirements.in.
    """
    if lock is not None:
        return Source(files=_compiled_files(lock, name))
    if Path(_INPUT).is_file():
        return Source(files=(_INPUT,), empty=not list(logical_lines(_text(_INPUT), {})))
    project = _project()
    dynamic = project.get("dynamic")
    if project.get("dependencies") or (isinstance(dynamic, list) and "dependencies" in dynamic):
        return Source(files=(_PROJECT,))
    if Path(_RANGES).is_file():
        return _copied()
    conda = next((each for each in _CONDA if Path(each).is_file()), None)
    if conda is not None:
        return Source(files=(conda,))
    return Source(files=(_PROJECT,)) if project else Source(files=(_INPUT,), written=_STARTER, empty=True)


def find_output(wanted: str, locked: bool) -> str:
    """Return the requirements file to write, *wanted* or one beside it: a file that lockml did not write stays.

    *locked* says that there is a lock, which the file may belong to. Raises InputError.
    """
    beside = Path(wanted).with_name(f"{Path(wanted).stem}-locked{Path(wanted).suffix}")
    for name in (wanted, str(beside)):
        if not Path(name).exists() or (locked and _is_own(name)):
            return name
    hint = f"move one of them away: mv {wanted} old-{wanted}"
    raise InputError(str(beside), f"exists, and so does {wanted}: lockml overwrites neither", hint=hint)


def _compiled_files(lock: Lock, name: str) -> tuple[str, ...]:
    """Return the files that the command of *lock* names; raises InputError for a lock of another tool."""
    words = lock.made_with.command[2:]
    files = words[: next((place for place, word in enumerate(words) if word.startswith("-")), len(words))]
    if not files:
        hint = f"run `lockml adopt {name}` to make one from it, or move it away"
        raise InputError(name, "is not a lock that `lockml compile` wrote", hint=hint)
    return files


def _copied() -> Source:
    """Return requirements.txt as the requirements, to be copied: it has the name of the file to install."""
    text = _text(_RANGES)
    if text.startswith(HEADER):
        hint = f"restore the lock, or start with these pins: mv {_RANGES} {_INPUT}"
        raise InputError(_RANGES, "was written by lockml, but its lock and its inputs are missing", hint=hint)
    return Source(files=(_INPUT,), written=text, copied=_RANGES, empty=not list(logical_lines(text, {})))


def _text(name: str) -> str:
    try:
        return decode(read_file(name))
    except (UnicodeDecodeError, LookupError) as error:
        raise InputError(name, f"cannot be read as text ({error})", hint="save it as UTF-8") from error


def _is_own(name: str) -> bool:
    return Path(name).is_file() and read_file(name).startswith(HEADER.encode())


def _project() -> Mapping[str, object]:
    """Return the table ``[project]`` of pyproject.toml, {} if there is none; raises InputError."""
    if not Path(_PROJECT).is_file():
        return {}
    try:
        table = tomllib.loads(read_file(_PROJECT).decode("utf-8")).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(_PROJECT, f"is not TOML: {error}") from error
    return table if isinstance(table, Mapping) else {}
