"""An index that also opens direct references, and builds what it is allowed to (`ArchiveIndex` → `Index`)."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.http.file_urls import expand_home
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
from lockml.resolution.model import Policy, ProjectSelection

if TYPE_CHECKING:
    from lockml.direct.static_metadata import ReadTree

__all__ = ["SourceIndex", "SourceSettings"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MAX_STATED: Final = 8 << 20
_T = TypeVar("_T")


class SourceSettings(Struct, frozen=True, kw_only=True):
    """What opening sources depends on: relative paths are seen from *folder*, builds run on *host*.

    *commits* are those to keep for repositories, by their source key, as an earlier lock pinned them; *indexes*
    distinguishes where build requirements come from.
    """

    folder: Path
    policy: Policy
    host: Callable[[], Target]
    commits: Mapping[tuple[str, ...], str]
    indexes: str = ""


class _CachedMetadata(msgspec.Struct):
    """Metadata as the cache holds them."""

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
        """Return what *file* says about itself; one that only a build knows is built where that is allowed."""
        try:
            return self._index.metadata(file)
        except DynamicMetadataError:
            if file.project not in self._settings.policy.allow_build:
                raise
            key = (file.entry.origin, file.entry.url, *sorted(file.entry.hashes.items()))
            if key not in self._built:
                self._built[key] = _attempt(lambda: self._metadata_of_archive(file.entry, None, file.project))
        built = self._built[key]
        if isinstance(built, MetadataError):
            raise built
        if built.name != file.project or built.version != file.version:
            raise MetadataError(f"its metadata is that of {built.name} {built.version}")
        return built

    def direct(self, reference: Reference) -> DirectSource:
        """Return what *reference* holds, opened once; raises MetadataError, PackageIndexError."""
        if reference not in self._opened:
            self._progress(Step(doing="Opening", subject=str(reference)))
            match reference:
                case ArchiveReference():
                    self._opened[reference] = _attempt(lambda: self._archive(reference))
                case FolderReference():
                    self._opened[reference] = _attempt(lambda: self._folder(reference))
                case RepositoryReference():
                    self._opened[reference] = _attempt(lambda: self._repository(reference))
        opened = self._opened[reference]
        if isinstance(opened, MetadataError):
            raise opened
        return opened

    def _archive(self, reference: ArchiveReference) -> DirectSource:
        """Open a wheel by its ranges, a source archive as a whole."""
        entry = self._entry(reference)
        if reference.filename.endswith(".whl"):
            file = _as_distribution(entry)
            return DirectSource(reference=reference, metadata=self._index.metadata(file), file=file)
        metadata = self._metadata_of_archive(entry, reference.subdirectory, str(reference))
        file = _as_distribution(entry, metadata)
        return DirectSource(reference=reference, metadata=metadata, file=file)

    def _entry(self, reference: ArchiveReference) -> FileEntry:
        """Return the archive with its hash, which is the one that *reference* names, if it names one."""
        url = self._path(reference.location).as_uri() if reference.local else reference.location
        if reference.local and not self._path(reference.location).is_file():
            raise MetadataError("there is no such file")
        expected = next((text.partition(":")[2] for text in reference.hashes if text.startswith("sha256:")), None)
        entry = FileEntry(
            filename=reference.filename, url=url, hashes={}, local=reference.location if reference.local else None
        )
        self._require_others(reference, entry)
        digest, size = (expected, None) if expected and not reference.local else self.digests([entry])[entry.filename]
        if expected is not None and digest != expected:
            raise MetadataError(f"it has sha256 {digest} where {expected} is required")
        return replace(entry, hashes={"sha256": digest}, size=size)

    def _require_others(self, reference: ArchiveReference, entry: FileEntry) -> None:
        """Raise MetadataError where the archive has other hashes than *reference* names, SHA-256 left to the caller."""
        named = sorted(each for each in reference.hashes | reference.weak_hashes if not each.startswith("sha256:"))
        content = self._archives.content(entry) if named else b""
        for kind, expected in (each.split(":", 1) for each in named):
            found = hashlib.new(kind, content, usedforsecurity=False).hexdigest()
            if found != expected:
                raise MetadataError(f"it has {kind} {found} where {expected} is required")

    def _metadata_of_archive(self, entry: FileEntry, subdirectory: str | None, label: str) -> CoreMetadata:
        sha256 = entry.hashes.get("sha256", "").lower()  # what is read has it
        key = f"archive-2:{sha256}:{subdirectory or ''}" if sha256 else None

        def read() -> _CachedMetadata:
            with self._unpacked(entry) as top:
                return self._metadata_of_tree(_subfolder(top, subdirectory), label)

        return self._cached(key, read)

    @contextmanager
    def _unpacked(self, entry: FileEntry) -> Iterator[Path]:
        """Give the top folder of a source archive."""
        import tempfile

        from lockml.direct.unpack import unpack

        content = self._archives.content(entry)
        with tempfile.TemporaryDirectory(prefix="lockml-source-") as scratch:
            yield unpack(content, entry.filename, Path(scratch))

    def build_requirements(self, reference: ArchiveReference | RepositoryReference) -> tuple[str, ...]:
        """Return what the build of *reference*, which names its bytes, needs, as it states (PEP 518).

        Raises MetadataError, PackageIndexError.
        """
        from lockml.direct.static_metadata import read_build_requirements

        def read() -> bytes:
            match reference:
                case ArchiveReference():
                    opened = self._unpacked(self._entry(reference))
                case RepositoryReference():
                    opened = self._checked_out(reference, reference.revision)
            with opened as top:
                inside = _subfolder(top, reference.subdirectory)
                return msgspec.msgpack.encode(read_build_requirements(_tree_reader(inside)))

        self._progress(Step(doing="Opening", subject=str(reference)))
        named = (
            min(reference.hashes)
            if isinstance(reference, ArchiveReference)
            else f"{reference.url}@{reference.revision}"
        )
        key = f"build-1:{named}:{reference.subdirectory or ''}"
        return msgspec.msgpack.decode(self._archives.cached(key, read), type=tuple[str, ...])

    def _folder(self, reference: FolderReference) -> DirectSource:
        folder = self._path(reference.path)
        if not folder.is_dir():
            raise MetadataError("there is no such folder")
        return DirectSource(reference=reference, metadata=_parse(self._metadata_of_tree(folder, reference.path)))

    def _repository(self, reference: RepositoryReference) -> DirectSource:
        named = reference.revision if _COMMIT.fullmatch(reference.revision or "") else None
        commit = named or self._settings.commits.get(reference.source_key) or self._find_commit(reference)
        key = f"repository:{reference.url}@{commit}:{reference.subdirectory or ''}"
        checked_out = commit

        def read() -> _CachedMetadata:
            nonlocal checked_out
            from lockml.direct.git import check_out

            with self._scratch() as scratch:
                checked_out = check_out(reference, commit, scratch)
                return self._metadata_of_tree(_subfolder(scratch, reference.subdirectory), str(reference))

        metadata = self._cached(key, read) if commit is not None else _parse(read())
        return DirectSource(reference=reference, metadata=metadata, commit=checked_out)

    @contextmanager
    def _checked_out(self, reference: RepositoryReference, commit: str | None) -> Iterator[Path]:
        """Give the folder of *commit*."""
        from lockml.direct.git import check_out

        with self._scratch() as scratch:
            check_out(reference, commit, scratch)
            yield scratch

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """Give an empty folder for a repository, which has to be fetched."""
        if self._archives.offline:
            raise MetadataError(f"it is not in the cache, and {setting('offline')} is set")
        import tempfile

        with tempfile.TemporaryDirectory(prefix="lockml-repository-") as scratch:
            yield Path(scratch)

    def _find_commit(self, reference: RepositoryReference) -> str | None:
        if self._archives.offline:
            raise MetadataError(f"its commit is not known, and {setting('offline')} is set")
        from lockml.direct.git import find_commit

        return find_commit(reference)

    def _cached(self, key: str | None, read: Callable[[], _CachedMetadata]) -> CoreMetadata:
        """Return what the cache has under *key*, else what *read* returns; without a key nothing is cached.

        What is built counts for one Python, one policy and the indexes that the build requirements came from.
        """
        if key is None:
            return _parse(read())
        build = ""
        if self._settings.policy.allow_build:
            policy = msgspec.json.encode(_build_policy(self._settings.policy), order="deterministic")
            build = f"{self._settings.host().python}:{self._settings.indexes}:{hashlib.sha256(policy).hexdigest()}"
        content = self._archives.cached(f"{key}:{build}", lambda: msgspec.msgpack.encode(read()))
        return _parse(msgspec.msgpack.decode(content, type=_CachedMetadata))

    def _metadata_of_tree(self, folder: Path, label: str) -> _CachedMetadata:
        """Return what the project in *folder* states, or what its build says where that is allowed."""
        from lockml.direct.static_metadata import read_static_metadata, read_static_name

        read = _tree_reader(folder)
        try:
            return _CachedMetadata(read_static_metadata(read))
        except DynamicMetadataError as error:
            name = read_static_name(read)
            allowed = self._settings.policy.allow_build
            if not any(canonicalize_name(project) in allowed for project in (name, label) if project):
                raise DynamicMetadataError(f"{error} ({setting('allow-build', name or label)})") from error
        from lockml.direct.build import Builder

        self._progress(Step(doing="Building", subject=name or label))
        policy = _build_policy(self._settings.policy)
        builder = Builder(index=self, policy=policy, host=self._settings.host, fetch=self._content)
        return _CachedMetadata(*builder.metadata(folder))

    def _content(self, file: DistributionFile) -> bytes:
        return self._archives.content(file.entry)

    def _path(self, path: str) -> Path:
        return (self._settings.folder / expand_home(path)).absolute()


def _build_policy(policy: Policy) -> Policy:
    """Return what of *policy* decides the build requirements: they are the newest wheels, into an empty environment."""
    return Policy(
        prereleases=policy.prereleases,
        stable_only=policy.stable_only,
        exclude_newer=policy.exclude_newer,
        exempt=policy.exempt,
        accelerator=policy.accelerator,
        max_rounds=policy.max_rounds,
        only_binary=ProjectSelection(everything=True),
    )


def _attempt(attempt: Callable[[], _T]) -> _T | MetadataError:
    try:
        return attempt()
    except MetadataError as error:
        return error


def _parse(cached: _CachedMetadata) -> CoreMetadata:
    return replace(parse_metadata(cached.metadata), build=cached.build)


def _tree_reader(folder: Path) -> "ReadTree":
    def read(name: str) -> bytes | None:
        path = folder / name
        if not path.is_file() or path.stat().st_size > _MAX_STATED:
            return None
        return path.read_bytes()

    return read


def _subfolder(folder: Path, subdirectory: str | None) -> Path:
    inside = folder / subdirectory if subdirectory else folder
    if not inside.is_dir() or not inside.resolve().is_relative_to(folder.resolve()):
        raise MetadataError(f"it has no folder {subdirectory!r}")
    return inside


def _as_distribution(entry: FileEntry, metadata: CoreMetadata | None = None) -> DistributionFile:
    """Return the archive as a file of a release; of a source archive, *metadata* say which."""
    try:
        if metadata is None:
            name, version, _, _ = parse_wheel_filename(entry.filename)
            return DistributionFile(entry=entry, project=name, version=version, kind="wheel", uploaded=None)
    except InvalidWheelFilename as error:
        raise MetadataError(f"its file name is not that of a wheel ({error})") from error
    return DistributionFile(entry=entry, project=metadata.name, version=metadata.version, kind="sdist", uploaded=None)
