"""Find the application's own code: the folders of its modules, and modules changed after the start.

No lock covers it, so it is a limit; modules changed in a running subject are named, as no build made them.
"""

import re
from collections.abc import Iterator
from typing import Final

from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.results import SurveyResults

__all__ = ["survey_application"]

_MODULE: Final = re.compile(r"[\w.-]+\.py|[A-Za-z_]\w*(?:\.pyc|(?:\.[\w-]+)?\.so)")  # gunicorn.conf.py, too
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_OF_KERNEL: Final = frozenset({"/proc", "/sys", "/dev"})  # mounted over the image's files in every container
_SHOWN: Final = 5
_MAX_LOOKED_AT: Final = 5000


def survey_application(tree: FileTree, environment: PythonEnvironment, results: SurveyResults) -> None:
    """Record the folders that hold the application's modules; raises UnreadableError."""
    scripts = tree.resolve(f"{environment.prefix}/bin")
    named = (*environment.path_folders, *environment.linked_folders)
    first = [folder for folder, _ in environment.first_folders if folder != scripts and tree.kind(folder) == "folder"]
    for folder in dict.fromkeys((*named, *first)):
        modules = list(_modules(tree, folder))
        if not modules:
            continue
        if folder not in environment.site_folders:
            results.add_application(folder)
        late = [path.removeprefix(f"{folder.rstrip('/')}/") for path in modules if _is_late(tree, path)]
        if late:
            shown = ", ".join(late[:_SHOWN]) + (", …" if len(late) > _SHOWN else "")
            text = f"modules of the application changed after the start, and no lock covers them: {shown}"
            results.remark(f"{folder}: {len(late)} {text}")


def _modules(tree: FileTree, folder: str) -> Iterator[str]:
    """Yield the modules in a folder and in the packages below it."""
    waiting, seen = [folder.rstrip("/")], 0
    while waiting and seen < _MAX_LOOKED_AT:
        current = waiting.pop()
        for entry in tree.entries(current or "/"):
            seen += 1
            path = f"{current}/{entry.name}"
            if entry.kind == "folder" and _NAME.fullmatch(entry.name) and path not in _OF_KERNEL:
                if tree.kind(f"{path}/__init__.py") == "file":
                    waiting.append(path)
            elif entry.kind in ("file", "link") and _MODULE.fullmatch(entry.name):
                yield path


def _is_late(tree: FileTree, path: str) -> bool:
    """Return whether a module changed after the start; mounts belong to the person who starts the subject."""
    origins = (tree.origin(path), tree.origin(tree.resolve(path)))
    return any(origin is not None and origin.changed for origin in origins)
