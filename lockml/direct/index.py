"""An index that also opens direct references, and builds what it is allowed to (`ArchiveIndex` → `Index`)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)

from lockml.common.progress import Progress, Step, silent
from lockml.common.references import ArchiveReference, FolderReference, Reference, RepositoryReference
from lockml.common.target import Target
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.model import (
    Build,
    CoreMetadata,
    DirectSource,
    DistributionFile,
    DynamicMetadataError,
    FileEntry,
    MetadataError,
)
from lockml.index.protocol import ArchiveIndex, ForwardingIndex
from lockml.resolution.model import Policy

if TYPE_CHECKING:
    from lockml.direct.static_metadata import ReadTree

__all__ = ["SourceIndex", "SourceSettings"]

_MAX_STATED: Final = 8 << 20
_T = TypeVar("_T")


class SourceSettings(Struct, frozen=True, kw_only=True):
    """What opening sources depends on: relative paths are seen from *folder*, builds run on *host*.

    *commits* are those to keep for repositories, by their place, as an earlier lock pinned them; *indexes* tells
    apart from where build requirements come.
    """

    folder: Path
    policy: Policy
    host: Callable[[], Target]
    commits: Mapping[tuple[str, ...], str]
    indexes: str = ""


class _Kept(msgspec.Struct):
    """Metadata as the cache keeps them."""

    metadata: bytes
    build: Build | None = None


class SourceIndex(ForwardingIndex):
    """The *index*, with direct references opened and with source archives built where the policy allows it."""

    def __init__(
        self,
        index: ArchiveIndex,
        *,
        settings: SourceSettings,
        progress: Progress = silent,
    ) -> None:
        super().__init__(index)
        self._archives = index
        self._settings = settings
        self._progress = progress
        self._opened: dict[Reference, DirectSource | MetadataError] = {}
        self._built: dict[tuple[object, ...], CoreMetadata | MetadataError] = {}

    def metadata(self, file: DistributionFile) -> CoreMetadata:
        """Return what *file* says of itself; one that only a build can tell is built where that is allowed."""
        try:
            return self._index.metadata(file)
        except DynamicMetadataError:
            if file.project not in self._settings.policy.allow_build:
                raise
            key = (file.entry.origin, file.entry.url, *sorted(file.entry.hashes.items()))
            if key not in self._built:
                self._built[key] = _attempted(lambda: self._metadata_of_archive(file.entry, None, file.project))
        found = self._built[key]
        if isinstance(found, MetadataError):
            raise found
        if found.name != file.project or found.version != file.version:
            raise MetadataError(f"its metadata is that of {found.name} {found.version}")
        return found

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds, opened once; raises MetadataError, PackageIndexError."""
        if reference not in self._opened:
            self._progress(Step(doing="Opening", subject=str(reference)))
            match reference:
                case ArchiveReference():
                    self._opened[reference] = _attempted(lambda: self._archive(reference))
                case FolderReference():
                    self._opened[reference] = _attempted(lambda: self._folder(reference))
                case RepositoryReference():
                    self._opened[reference] = _attempted(lambda: self._repository(reference))
        found = self._opened[reference]
        if isinstance(found, MetadataError):
            raise found
        return found

    def _archive(self, reference: ArchiveReference) -> DirectSource:
        """Open a wheel by its ranges, a source archive as a whole."""
        url = self._path(reference.location).as_uri() if reference.local else reference.location
        if reference.local and not self._path(reference.location).is_file():
            raise MetadataError("there is no such file")
        known = next((each.partition(":")[2] for each in reference.hashes if each.startswith("sha256:")), None)
        entry = FileEntry(
            filename=reference.filename, url=url, hashes={}, local=reference.location if reference.local else None
        )
        digest, size = (known, None) if known and not reference.local else self.digests([entry])[entry.filename]
        if known is not None and digest != known:
            raise MetadataError(f"it has sha256 {digest} where {known} was asked for")
        entry = replace(entry, hashes={"sha256": digest}, size=size)
        if reference.filename.endswith(".whl"):
            file = _distribution(entry)
            return DirectSource(reference=reference, metadata=self._index.metadata(file), file=file)
        metadata = self._metadata_of_archive(entry, reference.subdirectory, str(reference))
        file = _distribution(entry, metadata)
        return DirectSource(reference=reference, metadata=metadata, file=file)

    def _metadata_of_archive(self, entry: FileEntry, subdirectory: str | None, label: str) -> CoreMetadata:
        sha256 = entry.hashes.get("sha256", "").lower()  # what is read has it
        key = f"archive-2:{sha256}:{subdirectory or ''}" if sha256 else None

        def read() -> _Kept:
            import tempfile

            from lockml.direct.unpack import unpack

            content = self._archives.content(entry)
            with tempfile.TemporaryDirectory(prefix="lockml-source-") as scratch:
                top = unpack(content, entry.filename, Path(scratch))
                return self._metadata_of_tree(_inside(top, subdirectory), label)

        return self._kept(key, read)

    def _folder(self, reference: FolderReference) -> DirectSource:
        folder = self._path(reference.path)
        if not folder.is_dir():
            raise MetadataError("there is no such folder")
        return DirectSource(reference=reference, metadata=_parsed(self._metadata_of_tree(folder, reference.path)))

    def _repository(self, reference: RepositoryReference) -> DirectSource:
        commit = self._settings.commits.get(reference.place) or self._find_commit(reference)
        key = f"repository:{reference.url}@{commit}:{reference.subdirectory or ''}"
        found = commit

        def read() -> _Kept:
            nonlocal found
            if self._archives.offline:
                raise MetadataError("it is not in the cache, and --offline was asked for")
            import tempfile

            from lockml.direct.git import check_out

            with tempfile.TemporaryDirectory(prefix="lockml-repository-") as scratch:
                found = check_out(reference, commit, Path(scratch))
                return self._metadata_of_tree(_inside(Path(scratch), reference.subdirectory), str(reference))

        metadata = self._kept(key, read) if commit is not None else _parsed(read())
        return DirectSource(reference=reference, metadata=metadata, commit=found)

    def _find_commit(self, reference: RepositoryReference) -> str | None:
        if self._archives.offline:
            raise MetadataError("its commit is not known, and --offline was asked for")
        from lockml.direct.git import find_commit

        return find_commit(reference)

    def _kept(self, key: str | None, read: Callable[[], _Kept]) -> CoreMetadata:
        """Return what is kept under *key*, else what *read* returns; without a key nothing is kept.

        What is built counts for one Python, one policy and the indexes that the build requirements came from.
        """
        if key is None:
            return _parsed(read())
        policy = self._settings.policy
        build = f"{self._settings.host().python}:{self._settings.indexes}" if policy.allow_build else ""
        full = f"{key}:{build}:{policy.exclude_newer}"
        content = self._archives.cached(full, lambda: msgspec.msgpack.encode(read()))
        return _parsed(msgspec.msgpack.decode(content, type=_Kept))

    def _metadata_of_tree(self, folder: Path, label: str) -> _Kept:
        """Return what the project in *folder* states, or what its build tells where that is allowed."""
        from lockml.direct.static_metadata import stated_name, static_metadata

        read = _reader(folder)
        try:
            return _Kept(static_metadata(read))
        except DynamicMetadataError as error:
            name = stated_name(read)
            allowed = self._settings.policy.allow_build
            if not any(canonicalize_name(each) in allowed for each in (name, label) if each):
                raise DynamicMetadataError(f"{error} (--allow-build {name or label})") from error
        from lockml.direct.build import Builder

        self._progress(Step(doing="Building", subject=name or label))
        builder = Builder(index=self, policy=self._settings.policy, host=self._settings.host, fetch=self._content)
        return _Kept(*builder.metadata(folder))

    def _content(self, file: DistributionFile) -> bytes:
        return self._archives.content(file.entry)

    def _path(self, path: str) -> Path:
        return (self._settings.folder / Path(path).expanduser()).absolute()


