"""Find what added a file to a `FileTree`, or removed it: a layer, a mount or a later change."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from lockml.inventory.file_tree import FileTree, Origin, UnreadableError

__all__ = ["Removals", "Times", "came_late", "latest_origin", "origin_of"]

_LAST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()  # an archive may give any number


def origin_of(tree: FileTree, path: str) -> Origin | None:
    """Return the origin of the bytes at *path*: for a link, those of its target."""
    real_path = tree.resolve(path)
    return tree.origin(real_path if tree.kind(real_path) != "missing" else path)


def latest_origin(tree: FileTree, path: str) -> Origin | None:
    """Return the later of the origins of the link at *path* and of its target."""
    origins = [each for each in (tree.origin(path), origin_of(tree, path)) if each is not None]
    return max(origins, key=lambda origin: origin.order, default=None)


def came_late(tree: FileTree, path: str) -> bool:
    """Return whether *path*, or the target of a link there, was added after the start."""
    origin = latest_origin(tree, path)
    return origin is not None and origin.late


class Removals:
    """A search for what removed files of *tree*, which reads each folder once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._names: dict[str, frozenset[str]] = {}
        self._removed: dict[str, Mapping[str, Origin]] = {}

    def origin(self, path: str) -> Origin | None:
        """Return what removed or replaced the file that was at *path*; None if that is unknown."""
        folder, _, name = path.rpartition("/")
        try:
            real_path = self._tree.resolve(folder or "/").rstrip("/")
            if name in self._names_in(real_path):
                return self._tree.origin(f"{real_path}/{name}")
            found = (self._removed_from(each).get(name) for each in dict.fromkeys((real_path, folder)))
            return next((origin for origin in found if origin is not None), None)
        except UnreadableError:
            return None  # reported when the folder itself is read

    def _names_in(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            self._names[folder] = frozenset(entry.name for entry in self._tree.entries(folder or "/"))
        return self._names[folder]

    def _removed_from(self, folder: str) -> Mapping[str, Origin]:
        if folder not in self._removed:
            self._removed[folder] = self._tree.removed(folder or "/")
        return self._removed[folder]


class Times:
    """The modification times of the files of *tree*; reads each folder once."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self._folders: dict[str, Mapping[str, int]] = {}

    def of(self, path: str, removed_by: Origin | None = None) -> str | None:
        """Return the time of the file or folder at *path*, in ISO 8601; for a removed one, that of its folder.

        Removing a file updates the time of its folder, if what it was *removed_by* records that: remote engines do not.
        Anyone who writes a file can set its time.
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
