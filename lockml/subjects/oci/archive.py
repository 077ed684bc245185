"""Open an archive or a layout folder of an image; layers are read in place, never unpacked.

What ``docker save`` writes, old (``ID/layer.tar``) and new (``blobs/sha256/…``), OCI image layouts as a folder or in an
archive, and the archive of a root file system that ``docker export`` writes.
"""

import hashlib
import os
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from lockml.common.errors import NotFoundError, Setting, UnreachableError, Wording
from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import Runtime, Subject
from lockml.subjects.model import OpenedSubject, ReadOptions
from lockml.subjects.oci.decompress import inflated, is_compressed
from lockml.subjects.oci.layer_cache import TreeStore
from lockml.subjects.oci.layers import LayerTree, read_layer, stack
from lockml.subjects.oci.manifests import MAX_DOCUMENT, Image, by_index, by_manifest, by_saved_manifest
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, FileSource, Member, StreamSource, read_members
from lockml.subjects.tree.symlinks import Place, resolve_inside

__all__ = ["open_archive", "open_layout", "read_stream"]

_INDEX: Final = "index.json"
_MANIFEST: Final = "manifest.json"
_T = TypeVar("_T")


class _Blobs(Protocol):
    """The parts of an image by their names."""

    def document(self, name: str) -> bytes:
        """Return a small part; raises UnreadableError."""

    def layer(self, name: str, number: int) -> LayerTree:
        """Return the files of a layer, with its *number* from 1; raises UnreadableError."""

    def has(self, name: str) -> bool:
        """Say whether there is such a part."""


@contextmanager
def open_archive(name: str, options: ReadOptions) -> Iterator[OpenedSubject]:
    """Give the files of the archive *name*, ``FILE`` or ``FILE:REFERENCE``; raises NotFoundError, UnreachableError."""
    file, wanted = _split(name)
    if Path(file).is_dir():
        raise NotFoundError(
            f"archive {file!r}",
            "is a folder",
            hint=Wording("look at it with ", Setting("oci"), " or ", Setting("path")),
        )
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise NotFoundError(f"archive {file!r}", "no such file") from error
        raise UnreachableError(f"archive {file!r}", f"cannot be read ({error.strerror})") from error
    try:
        with _told(f"archive {file}"):
            tree, image = _read_archive(handle, options, wanted)
        yield OpenedSubject(
            subject=_subject("archive", name, image),
            tree=tree,
            runtime=image.runtime if image is not None else Runtime(),
        )
    finally:
        os.close(handle)


@contextmanager
def open_layout(name: str, options: ReadOptions) -> Iterator[OpenedSubject]:
    """Give the files of the OCI layout folder *name*, ``DIR`` or ``DIR:REFERENCE``.

    Raises NotFoundError, UnreachableError.
    """
    folder, wanted = _split(name)
    if not Path(folder, _INDEX).is_file():
        raise NotFoundError(f"OCI layout {folder!r}", "there is no index.json in it")
    with _FolderBlobs(folder, options) as blobs, _told(f"OCI layout {folder}"):
        image = _by_index(blobs, options, wanted)
        tree = _stacked(image, blobs)
        yield OpenedSubject(subject=_subject("oci", name, image), tree=tree, runtime=image.runtime)


def _subject(kind: str, name: str, image: Image | None) -> Subject:
    """Return the subject that an image is, or a root file system for None."""
    if image is None:
        return Subject(kind=kind, name=name, details={"is": "root"})
    return Subject(kind=kind, name=name, details={"id": image.id, **image.labelled}, layers=image.diff_ids)


def read_stream(stream: ByteSource, options: ReadOptions) -> tuple[LayerTree, Image]:
    """Return the files of the one image in the *stream* of ``docker save``; raises UnreadableError."""
    blobs = _StreamBlobs(stream, options)
    image = _image_in(blobs, options, None)
    return _stacked(image, blobs), image


@contextmanager
def _told(subject: str) -> Iterator[None]:
    """Translate what cannot be read, once, at the edge."""
    try:
        yield
    except UnreadableError as error:
        raise UnreachableError(f"{subject}: {error.path}", error.reason) from error


