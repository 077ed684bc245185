"""Find the owner of a file that differs: the project whose RECORD lists it (PEP 376, PEP 627), or Python."""

import posixpath
from functools import cached_property
from typing import NamedTuple

from lockml.drift.differences.places import Places
from lockml.inventory.bytecode.pyc import parse_compiled_name
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import PythonEnvironment

__all__ = ["Owner", "Owners"]


class Owner(NamedTuple):
    """The *name* of a project, ``python``, or None for a file in a walked *folder* that no RECORD lists."""

    name: str | None
    folder: str


class Owners:
    """The owners of the files of an *environment*. They group what differs, and prove nothing."""

    def __init__(self, tree: FileTree, environment: PythonEnvironment, places: Places) -> None:
        self._tree = tree
        self._environment = environment
        self._places = places

    def of(self, path: str) -> Owner:
        """Return the owner of the file at *path*; a compiled module belongs to the owner of its source."""
        for each in (path, _source_of(path)):
            name = self._listed.get(each) or self._described.get(posixpath.dirname(each))
            if name is not None:
                return Owner(name, "")
            if self._places.of_python(each):
                return Owner("python", "")
        return Owner(None, self._places.root_of(path))

    @cached_property
    def _listed(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in self._environment.distributions:
            folder = self._tree.resolve(each.site_folder).rstrip("/")
            for row in each.record or ():
                path = f"{folder}/{row.path}"
                found.setdefault(posixpath.normpath(path) if row.path[0] in "./" else path, each.name)
        return found

    @cached_property
    def _described(self) -> dict[str, str]:
        return {self._tree.resolve(each.folder): each.name for each in self._environment.distributions}


def _source_of(path: str) -> str:
    """Return the source of a compiled module, *path* itself for any other file."""
    folder, _, name = path.rpartition("/")
    compiled = parse_compiled_name(name) if folder.endswith("/__pycache__") else None
    return f"{posixpath.dirname(folder)}/{compiled.module}.py" if compiled is not None else path
