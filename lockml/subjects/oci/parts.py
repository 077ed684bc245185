"""Find the parts of an image in an archive, a stream or a folder: documents, and verified layers.

Parts are identified by their content, as writers name them differently: ``ID/layer.tar`` and ``blobs/sha256/HEX``
(Docker), ``HEX.tar`` (podman, skopeo), ``HEX.tar.gz`` and ``sha256:HEX`` (crane, ko, kaniko), ``config.json`` (Jib).
"""

import hashlib
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, Protocol, TypeVar

from lockml.common.progress import Step, tell_fact
from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.decompress import is_compressed
from lockml.subjects.oci.layer_cache import HashedLayers, TreeStore
from lockml.subjects.oci.layers import LayerTree, read_layer
from lockml.subjects.oci.manifests import MAX_DOCUMENT, Image
from lockml.subjects.oci.reread import ANOTHER, HashedLayer, Reader, Reread, Source, read_hashed
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, FileSource, Member, StreamSource, read_members
from lockml.subjects.oci.tar_header import BLOCK, is_tar
from lockml.subjects.tree.hashing import OpenFile, digest_files
from lockml.subjects.tree.symlinks import PathEntry, resolve_inside

__all__ = ["FileParts", "FolderParts", "Parts", "Reopen", "StreamParts", "require_digests"]

Reopen = Callable[[], AbstractContextManager[ByteSource]]
"""A function that opens an archive again, from its start and decompressed."""

_MAX_DOCUMENTS: Final = 1 << 26  # bytes of all documents in a stream
_BLOB: Final = re.compile(r"(?:^blobs/)?(sha256)[:/]([0-9a-f]{64})")
_ROOT: Final = frozenset({"bin", "dev", "etc", "lib", "opt", "proc", "sbin", "usr", "var"})
_ESTARGZ: Final = "/stargz.index.json"
"""A mark of layers that are mounted rather than unpacked: converters may leave the configuration's digest unchanged."""
_T = TypeVar("_T")


class Parts(Protocol):
    """The parts of an image by their names."""

    def document(self, name: str) -> bytes:
        """Return a small part; raises UnreadableError."""

    def layer(self, image: Image, number: int) -> LayerTree:
        """Return the files of the layer with that *number*, from 1; raises UnreadableError."""

    def finish(self, tree: LayerTree) -> LayerTree:
        """Return *tree*, merged from the layers, after verifying their digests and making it rereadable."""

    def has(self, name: str) -> bool:
        """Return whether the part exists."""


class _Names:
    """The names of an archive's parts: targets of links, duplicates, and whether it looks like a root file system."""

    def __init__(self) -> None:
        self.links: dict[str, str] = {}
        self.twice: set[str] = set()
        self.rooted = False
        self._seen: set[str] = set()

    def add(self, member: Member) -> str | None:
        """Return the name of *member* if it is a part, else None."""
        name = posixpath.normpath(member.name).lstrip("/")
        self.rooted = self.rooted or name.partition("/")[0] in _ROOT
        if member.kind in ("link", "hardlink"):
            self.links[f"/{name}"] = _target(member, name)
        if member.kind != "file" or member.sparse or not _is_part(name):
            return None
        if name in self._seen:
            self.twice.add(name)
        self._seen.add(name)
        return name

    def member_name(self, name: str) -> str:
        """Return the place of the part with that name or digest, links followed; raises UnreadableError."""
        for each in dict.fromkeys((posixpath.normpath(name), _blob_name(name))):
            member_name = _linked(each, self.links)
            if member_name in self.twice:
                raise UnreadableError(name, "the archive has it twice, and readers use different ones")
            if member_name in self._seen:
                return member_name
        raise _lost(name)


def _is_part(name: str) -> bool:
    return (
        "/" not in name
        or name.startswith("blobs/")
        or (name.count("/") == 1 and name.endswith(("/layer.tar", "/json")))
    )


def _target(member: Member, name: str) -> str:
    """Return the target of a link in an archive: older engines write a repeated layer once, and a link to it."""
    base = posixpath.dirname(name) if member.kind == "link" else ""
    return "/" + posixpath.normpath(posixpath.join(base, member.target)).lstrip("/")


def _linked(name: str, links: Mapping[str, str]) -> str:
    member_name = resolve_inside(
        f"/{name}", lambda path: PathEntry("link", links[path]) if path in links else PathEntry("file")
    )
    return member_name.removeprefix("/")


def _blob_name(name: str) -> str:
    """Return the place of the part with that digest in an OCI layout; other names are places already."""
    algorithm, colon, digest = name.partition(":")
    return f"blobs/{algorithm}/{digest}" if colon and "/" not in name else posixpath.normpath(name)


def _lost(name: str) -> UnreadableError:
    return UnreadableError(name, "it is named but missing")


