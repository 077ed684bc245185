"""An image of an engine in, its files out: the stream of ``docker save``, read once and never stored.

Both layouts that engines write are read: the Docker image specification's (``ID/layer.tar``) and OCI's
(``blobs/sha256/…``); each has a manifest.json that names the layers in order.
"""

import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

import msgspec

from lockml.errors import UnreachableError
from lockml.inventory.links import Place, resolve_inside
from lockml.inventory.model import Runtime, Subject
from lockml.inventory.sources.container import variables
from lockml.inventory.sources.engine import Engine
from lockml.inventory.sources.layers import LayerTree, read_layer, stack
from lockml.inventory.sources.opened import OpenedSubject
from lockml.ports import UnreadableError

__all__ = ["open_image", "read_saved_image"]

_MAX_DOCUMENT: Final = 4 << 20


class _Saved(msgspec.Struct, rename="pascal"):
    """An entry of manifest.json."""

    layers: list[str]


@contextmanager
def open_image(engine: Engine, reference: str) -> Iterator[OpenedSubject]:
    """Give the files of the image *reference*; raises NotFoundError, UnreachableError."""
    facts = engine.image(reference)
    subject = Subject(kind="image", name=reference, details={"id": facts.id})
    try:
        with engine.saved_image(facts.id) as stream:
            tree = read_saved_image(stream)
    except UnreadableError as error:
        raise UnreachableError(f"{subject}: {error.path}", error.reason) from error
    config = facts.config
    runtime = Runtime(
        environment=variables(config.env if config else None),
        working_folder=(config.working_dir if config else None) or "/",
    )
    yield OpenedSubject(subject=subject, tree=tree, runtime=runtime)


def read_saved_image(stream: IO[bytes]) -> LayerTree:
    """Return the files of the one image in the *stream* of ``docker save``; raises UnreadableError."""
    layers: dict[str, LayerTree] = {}
    links: dict[str, str] = {}
    manifest = b""
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                name = posixpath.normpath(member.name)
                content = archive.extractfile(member) if member.isreg() else None
                if member.issym() or member.islnk():
                    base = posixpath.dirname(name) if member.issym() else ""
                    links[f"/{name}"] = "/" + posixpath.normpath(posixpath.join(base, member.linkname))
                elif name == "manifest.json" and content is not None:
                    manifest = content.read(_MAX_DOCUMENT)
                elif content is not None and (name.endswith("/layer.tar") or name.startswith("blobs/")):
                    _read_blob(name, content, layers)
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError) as error:
        raise UnreadableError("saved image", f"its tar stream is damaged ({error})") from error
    return stack(_find(name, layers, links) for name in _layer_names(manifest))


def _read_blob(name: str, content: IO[bytes], layers: dict[str, LayerTree]) -> None:
    """Take a layer in; blobs that are documents begin with a brace."""
    peeked = _Peeked(content)
    if peeked.first[:1] != b"{":
        layers[name] = read_layer(peeked)  # type: ignore[arg-type]  # tarfile asks for nothing but read


class _Peeked:
    """A stream whose first bytes were looked at."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.first = stream.read(4)
        self._pending = self.first
        self._stream = stream

    def read(self, size: int) -> bytes:
        pending, self._pending = self._pending[:size], self._pending[size:]
        return pending + self._stream.read(size - len(pending))


def _layer_names(manifest: bytes) -> list[str]:
    try:
        saved = msgspec.json.decode(manifest, type=list[_Saved])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError("manifest.json", f"it is missing or damaged ({error})") from error
    if len(saved) != 1:
        raise UnreadableError("manifest.json", f"it names {len(saved)} images instead of one")
    return saved[0].layers


def _find(name: str, layers: dict[str, LayerTree], links: dict[str, str]) -> LayerTree:
    """Return the layer *name*; older engines write a layer that occurs twice once, and a link to it."""
    place = resolve_inside(f"/{name}", lambda path: Place("link", links[path]) if path in links else Place("file"))
    try:
        return layers[place.removeprefix("/")]
    except KeyError:
        raise UnreadableError(name, "this layer is named but not there") from None
