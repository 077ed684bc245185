"""Locate the files of an environment, and map the same place between two environments.

Two environments may have different prefixes and Pythons: ``lib/python3.11/site-packages`` of one corresponds to
``lib/python3.12/site-packages`` of the other.
"""

import posixpath
from collections.abc import Iterator
from typing import Final, TypeAlias

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import PythonEnvironment

__all__ = ["Key", "Places"]

Key: TypeAlias = tuple[str | None, ...]
"""A place by its names: a leading None for the prefix, "" for the folder that is named after the Python.

Two Nones alone are the standard library and three are the interpreter, wherever they are.
"""

_SYSTEM: Final = frozenset({"", "/usr"})  # its programs are those of the whole system
_OTHERS: Final = ("pkgs", "envs")  # conda's downloads and other environments


class Places:
    """The places of one *environment* in its *tree*."""

    def __init__(self, tree: FileTree, environment: PythonEnvironment) -> None:
        self._tree = tree
        self._environment = environment
        self.prefix = _resolved(tree, environment.prefix)
        self.library = _resolved(tree, environment.library) if environment.library else None
        minor = ".".join(environment.python.split(".")[:2])
        self._own = f"python{minor}{'t' if environment.free_threaded else ''}" if minor else None
        program = environment.program
        self.program = tree.resolve(program) if program is not None else None
        self._interpreter = frozenset(self._programs())
        self.libraries = tuple(dict.fromkeys(_resolved(tree, each) for each in environment.site_folders))
        self._of_conda = tree.kind(f"{self.prefix}/conda-meta") == "folder"
        self.folders = frozenset(self._folders())
        self._left_out = frozenset(f"{self.prefix}/{name}" for name in _OTHERS if self._of_conda)
        self.files = frozenset(
            (*self._interpreter, *environment.archives, *environment.library_archives, *self._elsewhere())
        )

    def key(self, path: str) -> Key:
        """Return the names by which another environment has the place *path*."""
        for place, key in ((self.prefix, (None,)), (self.library, (None,) * 2), (self.program, (None,) * 3)):
            if path == place:
                return key
        inside = path.startswith(f"{self.prefix}/")
        names = tuple(self.name(each) for each in path[len(self.prefix) if inside else 0 :].split("/") if each)
        return (None, *names) if inside else names

    def name(self, name: str) -> str:
        """Return the name of the corresponding entry in another environment: no name for the Python's own folder."""
        return "" if name == self._own else name

    def at(self, key: Key) -> str | None:
        """Return the place of *key* here, None if it names the folder of an unknown Python."""
        if key[:2] == (None, None):
            return self.library if len(key) == 2 else self.program
        names = [self._own if name == "" else name for name in key if name is not None]
        if None in names:
            return None
        start = self.prefix if key and key[0] is None else ""
        return f"{start}/{'/'.join(map(str, names))}".rstrip("/")

    def may_walk(self, folder: str) -> bool:
        """Return whether *folder*, on the other environment's import path, is walked here too."""
        inside = folder == self.prefix or folder.startswith(f"{self.prefix}/")
        if self.prefix in _SYSTEM and inside and folder not in self.folders:
            return False
        return folder in self.folders or not any(each.startswith(f"{folder}/") for each in self.folders)

    def root_of(self, path: str) -> str:
        """Return the nearest walked folder above the file *path*, else the file's own folder."""
        above = posixpath.dirname(path)
        while above not in self.folders:
            if above == "/":
                return posixpath.dirname(path)
            above = posixpath.dirname(above)
        return above

    def of_python(self, path: str) -> bool:
        """Return whether the file *path* belongs to the interpreter or its standard library."""
        in_library = self.library is not None and self.root_of(path) == self.library
        return in_library or path in self._interpreter

    def _folders(self) -> Iterator[str]:
        """Yield the folders to walk, which may be nested: what Python imports from, programs, data."""
        environment, prefix = self._environment, self.prefix
        yield from self.libraries
        if self.library is not None:
            yield self.library
        if not environment.alone and prefix not in _SYSTEM:
            yield f"{prefix}/bin"
        if environment.virtual or self._of_conda:
            yield prefix

    @property
    def left_out(self) -> frozenset[str]:
        """The folders that belong to other conda environments."""
        return self._left_out

    def _programs(self) -> Iterator[str]:
        if self.program is not None:
            yield self.program
        if self._environment.alone:
            return
        folder = f"{self.prefix}/lib"
        try:
            yield from (f"{folder}/{name}" for name in self._tree.names(folder) if name.startswith("libpython"))
        except UnreadableError:
            return  # reported if the folder is walked

    def _elsewhere(self) -> Iterator[str]:
        """Yield the files that RECORDs list outside of their library folder."""
        for each in self._environment.distributions:
            folder = _resolved(self._tree, each.site_folder)
            for row in each.record or ():
                if row.path[0] in "./":
                    path = posixpath.normpath(posixpath.join(folder, row.path))
                    try:
                        above = _resolved(self._tree, posixpath.dirname(path))
                    except UnreadableError:
                        above = posixpath.dirname(path)  # reported when the file is compared
                    yield f"{above}/{posixpath.basename(path)}"


def _resolved(tree: FileTree, folder: str) -> str:
    return tree.resolve(folder).rstrip("/")
