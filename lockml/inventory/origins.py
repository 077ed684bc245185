"""Find what brought a file to its place in a `FileTree`, or removed it from there: a layer, a mount, a later change."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from lockml.inventory.file_tree import FileTree, Origin, UnreadableError

__all__ = ["Removals", "Times", "came_late", "latest_origin", "origin_of"]

_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()  # an archive may say any number


def origin_of(tree: FileTree, path: str) -> Origin | None:
    """Return what brought the bytes at *path*: behind a link, those of the file that it leads to."""
    real_path = tree.resolve(path)
    return tree.origin(real_path if tree.kind(real_path) != "missing" else path)


def latest_origin(tree: FileTree, path: str) -> Origin | None:
    """Return the later of what brought the link at *path* and what brought the file that it leads to."""
    origins = [each for each in (tree.origin(path), origin_of(tree, path)) if each is not None]
    return max(origins, key=lambda origin: origin.order, default=None)


def came_late(tree: FileTree, path: str) -> bool:
    """Return whether what is at *path*, or what a link there leads to, came after the start."""
    origin = latest_origin(tree, path)
    return origin is not None and origin.late


class Removals:
    """Finds what removed files of *tree*; reads each folder once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._names: dict[str, frozenset[str]] = {}
        self._removed: dict[str, Mapping[str, Origin]] = {}

    def origin(self, path: str) -> Origin | None:
        """Return what removed the file that was at *path*, or put something else there; None where that is unknown."""
        folder, _, name = path.rpartition("/")
        try:
            real_path = self._tree.resolve(folder or "/").rstrip("/")
            if name in self._names_in(real_path):
                return self._tree.origin(f"{real_path}/{name}")
            found = (self._removed_from(each).get(name) for each in dict.fromkeys((real_path, folder)))
            return next((origin for origin in found if origin is not None), None)
        except UnreadableError:
            return None  # reported where the folder itself is read

    def _names_in(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            self._names[folder] = frozenset(entry.name for entry in self._tree.entries(folder or "/"))
        return self._names[folder]

    def _removed_from(self, folder: str) -> Mapping[str, Origin]:
        if folder not in self._removed:
            self._removed[folder] = self._tree.removed(folder or "/")
        return self._removed[folder]


class Times:
    """Finds when files of *tree* were written last, by their own times; reads each folder once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._folders: dict[str, Mapping[str, int]] = {}

    def of(self, path: str, removed_by: Origin | None = None) -> str | None:
        """Return the time of the file or folder at *path*, in ISO 8601; of what is gone, of the folder that it was in.

        Removing a file writes its folder, if whatever it was *removed_by* tells of that: engines elsewhere do not.
        Whoever writes a file can set its time.
        """
        try:
            real_path = self._tree.resolve(path)
            while real_path != "/" and self._tree.kind(real_path) == "missing":
                real_path = real_path.rpartition("/")[0] or "/"
            brought = self._tree.origin(real_path) if removed_by is not None else None
            if removed_by is not None and (brought is None or brought.order < removed_by.order):
                return None
            folder, _, name = real_path.rpartition("/")
            seconds = self._times_in(folder or "/").get(name)
        except UnreadableError:
            return None  # reported when it is read
        if seconds is None or not 0 < seconds < _LAST:
            return None
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _times_in(self, folder: str) -> Mapping[str, int]:
        if folder not in self._folders:
            self._folders[folder] = {entry.name: entry.modified for entry in self._tree.entries(folder)}
        return self._folders[folder]
