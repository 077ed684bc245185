"""List the processes of a container, or below one process, from /proc: what each runs, and how it started.

Linux, proc(5). Only descendants of the first process count: what an engine executes in a container, such as a
health check or a shell, has another parent.
"""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lockml.inventory.model import RunningProcess
from lockml.subjects.process_env import variables

__all__ = ["process_variables", "running_processes"]

_MAX_PROCESSES: Final = 4096
_MAX_WORDS: Final = 4096
_MAX_MAPS: Final = 8 << 20
_MAX_MAPPED: Final = 4096
_OBJECT: Final = re.compile(rb"^/.*\.so(?:\.[0-9.]+)?$")
_PYTHON: Final = re.compile(r"/(?:python|pypy|graalpy)[^/]*$")
_DELETED: Final = " (deleted)"


def running_processes(pid: int) -> tuple[RunningProcess, ...]:
    """Return the process *pid* and its descendants, except those that end or may not be read."""
    root = _target(pid, "root")
    found: list[RunningProcess] = []
    for number in _descendants(pid):
        program, folder = _target(number, "exe"), _target(number, "cwd")
        if program is None or folder is None or _target(number, "root") != root:
            continue
        found.append(
            RunningProcess(
                number=number,
                program=_inside(program, root),
                command=_command(number),
                environment=process_variables(number),
                working_folder=_inside(folder, root),
                user=_user(number),
                mapped=tuple(_inside(path, root) for path in _mapped(number)) if _PYTHON.search(program) else (),
            )
        )
    return tuple(found)


def process_variables(pid: int) -> Mapping[str, str]:
    """Return the variables that the process started with, {} if they cannot be read or were overwritten."""
    try:
        content = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return {}
    pairs = [pair.decode("utf-8", "surrogateescape") for pair in content.split(b"\0") if pair]
    readable = bool(pairs) and all("=" in pair for pair in pairs)
    if readable and not any(pair.startswith("PATH=") for pair in pairs) and _is_title(_command(pid)):
        return {}  # the end of a title
    return variables(pairs) if readable else {}


def _is_title(command: tuple[str, ...]) -> bool:
    return len(command) > 0 and " " in command[0] and not any(command[1:])


def _mapped(pid: int) -> Iterator[str]:
    """Yield the shared objects that a process has mapped, each once; nothing if that may not be read."""
    try:
        with Path("/proc", str(pid), "maps").open("rb") as file:
            content = file.read(_MAX_MAPS)
    except OSError:
        return
    fields = (line.split(None, 5) for line in content.split(b"\n"))
    paths = dict.fromkeys(each[5] for each in fields if len(each) == 6)
    found = (os.fsdecode(path) for path in paths if _OBJECT.search(path))
    yield from itertools.islice(found, _MAX_MAPPED)


def _descendants(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names, not paths
        if name.isdigit():
            parent = _parent(int(name))
            if parent is not None:
                children.setdefault(parent, []).append(int(name))
    waiting, count = [pid], 0
    while waiting and count < _MAX_PROCESSES:
        number = waiting.pop(0)
        count += 1
        yield number
        waiting += sorted(children.get(number, ()))


def _parent(pid: int) -> int | None:
    try:
        # this reads every process of the machine, and a Path takes longer than the kernel
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:  # noqa: PTH123
            content = file.read()
    except OSError:
        return None
    fields = content.rpartition(b")")[2].split()  # the program's name may have any character
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else None


def _target(pid: int, name: str) -> str | None:
    try:
        return os.fsdecode(Path("/proc", str(pid), name).readlink())
    except OSError:
        return None


def _inside(path: str, root: str | None) -> str:
    """Return *path* as seen by a process whose root is the folder *root*."""
    clean = path.removesuffix(_DELETED)
    if root in (None, "/") or not clean.startswith(f"{root}/"):
        return clean
    return clean.removeprefix(root or "")


def _command(pid: int) -> tuple[str, ...]:
    try:
        content = Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return ()
    words = content.removesuffix(b"\0").split(b"\0")[:_MAX_WORDS]
    return tuple(word.decode("utf-8", "surrogateescape") for word in words)


def _user(pid: int) -> str:
    try:
        lines = Path("/proc", str(pid), "status").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.split()[2] for line in lines if line.startswith("Uid:")), "")
