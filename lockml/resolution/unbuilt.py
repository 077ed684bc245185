"""Index decorators for source archives: what is asked twice is remembered, and what a build would say is assumed.

To learn whether only a build knows what an archive needs, the index has to be asked for a part of it at least. So few
releases of a project are looked at in that way, and none only to find what to propose, unless it is no larger than
metadata.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.references import Reference
from lockml.index.model import CoreMetadata, DirectSource, DistributionFile, DynamicMetadataError, MetadataError
from lockml.index.protocol import ForwardingIndex, Index
from lockml.resolution.candidates.judgements import Judgements
from lockml.resolution.model import Obstacle

__all__ = ["AssumingIndex", "RememberingIndex", "TooMuchToReadError", "TrialIndex"]

_MOST_REFUSED: Final = 3  # releases of a project: those before them were most likely made in the same way
_MOST_BYTES: Final = 8 << 20  # of all refused archives of a project, some of which have their PKG-INFO at the end
_SMALL: Final = 1 << 18  # bytes of an archive that costs little more than metadata

_MOST_NEW: Final = 192  # releases that are looked at only to find what to propose

_FileKey = tuple[str, str, str]
_Then = Callable[[CoreMetadata], None]


class RememberingIndex(ForwardingIndex):
    """An *index* that is asked once for the metadata of a file.

    After a few releases of a project that have to be built, its other source archives are not fetched any more. The
    *judgements* are those of its releases.
    """

    def __init__(self, index: Index) -> None:
        super().__init__(index)
        self._opener = index
        self._metadata: dict[_FileKey, CoreMetadata | MetadataError] = {}
        self._refused: Counter[NormalizedName] = Counter()
        self._refused_bytes: Counter[NormalizedName] = Counter()
        self._ahead: dict[NormalizedName, set[_FileKey]] = {}
        self.judgements = Judgements()

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says about itself; raises MetadataError, PackageIndexError."""
        read_before = self._metadata.get(_key(file))
        if read_before is None:
            read_before = self._metadata[_key(file)] = self._read(file)
        if isinstance(read_before, MetadataError):
            raise read_before
        return read_before

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: _Then | None = None) -> None:
        """Begin to fetch the metadata of *files*, but of few source archives of a project at a time."""
        self._index.prefetch_metadata([file for file in files if self._is_wanted_ahead(file)], then)

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds; raises MetadataError, PackageIndexError."""
        return self._opener.direct(reference)

    def knows(self, file: DistributionFile) -> bool:
        """Say whether the metadata of *file* were asked for before."""
        return _key(file) in self._metadata

    def _read(self, file: DistributionFile) -> CoreMetadata | MetadataError:
        self._ahead.get(file.project, set()).discard(_key(file))
        if file.kind == "sdist" and not self._left(file.project):
            refused = self._refused[file.project]
            newer = "a newer one has" if refused == 1 else f"{refused} newer ones have"
            return DynamicMetadataError(f"its archive is not fetched, as {newer} to be built")
        try:
            return self._index.metadata(file)
        except DynamicMetadataError as error:
            self._refused[file.project] += 1
            self._refused_bytes[file.project] += file.entry.size or 0
            return error
        except MetadataError as error:
            return error

    def _left(self, project: NormalizedName) -> int:
        """Return how many further source archives of *project* may be asked for."""
        enough = self._refused_bytes[project] >= _MOST_BYTES
        return 0 if enough else max(0, _MOST_REFUSED - self._refused[project])

    def _is_wanted_ahead(self, file: DistributionFile) -> bool:
        """Say whether to fetch the metadata of *file* ahead; threads may disagree, which costs a request."""
        if file.kind == "wheel":
            return True
        begun = self._ahead.setdefault(file.project, set())
        together = _MOST_REFUSED if _is_small(file) else 1
        if _key(file) not in begun and len(begun) >= min(together, self._left(file.project)):
            return False
        begun.add(_key(file))
        return True


class TooMuchToReadError(Exception):
    """A trial asked for the metadata of too many releases that nothing else needs.

    Internal: never reaches the user; what the trial was to show is omitted.
    """


class TrialIndex(ForwardingIndex):
    """What is known of *index*, for trials: a source archive that was not looked at counts as one to build.

    More than *most* releases that were not looked at raise TooMuchToReadError; *new* counts them.
    """

    def __init__(self, index: RememberingIndex, *, most: int = _MOST_NEW) -> None:
        super().__init__(index)
        self._remembered = index
        self._most = most
        self.judgements = index.judgements
        self.new = 0

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says about itself; raises MetadataError, PackageIndexError."""
        if not self._is_at_hand(file):
            raise DynamicMetadataError("its archive is not fetched for a proposal, and may have to be built")
        self.new += not self._remembered.knows(file)
        if self.new > self._most:
            raise TooMuchToReadError(f"{file.filename}: more than {self._most} releases were read for a proposal")
        return self._index.metadata(file)

    def prefetch_metadata(self, files: Iterable[DistributionFile], then: _Then | None = None) -> None:
        """Begin to fetch the metadata of *files*, but of no archive."""
        if self.new <= self._most:
            self._index.prefetch_metadata([file for file in files if self._is_at_hand(file)], then)

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds; raises MetadataError, PackageIndexError."""
        return self._remembered.direct(reference)

    def _is_at_hand(self, file: DistributionFile) -> bool:
        return file.kind == "wheel" or self._remembered.knows(file) or _is_small(file)


class AssumingIndex(TrialIndex):
    """The same, where a file that says nothing is assumed to need nothing: *obstacles* says which, and why.

    Such files have to be built, or with *unreadable* have metadata that cannot be used.
    """

    def __init__(self, index: RememberingIndex, *, unreadable: bool, most: int = _MOST_NEW) -> None:
        super().__init__(index, most=most)
        self._unreadable = unreadable
        self.obstacles: dict[tuple[NormalizedName, Version], Obstacle] = {}

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says about itself, or that it needs nothing; raises MetadataError, PackageIndexError."""
        try:
            found = super().metadata(file)
        except MetadataError as error:
            build = isinstance(error, DynamicMetadataError)
            if not build and not self._unreadable:
                raise
            self._note(file, str(error), build=build)
            return CoreMetadata(name=file.project, version=file.version)
        if self._unreadable and found.unread_dist:
            self._note(file, f"its metadata cannot be read: {found.unread_dist[0].fault}")
            return replace(found, unread_dist=())
        return found

    def _note(self, file: DistributionFile, reason: str, *, build: bool = False) -> None:
        obstacle = Obstacle(name=file.project, version=file.version, reason=reason, build=build)
        self.obstacles[file.project, file.version] = obstacle


def _key(file: DistributionFile) -> _FileKey:
    return file.entry.origin, file.entry.url, file.entry.filename


def _is_small(file: DistributionFile) -> bool:
    return file.entry.size is not None and file.entry.size <= _SMALL
