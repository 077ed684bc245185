"""The Protocols by which stages are joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from msgspec import Struct

from lockml.progress import Progress

if TYPE_CHECKING:  # one page for all stages must not make each of them load the nouns of the others
    from packaging.utils import NormalizedName

    from lockml.digest import ArtifactIdentity
    from lockml.index.model import CoreMetadata, DirectSource, DistributionFile, FileEntry, Project
    from lockml.references import Reference

__all__ = [
    "AFTER_START",
    "CHANGED",
    "Entry",
    "EntryKind",
    "FileIndex",
    "FileKind",
    "FileTree",
    "Index",
    "Origin",
    "Progress",
    "UnreadableError",
]

AFTER_START: Final = 1 << 30
"""The lowest `Origin.order` of what changed after an image was made."""

CHANGED: Final = "changed after the container was made"
"""What brought such a file there, for a person."""

FileKind = Literal["file", "folder", "missing"]
EntryKind = Literal["file", "folder", "link", "other"]


class FileIndex(Protocol):
    """What indexes have. The two `prefetch` methods return at once and only save waiting later.

    The first to ask may say what to do *then*, with what arrives: another thread does it. What the cache has does not
    arrive, unless this is called while *then* is done: then it is done with that too.
    """

    def prefetch_projects(self, names: Iterable[NormalizedName], then: Callable[[Project], None] | None = None) -> None:
        """Begin to fetch the pages of *names*."""

    def prefetch_metadata(
        self, files: Iterable[DistributionFile], then: Callable[[CoreMetadata], None] | None = None
    ) -> None:
        """Begin to fetch the metadata of *files*."""

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, or None where no index has it; raises PackageIndexError."""

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says of itself; raises MetadataError where it cannot be used, PackageIndexError."""

    def digests(self, entries: Sequence[FileEntry]) -> Mapping[str, tuple[str, int]]:
        """Return by file name the SHA-256, hexadecimal, and the size of each of *entries*, which are downloaded."""

    def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str]:
        """Return by file name what each wheel of *files* installs, or the reason why that cannot be told."""


class Index(FileIndex, Protocol):
    """What exists: what indexes have, and what direct references hold."""

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds; raises MetadataError where it cannot be used, PackageIndexError."""


class UnreadableError(Exception):
    """A part of a file tree that is there but cannot be read; *reason* is a phrase."""

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


class FileTree(Protocol):
    """The files of a subject. Paths are absolute and POSIX; links are followed inside the tree and nowhere else."""

    def kind(self, path: str) -> FileKind:
        """Say what *path* is, links followed."""

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
