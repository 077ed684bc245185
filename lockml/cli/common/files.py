"""Read and write the files of the command line: errors name the file, and no file is half written."""

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Final

from lockml.common.errors import InputError
from lockml.common.private_files import replace_files

__all__ = [
    "lies_in_project",
    "lock_folder",
    "read_file",
    "refuse_names",
    "relative_location",
    "relative_to_folder",
    "write_files",
]

_STDOUT: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


def read_file(name: str, *, hint: str | None = None, limit: int | None = None) -> bytes:
    """Return the content of the file *name*, or of standard input for ``-``; raises InputError with the *hint*.

    It is an error if there are more than *limit* bytes.
    """
    most = -1 if limit is None else limit + 1
    try:
        content = sys.stdin.buffer.read(most) if name == "-" else _read(name, most)
    except FileNotFoundError as error:
        raise InputError(name, "no such file", hint=hint) from error
    except IsADirectoryError as error:
        raise InputError(name, "is a folder", hint="name a file in the folder") from error
    except OSError as error:
        raise InputError(name, f"cannot be read ({error.strerror})", hint=hint) from error
    if limit is not None and len(content) > limit:
        raise InputError(name, f"has more than {limit >> 20} MiB")
    return content


def _read(name: str, most: int) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(most)


def refuse_names(output: str, lock: str) -> None:
    """Raise InputError if *output* or *lock* cannot name a file, or both name the same file."""
    for option, name in (("-o", output), ("--lock", lock)):
        if not name or "\0" in name:
            raise InputError(f"{option} {name!r}", "is not a file name", hint="give a value, or remove the option")
        if os.path.basename(name) in ("", ".", "..") or Path(name).is_dir():  # noqa: PTH119 - a Path drops the slash
            raise InputError(f"{option} {name!r}", "is a folder", hint="name a file in the folder")
    there = all(name != "-" and Path(name).is_file() for name in (output, lock))
    if os.path.realpath(output) != os.devnull and (
        os.path.realpath(output) == os.path.realpath(lock) or (there and Path(output).samefile(lock))
    ):
        raise InputError(output, "is both the lock and the requirements file")


def lies_in_project(name: str, named: Iterable[str]) -> bool:
    """Say whether the file *name*, after following links, is in this folder's repository or beside one of *named*."""
    if name == "-" or "://" in name:
        return True
    here = Path().resolve()
    repository = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    folders = {repository, *(Path(each).parent.resolve() for each in named if each != "-" and "://" not in each)}
    return any(Path(name).resolve().is_relative_to(folder) for folder in folders)


def lock_folder(lock: str) -> Path:
    """Return the folder of the file *lock*, to which its paths are relative."""
    return Path(lock).parent if lock != "-" else Path()


def relative_location(location: str, folder: Path) -> str:
    """Return *location* relative to *folder* if it is a relative path; URLs and absolute paths stay."""
    if "://" in location or location.startswith(("/", "~")):
        return location
    return relative_to_folder(location, folder)


def relative_to_folder(name: str, folder: PurePath) -> str:
    """Return *name* relative to *folder*, so that no path of this machine gets into an output; a URL stays."""
    if name == "-" or "://" in name:
        return name
    return PurePath(os.path.relpath(name, folder)).as_posix()


def write_files(contents: Mapping[str, str]) -> tuple[str, ...]:
    """Write each text to its file, all or none, and return the names of those that changed.

    ``-`` is standard output. What is not a regular file, such as ``/dev/null``, is written in place. Raises InputError.
    """
    closed = next((name for name in contents if name in _STDOUT), None) if sys.__stdout__ is None else None
    if closed is not None:
        raise InputError(closed, "cannot be written: standard output is closed")
    changed: list[str] = []
    try:
        for name, text in contents.items():
            path = Path(name)
            if name != "-" and not (path.is_file() and path.read_bytes() == text.encode("utf-8")):
                changed.append(name)
        replace_files({Path(name): contents[name].encode("utf-8") for name in changed})
    except OSError as error:
        raise InputError(
            str(error.filename or "output"), f"cannot be written ({error.strerror})", hint=_write_hint(error)
        ) from error
    if "-" in contents:
        sys.stdout.write(contents["-"])
    return tuple(changed)


def _write_hint(error: OSError) -> str | None:
    """Return a hint for a file that cannot be written: to make its folder, if that is missing."""
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"create the folder: mkdir -p {shlex.quote(os.path.dirname(os.fsdecode(error.filename)))}"  # noqa: PTH120 - the same
    return None
