"""A lock in, the requirement files that ``compile`` writes of it out, by name."""

from pathlib import Path, PurePath

from lockml.common.errors import InputError
from lockml.common.target import Target
from lockml.lock.formats.requirements_txt import HEADER, format_requirements, format_unhashed
from lockml.lock.model import Lock

__all__ = ["requirement_files"]

_NOTHING = f"{HEADER}.\n# Nothing is locked from a source tree.\n"


def requirement_files(lock: Lock, output: str) -> dict[str, str]:
    """Return the text of each file: *output*, or one for each target where that holds ``{target}``.

    What pip cannot hash goes to a neighbour, NAME-unhashed.txt; one that was needed before and no longer is says so.
    Raises InputError for targets without names of their own.
    """
    if "{target}" not in output:
        return _files(lock, output, None)
    files: dict[str, str] = {}
    for target in lock.targets:
        named = _files(lock, output.replace("{target}", _label(target, lock)), target)
        if not files.keys().isdisjoint(named):
            raise InputError(f"-o {output!r}", "two targets have the same name", hint="name them: --target NAME=...")
        files |= named
    return files


def _files(lock: Lock, name: str, target: Target | None) -> dict[str, str]:
    text, unhashed = format_requirements(lock, target), format_unhashed(lock, target)
    if name == "-":
        return {name: text + (unhashed or "")}
    path = PurePath(name)
    beside = str(path.with_name(f"{path.stem}-unhashed{path.suffix}"))
    if unhashed is None and Path(beside).is_file() and Path(beside).read_bytes().startswith(HEADER.encode()):
        unhashed = _NOTHING
    return {name: text, **({beside: unhashed} if unhashed is not None else {})}


def _label(target: Target, lock: Lock) -> str:
    """Return what stands for *target* in a file name: its name, else its Python and platform."""
    if target.name:
        return target.name
    floor = f"-{target.floor_text}" if len({str(other) for other in lock.targets}) > 1 and target.floor_text else ""
    return f"{target.python_text}-{target.platform.system}-{target.platform.architecture}{floor}"
