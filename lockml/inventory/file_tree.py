"""The interface through which an inventory reads a subject's files, `FileTree`, and a base for its decorators."""

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
"""The lowest `Origin.order` of changes made after an image was built."""

CHANGED: Final = "changed after the container was made"
"""The origin of such a file, in words for a person."""

FileKind = Literal["file", "folder", "missing"]
EntryKind = Literal["file", "folder", "link", "other"]


class UnreadableError(Exception):
    """A part of a file tree that exists but cannot be read; *reason* is a phrase.

    Internal: never reaches the user; the inventory turns it into a problem or an UnreachableError.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class Entry(NamedTuple):
    """A directory entry, links not followed: *size* in bytes, *modified* in whole seconds since 1970.

    A *privileged* file runs with the rights of its owner or group (setuid, setgid).
    """

    name: str
    kind: EntryKind
    size: int
    modified: int
    privileged: bool = False


class Origin(Struct, frozen=True):
    """The origin of a file: *order* grows from the lowest layer to changes after the start.

    *text* is a phrase for a person; *replaces* says whether it replaced an earlier file.
    """

    order: int
    text: str
    replaces: bool

    @property
    def late(self) -> bool:
        """Whether it was added after the start, by a change or a mount."""
        return self.order >= AFTER_START

    @property
    def changed(self) -> bool:
        """Whether it was changed after the start; mounts do not count, as the person who starts the subject decides."""
        return self.order == AFTER_START


class FileTree(Protocol):
    """The files of a subject. Paths are absolute and POSIX; links are followed only inside the tree."""

    def kind(self, path: str) -> FileKind:
        """Return what *path* is, links followed."""

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder; raises UnreadableError."""

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file that the subject's image has at *path*, even if it changed since.

        None if it has none, or the image is unknown. Raises UnreadableError.
        """

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order.

        Algorithms are hashlib's names; paths contain no links. It consumes the next of *wanted* while it hashes.
        """

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""

    def origin(self, path: str) -> Origin | None:
        """Return the origin of the file at the link-free *path*, None if it is unknown."""

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return, by name, what removed each entry that is no longer in the folder at the link-free *path*.

        Names are omitted if that is unknown. Raises UnreadableError.
        """


class ForwardingTree:
    """A `FileTree` that passes everything on to *tree*; decorators override what they change."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree

    def kind(self, path: str) -> FileKind:
        """Return what *path* is, links followed."""
        return self._tree.kind(path)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder; raises UnreadableError."""
        return self._tree.names(path)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        return self._tree.entries(path)

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        return self._tree.read(path, limit)

    def image_content(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of what the image has at *path*, None if it has nothing or is unknown."""
        return self._tree.image_content(path, limit)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order."""
        return self._tree.digests(wanted)

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        return self._tree.resolve(path)

    def origin(self, path: str) -> Origin | None:
        """Return the origin of the file at *path*, None if it is unknown."""
        return self._tree.origin(path)

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return, by name, what removed each former entry of the folder *path*; raises UnreadableError."""
        return self._tree.removed(path)
