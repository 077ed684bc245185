"""Describe a file without an owner, and what Python does with it."""

import posixpath
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree
from lockml.inventory.integrity.shadowing import startup_files
from lockml.inventory.model import DeviationKind, PythonEnvironment
from lockml.inventory.reading import MAX_PTH, text_lines
from lockml.inventory.results import SurveyResults

__all__ = ["LooseFiles", "describe_loose", "has_late_files", "is_left_behind", "is_of_layers", "tell_startup"]

_LEFT_BEHIND: Final = "~"  # the prefix of what pip is about to replace: no module can have such a name
_NOTHING: Final = "no installed package accounts for"


def describe_loose(tree: FileTree, path: str, files: int, refused: str | None = None) -> tuple[DeviationKind, str]:
    """Return the kind of a file, or of a folder with *files*, and its meaning; *refused* is who may not own it.

    Raises UnreadableError.
    """
    name = posixpath.basename(path)
    because = refused or f"{_NOTHING} it"
    if files > 1 or tree.kind(path) == "folder":
        counted = "1 file" if files == 1 else f"{files} files"
        return "unattributed-file", f"{_NOTHING} this folder of {counted}"
    if tree.kind(path) == "missing":
        return "unattributed-file", f"{because}; it is a dangling link or not a file"
    if name.endswith(".pyc"):
        return "bytecode", "a compiled module without its source"
    if name.endswith(".pth"):
        lines = text_lines(tree.read(path, MAX_PTH) or b"")
        runs = next((line.strip() for line in lines if line.startswith(("import ", "import\t"))), None)
        what = f"Python runs this at every start: {runs[:80]}" if runs else "it adds folders to the import path"
        return "unattributed-file", f"{because}; {what}"
    if name.partition(".")[0] in ("sitecustomize", "usercustomize"):
        return "unattributed-file", f"{because}; Python runs it at every start"
    return "unattributed-file", because


def is_left_behind(tree: FileTree, path: str) -> bool:
    """Return whether a folder belongs to the image: an interrupted pip left it behind during the build."""
    if not posixpath.basename(path).startswith(_LEFT_BEHIND) or tree.kind(path) != "folder":
        return False
    origin = tree.origin(path)
    return origin is None or origin.order < AFTER_START


def has_late_files(tree: FileTree, folder: str) -> bool:
    """Return whether anything in *folder* was added after the start; raises UnreadableError."""
    waiting = [folder] if tree.kind(folder) == "folder" else []
    while waiting:
        current = waiting.pop()
        for entry in tree.entries(current):
            path = f"{current}/{entry.name}"
            origin = tree.origin(path)
            if origin is not None and origin.late and entry.kind != "folder":
                return True
            if entry.kind == "folder":
                waiting.append(path)
    return False


def is_of_layers(tree: FileTree, path: str, layers: int) -> bool:
    """Return whether a file, or an entire folder, comes from one of the lowest *layers*; raises UnreadableError."""
    waiting = [path] if layers else []
    while waiting:
        current = waiting.pop()
        origin = tree.origin(current)
        if origin is None or not 0 < origin.order <= layers:
            return False
        if tree.kind(current) == "folder":
            if tree.removed(current):
                return False
            waiting += [f"{current}/{entry.name}" for entry in tree.entries(current)]
    return layers > 0


def tell_startup(tree: FileTree, environment: PythonEnvironment, results: SurveyResults) -> None:
    """Record what Python runs or searches at every start without an owner."""
    for path in startup_files(tree, environment):
        detail = "Python runs it at every start: its folder is on the import path, and nothing accounts for it"
        results.deviate("unattributed-file", path, None, detail)
    for archive in environment.library_archives:
        detail = "Python searches this archive before its standard library, and nothing accounts for it"
        results.deviate("unattributed-file", archive, None, detail)


class LooseFiles:
    """The content of a folder: how much has an owner, and the rest as (path, files)."""

    __slots__ = ("inner", "loose", "owned")

    def __init__(self) -> None:
        self.owned = 0
        self.loose: list[tuple[str, int]] = []
        self.inner: list[tuple[str, int]] = []
        """The loose files next to files with an owner, below the folder where the walk began."""

    def join(self, other: "LooseFiles") -> None:
        """Add the content of a folder that counts as part of this one."""
        self.owned += other.owned
        self.loose += other.loose
        self.inner += other.inner

    def add(self, other: "LooseFiles", folder: str) -> None:
        """Add the content of *folder*; if nothing in it has an owner, it counts as one entry."""
        if other.loose and not other.owned:
            self.loose.append((folder, sum(files for _, files in other.loose)))
        else:
            self.owned += other.owned
            self.loose += other.loose
            self.inner += other.loose
