"""The port by which an inventory sees the files of a subject: `FileTree`, and a base for its decorators."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, Protocol

from msgspec import Struct

__all__ = [
    "AFTER_START",
    "CHANGED",
    "Entry",
    "EntryKind",
    "FileKind",
    "FileTree",
    "ForwardingTree",
    "Origin",
    "UnreadableError",
]

AFTER_START: Final = 1 << 30
"""The lowest `Origin.order` of what changed after an image was made."""

CHANGED: Final = "changed after the container was made"
"""What brought such a file there, for a person."""

FileKind = Literal["file", "folder", "missing"]
EntryKind = Literal["file", "folder", "link", "other"]


class UnreadableError(Exception):
    """A part of a file tree that is there but cannot be read; *reason* is a phrase.

    Internal: never reaches the user; the inventory lists it among its problems, or an UnreachableError is made of it.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class Entry(NamedTuple):
    """What stands in a folder itself, a link not followed: *size* in bytes, *modified* in whole seconds since 1970.

    A *privileged* file runs with the rights of its owner or group, whoever starts it.
    """

    name: str
    kind: EntryKind
    size: int
    modified: int
    privileged: bool = False


class Origin(Struct, frozen=True):
    """What brought a file there: *order* grows from the lowest layer to what changed after the start.

    *text* is a phrase for a person; *replaces* says whether it took the place of a file that was there before.
    """

    order: int
    text: str
    replaces: bool

    @property
    def late(self) -> bool:
        """Whether it came after the start, by a change or by a mount."""
        return self.order >= AFTER_START

    @property
    def changed(self) -> bool:
        """Whether it was changed after the start; what is mounted is the word of whoever starts the subject."""
        return self.order == AFTER_START


class FileTree(Protocol):
    """The files of a subject. Paths are absolute and POSIX; links are followed inside the tree and nowhere else."""

    def kind(self, path: str) -> FileKind:
        """Return what *path* is, links followed."""

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () where it is none; raises UnreadableError."""

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return what is in the folder *path*, sorted by name, () where it is none; raises UnreadableError."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file that the subject's image has at *path*, whatever is there by now.

        None where it has none, or where the subject does not know its image. Raises UnreadableError.
        """

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the algorithm beside it, in any order.

        The algorithms are hashlib's names; paths have no links in them. Takes the next of *wanted* while it hashes.
        """

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""

    def origin(self, path: str) -> Origin | None:
        """Return what brought the file at the link-free *path* there, None where that is not known."""

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return by name what removed each name that was in the folder at the link-free *path* and no longer is.

        Names of which that is not known are left out. Raises UnreadableError.
        """


class ForwardingTree:
    """A `FileTree` that asks *tree* everything; a decorator overrides what it does otherwise."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree

    def kind(self, path: str) -> FileKind:
        """Return what *path* is, links followed."""
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
        """Return at most *limit* bytes of what the image has at *path*, None where it has nothing or cannot be told."""
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
        """Return by name what removed each name that was in the folder *path*; raises UnreadableError."""
        return self._tree.removed(path)
