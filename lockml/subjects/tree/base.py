"""The base of trees that can look up a single path: it follows links, and distinguishes files and folders."""

from collections.abc import Mapping
from typing import Final

from lockml.inventory.file_tree import Entry, FileKind, Origin
from lockml.subjects.tree.symlinks import PathEntry, resolve_inside

__all__ = ["PlacedTree"]

_NO_NAMES: Final = frozenset({"", ".", ".."})


class PlacedTree:
    """The part of `FileTree` that only needs `look` and `entries`, which each tree implements.

    Anything looked up is cached until `forget_links`.
    """

    def __init__(self) -> None:
        self._without_links: set[str] = set()

    def forget_links(self) -> None:
        """Forget the cached links and follow them again."""
        self._without_links.clear()

    def look(self, path: str) -> PathEntry | None:
        """Return what is at *path* itself, None if there is nothing; no link is followed."""
        raise NotImplementedError

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        raise NotImplementedError

    def image_content(self, path: str, limit: int) -> bytes | None:  # noqa: ARG002 - what does not know its image
        """Return at most *limit* bytes of what the image has at *path*, None if it has nothing or is unknown."""
        return None

    def removed(self, path: str) -> Mapping[str, Origin]:  # noqa: ARG002 - what has no layers
        """Return, by name, what removed each former entry of the folder *path*; nothing if there are no layers."""
        return {}

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        folder, slash, name = path.rpartition("/")
        if slash and folder in self._without_links and name not in _NO_NAMES:
            place = self.look(path)
            if place is None or place.kind != "link":
                return path
        found = resolve_inside(path, self.look)
        if found == path:  # nor does its folder have any
            self._without_links.add(folder)
        return found

    def kind(self, path: str) -> FileKind:
        """Return the kind of *path*, links followed; a device or a socket counts as missing."""
        place = self.look(self.resolve(path))
        if place is None or place.kind in ("link", "other"):
            return "missing"
        return "folder" if place.kind == "folder" else "file"

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder; raises UnreadableError."""
        return tuple(entry.name for entry in self.entries(path))
