"""List the processes of a container, or below one process, from /proc: what each runs, and how it started.

Linux, proc(5). Only what descends from the first process counts: what an engine executes in a container, a health check
or somebody's shell, has another parent.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from lockml.inventory.model import RunningProcess
from lockml.subjects.process_env import variables

__all__ = ["process_variables", "running_processes"]

_MAX_PROCESSES: Final = 4096
_MAX_WORDS: Final = 4096
_DELETED: Final = " (deleted)"


def running_processes(pid: int) -> tuple[RunningProcess, ...]:
    """Return the process *pid* and all that descend from it, but for those that end or may not be read."""
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
            )
        )
    return tuple(found)


def process_variables(pid: int) -> Mapping[str, str]:
    """Return the variables that the process started with, {} where they cannot be read or were written over."""
    try:
        content = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        return {}
    pairs = [pair.decode("utf-8", "surrogateescape") for pair in content.split(b"\0") if pair]
    return variables(pairs) if pairs and all("=" in pair for pair in pairs) else {}


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
        content = Path("/proc", str(pid), "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = content.rpartition(")")[2].split()  # the name of the program may have any character
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else None


def _target(pid: int, name: str) -> str | None:
    try:
        return os.fsdecode(Path("/proc", str(pid), name).readlink())
    except OSError:
        return None


def _inside(path: str, root: str | None) -> str:
    """Return *path* as a process sees it whose root is the folder *root*."""
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
