"""A folder of this machine as a `FileTree`; links in it never lead out of it, whoever changes it meanwhile.

Every folder on the way is opened by its own name below the one before, never through a link, so that a subject that
swaps a folder for a link between two looks cannot lead the reader to files of the host.
"""

import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

from lockml.inventory.links import Place, resolve_inside
from lockml.ports import FileKind, UnreadableError

__all__ = ["FolderTree"]

_MAX_OPEN: Final = 64
_FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderTree:
    """The files below *root*, which may be ``/`` or the root of another process; close it after use."""

    def __init__(self, root: str) -> None:
        """Open *root*; raises OSError."""
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._opened: OrderedDict[str, int] = OrderedDict()
        self._places: dict[str, Place | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for handle in (*self._opened.values(), self._root):
            os.close(handle)

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        return resolve_inside(path, self._look)

    def kind(self, path: str) -> FileKind:
        """Say what *path* is, links followed; a device or a socket is missing."""
        place = self._look(self.resolve(path))
        if place is None or place.kind in ("link", "other"):
            return "missing"
        return "folder" if place.kind == "folder" else "file"

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () where it is none; raises UnreadableError."""
        place = self.resolve(path)
        if self.kind(place) != "folder":
            return ()
        with _readable(path):
            return tuple(sorted(os.listdir(self._folder(place))))  # noqa: PTH208 - a handle, not a path

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""
        place = self.resolve(path)
        if self.kind(place) != "file":
            return None
        parent, _, name = place.rpartition("/")
        with _readable(path), os.fdopen(os.open(name, _FILE_FLAGS, dir_fd=self._folder(parent)), "rb") as file:
            return file.read(limit) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None

    def _look(self, path: str) -> Place | None:
        if path not in self._places:
            with _readable(path):
                self._places[path] = self._stat(path)
        return self._places[path]

    def _stat(self, path: str) -> Place | None:
        parent, _, name = path.rpartition("/")
        if not name:
            return Place("folder")
        try:
            folder = self._folder(parent)
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                return Place("link", os.readlink(name, dir_fd=folder))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISDIR(mode):
            return Place("folder")
        return Place("file" if stat.S_ISREG(mode) else "other")

    def _folder(self, path: str) -> int:
        """Return a handle of the folder at *path*, which has no links in it; raises OSError."""
        folder, opened = self._root, ""
        for part in path.strip("/").split("/") if path.strip("/") else ():
            opened = f"{opened}/{part}"
            if opened in self._opened:
                self._opened.move_to_end(opened)
            else:
                self._opened[opened] = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            folder = self._opened[opened]
        while len(self._opened) > _MAX_OPEN and next(iter(self._opened)) != opened:
            os.close(self._opened.popitem(last=False)[1])
        return folder


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UnreadableError(path, getattr(error, "strerror", None) or str(error)) from error