def _attempted(attempt: Callable[[], _T]) -> _T | MetadataError:
    try:
        return attempt()
    except MetadataError as error:
        return error


def _parsed(kept: _Kept) -> CoreMetadata:
    return replace(parse_metadata(kept.metadata), build=kept.build)


def _reader(folder: Path) -> "ReadTree":
    def read(name: str) -> bytes | None:
        path = folder / name
        if not path.is_file() or path.stat().st_size > _MAX_STATED:
            return None
        return path.read_bytes()

    return read


def _inside(folder: Path, subdirectory: str | None) -> Path:
    inside = folder / subdirectory if subdirectory else folder
    if not inside.is_dir() or not inside.resolve().is_relative_to(folder.resolve()):
        raise MetadataError(f"it has no folder {subdirectory!r}")
    return inside


def _distribution(entry: FileEntry, metadata: CoreMetadata | None = None) -> DistributionFile:
    """Return the archive as a file of a release; of a source archive, *metadata* tell which."""
    try:
        if metadata is None:
            name, version, _, _ = parse_wheel_filename(entry.filename)
            return DistributionFile(entry=entry, project=name, version=version, kind="wheel", uploaded=None)
    except InvalidWheelFilename as error:
        raise MetadataError(f"its file name is not that of a wheel ({error})") from error
    return DistributionFile(entry=entry, project=metadata.name, version=metadata.version, kind="sdist", uploaded=None)