def _split(name: str) -> tuple[str, str | None]:
    """Return the path and the reference after it, if there is one."""
    if Path(name).exists():
        return name, None
    for position, letter in enumerate(name):
        if letter == ":" and Path(name[:position]).exists():
            return name[:position], name[position + 1 :]
    return name, None


def _read_archive(handle: int, options: ReadOptions, wanted: str | None) -> tuple[LayerTree, Image | None]:
    whole = FileSource(handle, 0, os.fstat(handle).st_size)
    source = inflated(whole)
    if not isinstance(source, FileSource):
        blobs: _Blobs = _StreamBlobs(source, options)
    else:
        blobs = _FileBlobs(source, options)
    if not (blobs.has(_MANIFEST) or blobs.has(_INDEX)):
        source = inflated(FileSource(handle, 0, os.fstat(handle).st_size))
        return read_layer(source, passing=Passing(hashed=options.hashed)), None
    image = _image_in(blobs, options, wanted)
    return _stacked(image, blobs), image


def _image_in(blobs: _Blobs, options: ReadOptions, wanted: str | None) -> Image:
    if blobs.has(_MANIFEST):
        return by_saved_manifest(blobs.document(_MANIFEST), blobs.document, wanted)
    return _by_index(blobs, options, wanted)


def _by_index(blobs: _Blobs, options: ReadOptions, wanted: str | None) -> Image:
    manifest = by_index(blobs.document(_INDEX), blobs.document, options.platforms, wanted)
    return by_manifest(manifest, blobs.document)


def _stacked(image: Image, blobs: _Blobs) -> LayerTree:
    layers = (blobs.layer(name, number) for number, name in enumerate(image.layers, 1))
    return stack(layers, origins=image.origins)


def _blob_name(name: str) -> str:
    """Return where an OCI layout has the part of that digest; other names are places already."""
    algorithm, colon, digest = name.partition(":")
    return f"blobs/{algorithm}/{digest}" if colon and "/" not in name else posixpath.normpath(name)


def _lost(name: str) -> UnreadableError:
    return UnreadableError(name, "it is named but not there")


def _sha256(source: FileSource) -> str:
    """Return the SHA-256, hexadecimal, of what is left of *source*."""
    digest = hashlib.sha256()
    while chunk := source.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


class _PlacedBlobs:
    """Parts that can be read again, each with a source of its own."""

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self._passing = Passing(hashed=options.hashed)

    def document(self, name: str) -> bytes:
        """Return a small part; raises UnreadableError."""
        content = self._source(name).read(MAX_DOCUMENT + 1)
        if len(content) > MAX_DOCUMENT:
            raise UnreadableError(name, f"it has more than {MAX_DOCUMENT} bytes")
        return content

    def layer(self, name: str, number: int) -> LayerTree:
        """Return the files of a layer; raises UnreadableError."""
        return read_layer(inflated(self._source(name)), passing=self._passing, layer=number)

    def _source(self, name: str) -> FileSource:
        raise NotImplementedError


class _FileBlobs(_PlacedBlobs):
    """The parts of an image in a tar file, which are read in place."""

    def __init__(self, source: FileSource, options: ReadOptions) -> None:
        super().__init__(options)
        self._handle = source.handle
        self._places: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        for member in read_members(source):
            name = posixpath.normpath(member.name).lstrip("/")
            if member.kind == "file" and not member.sparse:
                self._places[name] = (source.position, source.position + member.size)
            elif member.kind in ("link", "hardlink"):
                self._links[f"/{name}"] = _target(member, name)

    def has(self, name: str) -> bool:
        """Say whether there is such a part."""
        return name in self._places

    def _source(self, name: str) -> FileSource:
        return FileSource(self._handle, *_part(name, self._places, self._links))