def require_digests(image: Image, number: int, found: HashedLayer) -> LayerTree:
    """Return the tree of the layer with that *number*, if it matches its *image*; raises UnreadableError."""
    name, size = image.layers[number - 1], (image.sizes or (0,) * number)[number - 1]
    stated = _BLOB.fullmatch(name)
    if stated is not None and f"{stated[1]}:{stated[2]}" != found.digest:
        raise UnreadableError(name, ANOTHER)
    if size not in (0, found.size):
        raise UnreadableError(name, f"it has {found.size} bytes, but its manifest says {size}")
    bound = stated is not None and found.tree.node(_ESTARGZ) is not None
    if found.diff_id != image.diff_ids[number - 1] and not bound:
        raise UnreadableError(name, "its content does not match its image's configuration")
    return found.tree


class _PlacedParts:
    """Parts that can be read again, each from its own source."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._passing = Passing(hashed=options.hashed, progress=options.progress)
        self._reread = Reread()
        self._unhashed: dict[str, tuple[OpenFile, str]] = {}

    def document(self, name: str) -> bytes:
        """Return a small part; raises UnreadableError."""
        content = self._source(name).read(MAX_DOCUMENT + 1)
        if len(content) > MAX_DOCUMENT:
            raise UnreadableError(name, f"it has more than {MAX_DOCUMENT} bytes")
        return content

    def layer(self, image: Image, number: int) -> LayerTree:
        """Return the files of a layer; raises UnreadableError."""
        name, diff_id = image.layers[number - 1], image.diff_ids[number - 1]
        self._passing.number, self._passing.of = number, len(image.layers)
        source = self._source(name)
        head = source.read(4)
        source.unread(head)
        if is_compressed(head):
            return self._compressed(image, number, source)
        member_name = OpenFile(source.handle, source.position, source.stop - source.position, owned=False)
        tree = read_layer(source, passing=self._passing, layer=number)
        self._unhashed[name] = (member_name, diff_id)
        return require_digests(image, number, HashedLayer(tree, diff_id, diff_id, member_name.size))

    def finish(self, tree: LayerTree) -> LayerTree:
        """Hash the layers that are read in place, and allow rereading the others; raises UnreadableError."""
        known = HashedLayers(self._options.cache)
        unhashed = known.unknown(self._unhashed)
        if self._unhashed:
            before = len(self._unhashed) - len(unhashed)
            tell_fact(self._options.progress, f"digests of {before} of {len(self._unhashed)} layers: from the cache")
        jobs = ((name, "sha256", file) for name, (file, _) in unhashed.items())
        for done, (name, digest) in enumerate(digest_files(jobs), 1):
            self._options.progress(Step(doing="Hashing layer", done=done, total=len(unhashed)))
            if isinstance(digest, UnreadableError):
                raise digest
            if f"sha256:{digest.hex()}" != unhashed[name][1]:
                raise UnreadableError(name, "its content does not match its image's configuration")
        known.keep(unhashed)
        tree.again = self._reread
        return tree

    def _compressed(self, image: Image, number: int, source: FileSource) -> LayerTree:
        found = read_hashed(Reader(source), self._passing, number)
        self._let_reread(image, number, found.diff_id)
        return require_digests(image, number, found)

    def _let_reread(self, image: Image, number: int, diff_id: str) -> None:
        name = image.layers[number - 1]
        self._reread.add(number, lambda: nullcontext(self._source(name)), diff_id)

    def _source(self, name: str) -> FileSource:
        raise NotImplementedError


class FileParts(_PlacedParts):
    """The parts of an image in a tar file, which are read in place."""

    def __init__(self, source: FileSource, options: ReadOptions) -> None:
        super().__init__(options)
        self._handle = source.handle
        self._places: dict[str, tuple[int, int]] = {}
        self._names = _Names()
        for member in read_members(source):
            name = self._names.add(member)
            if name is not None:
                self._places[name] = (source.position, source.position + member.size)
        self.rooted = self._names.rooted

    def has(self, name: str) -> bool:
        """Return whether the part exists."""
        return name in self._places

    def _source(self, name: str) -> FileSource:
        return FileSource(self._handle, *self._places[self._names.member_name(name)])


class FolderParts(_PlacedParts):
    """The parts of an image in a folder; links in it are not followed."""

    def __init__(self, folder: str, options: ReadOptions) -> None:
        super().__init__(options)
        self._folder = folder
        self._handles: list[int] = []

    def __enter__(self) -> "FolderParts":
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            os.close(handle)

    def has(self, name: str) -> bool:
        """Return whether the part exists."""
        return Path(self._folder, name).is_file()

    def _compressed(self, image: Image, number: int, source: FileSource) -> LayerTree:
        """Return the files of a compressed layer, which are kept; raises UnreadableError."""
        name, start = image.layers[number - 1], source.position
        digest = f"sha256:{_sha256(source)}"
        stored = TreeStore(self._options.cache)
        key = f"{digest}@{image.diff_ids[number - 1]}"
        stored_layer = stored.get(key, hashed=self._options.hashed)
        if stored_layer is not None:
            found = HashedLayer(stored_layer, digest, image.diff_ids[number - 1], source.position - start)
            self._let_reread(image, number, found.diff_id)
            return require_digests(image, number, found).numbered(number)
        if _blob_name(digest) != _blob_name(name):
            raise UnreadableError(name, ANOTHER)
        tree = super()._compressed(image, number, self._source(name))
        stored.put(key, tree, hashed=self._options.hashed)
        return tree

    def _source(self, name: str) -> FileSource:
        member_name = _blob_name(name)
        if member_name.startswith(("/", "../")):
            raise UnreadableError(name, "a name that leads outside the layout")
        try:
            handle = os.open(
                Path(self._folder, member_name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except FileNotFoundError as error:
            raise _lost(name) from error
        except OSError as error:
            raise UnreadableError(name, error.strerror or str(error)) from error
        self._handles.append(handle)
        return FileSource(handle, 0, os.fstat(handle).st_size)


def _sha256(source: FileSource) -> str:
    """Return the SHA-256, hexadecimal, of the rest of *source*."""
    digest = hashlib.sha256()
    while chunk := source.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


class StreamParts:
    """The parts of an image in a stream, all read in passing before their purpose is known.

    *reopen* opens the stream again, None if it can only be read once, like a pipe.
    """

    def __init__(self, source: ByteSource, options: ReadOptions, reopen: Reopen | None) -> None:
        self._reopen = reopen
        self._reread = Reread()
        self._documents: dict[str, bytes] = {}
        self._layers: dict[str, HashedLayer | UnreadableError] = {}
        self._names = _Names()
        self._passing = Passing(hashed=options.hashed, progress=options.progress)
        self._room = _MAX_DOCUMENTS
        for member in read_members(source):
            name = self._names.add(member)
            if name is not None and member.size:
                self._take(name, member, source)
        self.rooted = self._names.rooted

    def has(self, name: str) -> bool:
        """Return whether the part exists."""
        return name in self._documents

    def document(self, name: str) -> bytes:
        """Return a small part; raises UnreadableError."""
        return self._part(name, self._documents)

    def layer(self, image: Image, number: int) -> LayerTree:
        """Return the files of a layer; raises UnreadableError."""
        name = image.layers[number - 1]
        found = self._part(name, self._layers)
        if isinstance(found, UnreadableError):
            raise found
        if self._reopen is not None:
            self._reread.add(number, _part_of(self._reopen, self._names.member_name(name)), found.diff_id)
        return require_digests(image, number, found).numbered(number)

    def finish(self, tree: LayerTree) -> LayerTree:
        """Allow rereading dropped content, if the stream can be opened again."""
        tree.again = self._reread if self._reopen is not None else _passed_by
        return tree

    def _part(self, name: str, parts: Mapping[str, _T]) -> _T:
        member_name = self._names.member_name(name)
        if member_name not in parts:
            raise _lost(name)
        return parts[member_name]

    def _take(self, name: str, member: Member, source: ByteSource) -> None:
        head = source.read(min(BLOCK, member.size))
        source.unread(head)
        if is_compressed(head[:4]) or is_tar(head) or name.endswith("/layer.tar"):
            self._passing.number = len(self._layers) + 1
            try:
                self._layers[name] = read_hashed(StreamSource(Reader(source), member.size), self._passing)
            except UnreadableError as error:
                self._passing.finish()
                self._layers[name] = error
        elif (head.lstrip()[:1] in (b"{", b"[") or name.endswith(".json")) and member.size <= MAX_DOCUMENT:
            self._room -= member.size
            if self._room < 0:
                raise UnreadableError(name, f"the documents of the archive have more than {_MAX_DOCUMENTS} bytes")
            self._documents[name] = source.read(member.size)


def _passed_by(_: int, path: str) -> None:
    text = "its content came through a pipe, which cannot be read twice: save the archive to a file"
    raise UnreadableError(path, text)


def _part_of(reopen: Reopen, member_name: str) -> Source:
    """Return a function that opens the part at *member_name* of an archive again."""

    @contextmanager
    def source() -> Iterator[ByteSource]:
        with reopen() as archive:
            for member in read_members(archive):
                if member.kind == "file" and posixpath.normpath(member.name).lstrip("/") == member_name:
                    yield StreamSource(Reader(archive), member.size)
                    return
        raise _lost(member_name)

    return source
