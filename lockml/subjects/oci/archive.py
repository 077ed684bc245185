"""Open an archive or a layout folder of an image; layers are read in place, never unpacked.

What ``docker save`` writes, old (``ID/layer.tar``) and new (``blobs/sha256/…``), OCI image layouts as a folder or in an
archive, and the archive of a root file system that ``docker export`` writes.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final

import msgspec

from lockml.common.errors import NotFoundError, UnreachableError
from lockml.common.settings import setting
from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import Runtime, Subject
from lockml.subjects.model import OpenedSubject, ReadOptions
from lockml.subjects.oci.decompress import inflated
from lockml.subjects.oci.layers import LayerTree, read_layer, stack
from lockml.subjects.oci.manifests import Image, by_index, by_manifest, by_saved_manifest, configurations, digests_in
from lockml.subjects.oci.parts import FileParts, FolderParts, Parts, Reopen, StreamParts
from lockml.subjects.oci.reread import Reader, Reread, read_hashed
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, FileSource, StreamSource

__all__ = ["open_archive", "open_layout", "read_stream"]

_INDEX: Final = "index.json"
_MANIFEST: Final = "manifest.json"


@contextmanager
def open_archive(name: str, options: ReadOptions) -> Iterator[OpenedSubject]:
    """Yield the files of the archive *name*, ``FILE`` or ``FILE:REFERENCE``; raises NotFoundError, UnreachableError."""
    file, wanted = _split(name)
    if Path(file).is_dir():
        raise NotFoundError(
            f"archive {file!r}",
            "is a folder",
            hint=f"use {setting('oci')} or {setting('path')} for it",
        )
    try:
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise NotFoundError(f"archive {file!r}", "no such file") from error
        raise UnreachableError(f"archive {file!r}", f"cannot be read ({error.strerror})") from error
    try:
        with _unreadable_as_subject(f"archive {file}"):
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
    """Yield the files of the OCI layout folder *name*, ``DIR`` or ``DIR:REFERENCE``.

    Raises NotFoundError, UnreachableError.
    """
    folder, wanted = _split(name)
    if not Path(folder, _INDEX).is_file():
        raise NotFoundError(f"OCI layout {folder!r}", "it has no index.json", hint="for an archive, use archive:FILE")
    with FolderParts(folder, options) as parts:
        with _unreadable_as_subject(f"OCI layout {folder}"):
            image = _by_index(parts, options, wanted)
            tree = _stacked(image, parts)
        yield OpenedSubject(subject=_subject("oci", name, image), tree=tree, runtime=image.runtime)


def _subject(kind: str, name: str, image: Image | None) -> Subject:
    """Return the subject for an image, or for a root file system if it is None."""
    if image is None:
        return Subject(kind=kind, name=name, details={"is": "root"})
    details = {"id": image.id, **image.labelled}
    return Subject(kind=kind, name=name, details=details, layers=image.diff_ids, history=image.history)


def read_stream(stream: ByteSource, options: ReadOptions, reopen: Reopen | None = None) -> tuple[LayerTree, Image]:
    """Return the files of the one image in the *stream* of ``docker save``, which *reopen* opens again.

    Raises UnreadableError.
    """
    parts = StreamParts(stream, options, reopen)
    image = _image_in(parts, options, None)
    return _stacked(image, parts), image


@contextmanager
def _unreadable_as_subject(subject: str) -> Iterator[None]:
    """Translate UnreadableError once, at the edge."""
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
    facts = os.fstat(handle)
    if not stat.S_ISREG(facts.st_mode):
        return _read_pipe(handle, options, wanted)

    def reopen() -> AbstractContextManager[ByteSource]:
        return nullcontext(inflated(FileSource(handle, 0, facts.st_size)))

    source = inflated(FileSource(handle, 0, facts.st_size))
    streamed = not isinstance(source, FileSource)
    parts = StreamParts(source, options, reopen) if streamed else FileParts(source, options)  # type: ignore[arg-type]  # not streamed
    if not _is_image(parts):
        return _read_root(handle, facts.st_size, options, streamed=streamed), None
    image = _image_in(parts, options, wanted)
    return _stacked(image, parts), image


def _read_pipe(handle: int, options: ReadOptions, wanted: str | None) -> tuple[LayerTree, Image]:
    """Return the files of an image that comes through a pipe."""
    with os.fdopen(os.dup(handle), "rb") as file:
        parts = StreamParts(inflated(StreamSource(file)), options, None)
        if not _is_image(parts):
            text = "it is not an image, and comes through a pipe, which cannot be read twice: save it to a file"
            raise UnreadableError("archive", text)
        image = _image_in(parts, options, wanted)
        return _stacked(image, parts), image


def _read_root(handle: int, size: int, options: ReadOptions, *, streamed: bool) -> LayerTree:
    """Return the files of a root file system, as `docker export` writes it."""
    source, passing = FileSource(handle, 0, size), Passing(hashed=options.hashed, progress=options.progress)
    if not streamed:
        return _without_whiteouts(read_layer(source, passing=passing))
    found = read_hashed(Reader(source), passing)
    _without_whiteouts(found.tree)
    found.tree.again = again = Reread()
    again.add(0, lambda: nullcontext(FileSource(handle, 0, size)), found.diff_id)
    return found.tree


def _without_whiteouts(tree: LayerTree) -> LayerTree:
    """Return *tree*; raises UnreadableError if it has a whiteout, which is a file in a container."""
    waiting = [("", tree.root)]
    while waiting:
        path, folder = waiting.pop()
        if folder.removed or folder.opaque:
            text = "its root file system has a whiteout name (.wh.), which is a file in a container but not in an image"
            raise UnreadableError(path or "/", text)
        waiting += [(f"{path}/{name}", node) for name, node in folder.children.items() if node.kind == "folder"]
    return tree


def _is_image(parts: FileParts | StreamParts) -> bool:
    """Return whether an archive is an image, not a root file system; raises UnreadableError if it may be both."""
    image = parts.has(_MANIFEST) or parts.has(_INDEX)
    if image and parts.rooted:
        raise UnreadableError("archive", "it has both the documents of an image and the folders of a root file system")
    return image


def _image_in(parts: Parts, options: ReadOptions, wanted: str | None) -> Image:
    if not parts.has(_MANIFEST):
        return _by_index(parts, options, wanted)
    image = by_saved_manifest(parts.document(_MANIFEST), parts.document, wanted)
    return _agreed(parts, image, options, wanted) if parts.has(_INDEX) else image


def _by_index(parts: Parts, options: ReadOptions, wanted: str | None) -> Image:
    manifest, digests = by_index(parts.document(_INDEX), parts.document, options.platforms, wanted)
    return by_manifest(manifest, parts.document, digests)


def _agreed(parts: Parts, image: Image, options: ReadOptions, wanted: str | None) -> Image:
    """Refuse an archive in which engines find *image* through manifest.json, but another through index.json."""
    index = parts.document(_INDEX)
    found = set(configurations(index, parts.document, options.platforms, wanted))
    found = found or set(configurations(index, parts.document, None, wanted))
    listed = digests_in(index)  # some versions of Docker list nothing
    if listed and found != {image.id} and not (wanted is not None and image.id in found):
        raise UnreadableError("archive", "its manifest.json and its index.json name different images")
    return msgspec.structs.replace(image, digests=(*listed, *image.digests))


def _stacked(image: Image, parts: Parts) -> LayerTree:
    layers = (parts.layer(image, number) for number in range(1, len(image.layers) + 1))
    return parts.finish(stack(layers, origins=image.origins))