class _FolderBlobs(_PlacedBlobs):
    """The parts of an image in a folder; links in it are not followed."""

    def __init__(self, folder: str, options: ReadOptions) -> None:
        super().__init__(options)
        self._folder = folder
        self._handles: list[int] = []

    def __enter__(self) -> "_FolderBlobs":
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            os.close(handle)

    def has(self, name: str) -> bool:
        """Say whether there is such a part."""
        return Path(self._folder, name).is_file()

    def layer(self, name: str, number: int) -> LayerTree:
        """Return the files of a layer, which are kept where it is compressed; raises UnreadableError."""
        source = self._source(name)
        head = source.read(4)
        source.unread(head)
        if not is_compressed(head):
            return super().layer(name, number)
        digest = f"sha256:{_sha256(source)}"
        if _blob_name(digest) != _blob_name(name):
            raise UnreadableError(name, "its content is another than its digest says")
        store = TreeStore(self._options.cache)
        tree = store.get(digest, hashed=self._options.hashed)
        if tree is None:
            tree = super().layer(name, number)
            store.put(digest, tree, hashed=self._options.hashed)
        return tree.numbered(number)

    def _source(self, name: str) -> FileSource:
        place = _blob_name(name)
        if place.startswith(("/", "../")):
            raise UnreadableError(name, "a name that leads out of the layout")
        try:
            handle = os.open(Path(self._folder, place), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise _lost(name) from error
        except OSError as error:
            raise UnreadableError(name, error.strerror or str(error)) from error
        self._handles.append(handle)
        return FileSource(handle, 0, os.fstat(handle).st_size)


class _StreamBlobs:
    """The parts of an image in a stream: read in passing, whatever they turn out to be."""

    def __init__(self, source: ByteSource, options: ReadOptions) -> None:
        self._documents: dict[str, bytes] = {}
        self._layers: dict[str, LayerTree] = {}
        self._links: dict[str, str] = {}
        passing = Passing(hashed=options.hashed)
        for member in read_members(source):
            name = posixpath.normpath(member.name).lstrip("/")
            if member.kind in ("link", "hardlink"):
                self._links[f"/{name}"] = _target(member, name)
            elif member.kind == "file" and name.endswith("/layer.tar"):
                self._layers[name] = _read_part(source, member, passing)
            elif member.kind == "file" and name.endswith(".json"):
                self._documents[name] = source.read(min(member.size, MAX_DOCUMENT))
            elif member.kind == "file" and name.startswith("blobs/") and member.size:
                head = source.read(1)
                source.unread(head)
                if head == b"{":
                    self._documents[name] = source.read(min(member.size, MAX_DOCUMENT))
                else:
                    self._layers[name] = _read_part(source, member, passing)

    def has(self, name: str) -> bool:
        """Say whether there is such a part."""
        return name in self._documents

    def document(self, name: str) -> bytes:
        """Return a small part; raises UnreadableError."""
        return _part(name, self._documents, self._links)

    def layer(self, name: str, number: int) -> LayerTree:
        """Return the files of a layer; raises UnreadableError."""
        return _part(name, self._layers, self._links).numbered(number)


def _read_part(source: ByteSource, member: Member, passing: Passing) -> LayerTree:
    return read_layer(inflated(StreamSource(_Reader(source), member.size)), passing=passing)


class _Reader:
    """A source as a stream."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source

    def read(self, size: int, /) -> bytes:
        """Return the next *size* bytes, fewer only at the end."""
        return self._source.read(size)


def _target(member: Member, name: str) -> str:
    """Return where a link in an archive leads: older engines write a layer that occurs twice once, and a link to it."""
    base = posixpath.dirname(name) if member.kind == "link" else ""
    return "/" + posixpath.normpath(posixpath.join(base, member.target)).lstrip("/")


def _part(name: str, parts: Mapping[str, _T], links: dict[str, str]) -> _T:
    """Return the part of that *name* or digest, links followed; raises UnreadableError."""
    place = _linked(_blob_name(name), links)
    if place not in parts:
        raise _lost(name)
    return parts[place]


def _linked(name: str, links: dict[str, str]) -> str:
    place = resolve_inside(f"/{name}", lambda path: Place("link", links[path]) if path in links else Place("file"))
    return place.removeprefix("/")
