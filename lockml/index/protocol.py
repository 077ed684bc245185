"""The ports by which resolving and locking see what exists: `FileIndex`, `ArchiveIndex` and `Index`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from packaging.utils import NormalizedName

from lockml.common.digest import ArtifactIdentity
from lockml.common.references import Reference
from lockml.index.model import CoreMetadata, DirectSource, DistributionFile, Elsewhere, FileEntry, Project

__all__ = ["ArchiveIndex", "FileIndex", "ForwardingIndex", "Index"]


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

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        """Return which indexes are asked for an unavailable project, and what those that are not asked for it list.

        These are asked then, for this alone; nothing of it may be taken. Their errors are no errors.
        """

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says about itself; raises MetadataError where it cannot be used, PackageIndexError."""

    def digests(self, entries: Sequence[FileEntry]) -> Mapping[str, tuple[str, int]]:
        """Return by file name the SHA-256, hexadecimal, and the size of each of *entries*, which are downloaded."""

    def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str]:
        """Return by file name what each wheel of *files* installs, or the reason why that cannot be determined."""


class ArchiveIndex(FileIndex, Protocol):
    """What indexes have, with the content of whole files; what is worked out of them is cached beside them."""

    @property
    def offline(self) -> bool:
        """Whether nothing but the cache is used."""

    def content(self, entry: FileEntry) -> bytes:
        """Return the bytes of *entry*, hashed; raises PackageIndexError if they are unavailable or differ."""

    def cached(self, key: str, make: Callable[[], bytes]) -> bytes:
        """Return what the cache has under *key*, which never goes stale, else what *make* returns, which it keeps."""


class Index(FileIndex, Protocol):
    """What exists: what indexes have, and what direct references hold."""

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds; raises MetadataError where it cannot be used, PackageIndexError."""


class ForwardingIndex:
    """A `FileIndex` that asks *index* everything; a decorator overrides what it does otherwise."""

    def __init__(self, index: FileIndex) -> None:
        self._index = index

    def prefetch_projects(self, names: Iterable[NormalizedName], then: Callable[[Project], None] | None = None) -> None:
        """Begin to fetch the pages of *names*."""
        self._index.prefetch_projects(names, then)

    def prefetch_metadata(
        self, files: Iterable[DistributionFile], then: Callable[[CoreMetadata], None] | None = None
    ) -> None:
        """Begin to fetch the metadata of *files*."""
        self._index.prefetch_metadata(files, then)

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, or None where no index has it; raises PackageIndexError."""
        return self._index.project(name)

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        """Return which indexes are asked for an unavailable project, and what those that are not asked for it list."""
        return self._index.elsewhere(name)

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says about itself; raises MetadataError where it cannot be used, PackageIndexError."""
        return self._index.metadata(file)

    def digests(self, entries: Sequence[FileEntry]) -> Mapping[str, tuple[str, int]]:
        """Return by file name the SHA-256, hexadecimal, and the size of each of *entries*, which are downloaded."""
        return self._index.digests(entries)

    def identities(self, files: Sequence[DistributionFile]) -> Mapping[str, ArtifactIdentity | str]:
        """Return by file name what each wheel of *files* installs, or the reason why that cannot be determined."""
        return self._index.identities(files)
