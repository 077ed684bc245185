"""The base of trees that wrap another `FileTree` and change how some of it is read."""

from collections.abc import Iterable, Iterator, Mapping

from lockml.ports import Entry, FileKind, FileTree, Origin, UnreadableError

__all__ = ["WrappedTree"]


class WrappedTree:
    """A `FileTree` that answers everything as *tree* does; subclasses replace what they do differently."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree

    def kind(self, path: str) -> FileKind:
        """Say what *path* is, links followed."""
        return self._tree.kind(path)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () where it is none; raises UnreadableError."""
        return self._tree.names(path)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return what is in the folder *path*, sorted by name, () where it is none; raises UnreadableError."""
        return self._tree.entries(path)

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""
        return self._tree.read(path, limit)

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of what the image has at *path*, None where it has nothing or is unknown."""
        return self._tree.image_content(path, limit)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the algorithm beside it, in any order."""
        return self._tree.digests(wanted)

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        return self._tree.resolve(path)

    def origin(self, path: str) -> Origin | None:
        """Return what brought the file at *path* there, None where that is not known."""
        return self._tree.origin(path)

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return by name what removed each name that was in the folder *path* and no longer is."""
        return self._tree.removed(path)
