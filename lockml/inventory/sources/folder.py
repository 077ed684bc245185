"""A folder of this machine as a `FileTree`; links in it never lead out of it."""

import os
import stat

from lockml.inventory.links import Place, resolve_inside
from lockml.ports import FileKind, UnreadableError

__all__ = ["FolderTree"]


class FolderTree:
    """The files below *root*, which may be ``/`` or the root of another process."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")
        self._places: dict[str, Place | None] = {}

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
        try:
            return tuple(sorted(os.listdir(f"{self._root}{place}")))
        except OSError as error:
            raise UnreadableError(path, error.strerror or "cannot be listed") from error

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""
        place = self.resolve(path)
        if self.kind(place) != "file":
            return None
        try:
            handle = os.open(f"{self._root}{place}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                return file.read(limit)
        except OSError as error:
            raise UnreadableError(path, error.strerror or "cannot be read") from error

    def _look(self, path: str) -> Place | None:
        if path not in self._places:
            self._places[path] = self._stat(f"{self._root}{path}")
        return self._places[path]

    def _stat(self, real: str) -> Place | None:
        try:
            mode = os.lstat(real).st_mode
            if stat.S_ISLNK(mode):
                return Place("link", os.readlink(real))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise UnreadableError(real.removeprefix(self._root), getattr(error, "strerror", None) or str(error)) from error
        if stat.S_ISDIR(mode):
            return Place("folder")
        return Place("file" if stat.S_ISREG(mode) else "other")
