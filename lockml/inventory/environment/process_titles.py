"""Find the Python of a process that overwrote its command line with a title, from what the kernel reports.

setproctitle and PostgreSQL overwrite the arguments and usually the variables too (proc(5), cmdline and environ). The
kernel reports what a process has mapped (maps): extension modules are in its environment's library folders.
"""

import posixpath
from collections.abc import Iterator
from typing import Final

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import RunningProcess

__all__ = ["environments_of", "import_folders_of", "mapped_places"]

_LIBRARIES: Final = ("/site-packages/", "/dist-packages/")
_PROGRAMS: Final = ("python3", "python")
_MAX_UP: Final = 6  # folders between an extension and its import path entry
_MAX_FOLDERS: Final = 256


def environments_of(tree: FileTree, process: RunningProcess) -> Iterator[str]:
    """Yield the programs of the virtual environments whose extensions *process* has mapped, if they start what runs."""
    for prefix in dict.fromkeys(_prefixes(process)):
        if tree.kind(f"{prefix}/pyvenv.cfg") != "file":
            continue
        programs = (f"{prefix}/bin/{name}" for name in (*_PROGRAMS, posixpath.basename(process.program)))
        started = (each for each in programs if tree.kind(each) == "file" and tree.resolve(each) == process.program)
        yield from (program for program in (next(started, None),) if program is not None)


def import_folders_of(tree: FileTree, process: RunningProcess) -> tuple[str, ...]:
    """Return the other library folders whose extensions *process* has mapped: those with a dist-info above one."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    for path in process.mapped:
        if any(each in path for each in _LIBRARIES):
            continue
        folder = posixpath.dirname(path)
        for _ in range(_MAX_UP):
            if folder in seen or folder == "/" or len(seen) > _MAX_FOLDERS:
                break
            seen.add(folder)
            if _has_projects(tree, folder):
                found[folder] = None
            folder = posixpath.dirname(folder)
    return tuple(found)


def mapped_places(process: RunningProcess) -> tuple[str, ...]:
    """Return the folders of the objects that *process* has mapped; () if its command line says enough.

    A process with readable variables whose first word names a Python has no title.
    """
    if process.environment and posixpath.basename(next(iter(process.command), "")).startswith("python"):
        return ()
    beside = {posixpath.dirname(path) for path in process.mapped if not any(each in path for each in _LIBRARIES)}
    return tuple(sorted({*_prefixes(process), *beside}))


def _prefixes(process: RunningProcess) -> Iterator[str]:
    for path in process.mapped:
        for each in _LIBRARIES:
            above, found, _ = path.partition(each)
            if found:
                yield posixpath.dirname(posixpath.dirname(above))


def _has_projects(tree: FileTree, folder: str) -> bool:
    try:
        return any(name.endswith(".dist-info") for name in tree.names(folder))
    except UnreadableError:
        return False
