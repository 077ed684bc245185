"""Tar streams in, one file tree in memory out: names, links and the few contents that an inventory reads.

Layers and whiteouts: OCI image specification, "Image Layer Filesystem Changeset". Nothing is ever extracted.
"""

import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Final

from lockml.inventory.links import Place, resolve_inside
from lockml.inventory.wanted import kept_bytes
from lockml.ports import FileKind, UnreadableError

__all__ = ["LayerTree", "read_layer", "stack"]

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MAX_DEPTH: Final = 200  # deeper than any library folder, shallower than Python's stack


@dataclass(slots=True)
class _Node:
    """What stands at one place: *content* is kept where an inventory may want it.

    *removed* and *opaque* hide what the layers below have in a folder.
    """

    place: Place
    content: bytes | None = None
    children: dict[str, "_Node"] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    opaque: bool = False


def _folder() -> _Node:
    return _Node(Place("folder"))


class LayerTree:
    """The files of one layer, or of several put on top of each other."""

    def __init__(self) -> None:
        self._root = _folder()

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        return resolve_inside(path, self._look)

    def kind(self, path: str) -> FileKind:
        """Say what *path* is, links followed; a device or a socket is missing."""
        node = self._node(self.resolve(path))
        if node is None or node.place.kind in ("link", "other"):
            return "missing"
        return "folder" if node.place.kind == "folder" else "file"

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () where it is none."""
        node = self._node(self.resolve(path))
        return tuple(sorted(node.children)) if node is not None else ()

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""
        place = self.resolve(path)
        node = self._node(place)
        if node is None or node.place.kind != "file":
            return None
        if node.content is None:
            raise UnreadableError(path, f"it leads to {place}, where no such file belongs")
        return node.content[:limit]

    def add(self, member: tarfile.TarInfo, stream: IO[bytes] | None) -> None:
        """Take one member of a tar stream in; *stream* gives its content."""
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise UnreadableError(member.name, "a name that leads out of the archive")
        if len(parts) > _MAX_DEPTH:
            raise UnreadableError(f"{member.name[:80]}…", f"folders nested deeper than {_MAX_DEPTH}")
        if not parts:
            return
        folder = self._make_folders(parts[:-1])
        name = parts[-1]
        if name == _OPAQUE:
            folder.opaque = True
        elif name.startswith(_WHITEOUT):
            folder.removed.add(name.removeprefix(_WHITEOUT))
        elif not (member.isdir() and name in folder.children and folder.children[name].place.kind == "folder"):
            folder.children[name] = self._made(member, "/" + "/".join(parts), stream)

    def put_on_top(self, other: "LayerTree") -> None:
        """Let the files of *other* cover and remove those of this tree."""
        _merge(self._root, other._root)

    def _made(self, member: tarfile.TarInfo, path: str, stream: IO[bytes] | None) -> _Node:
        if member.isdir():
            return _folder()
        if member.issym():
            return _Node(Place("link", member.linkname))
        if member.islnk():
            node = self._node("/" + "/".join(part for part in member.linkname.split("/") if part not in ("", ".")))
            return _Node(Place("file"), node.content if node is not None else None)
        if not member.isreg():
            return _Node(Place("other"))
        size = kept_bytes(path)
        return _Node(Place("file"), stream.read(size) if size and stream is not None else None)

    def _make_folders(self, parts: Iterable[str]) -> _Node:
        node = self._root
        for part in parts:
            child = node.children.get(part)
            if child is None or child.place.kind != "folder":
                child = node.children[part] = _folder()
            node = child
        return node

    def _look(self, path: str) -> Place | None:
        node = self._node(path)
        return node.place if node is not None else None

    def _node(self, path: str) -> _Node | None:
        node: _Node | None = self._root
        for part in path.split("/"):
            if part:
                node = node.children.get(part) if node is not None else None
        return node


def _merge(below: _Node, above: _Node) -> None:
    """Put *above* on top of *below*, which alone is changed: one layer may occur twice in an image."""
    if above.opaque:
        below.children.clear()
    for name in above.removed:
        below.children.pop(name, None)
    for name, node in above.children.items():
        hidden = below.children.get(name)
        if node.place.kind != "folder":
            below.children[name] = node
            continue
        if hidden is None or hidden.place.kind != "folder":
            hidden = below.children[name] = _folder()
        _merge(hidden, node)


def read_layer(stream: IO[bytes]) -> LayerTree:
    """Return the tree of one tar *stream*, plain or compressed; raises UnreadableError for what is no tar."""
    tree = LayerTree()
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                tree.add(member, archive.extractfile(member) if member.isreg() else None)
    except (tarfile.TarError, EOFError, OSError, ValueError, RecursionError, zlib.error) as error:
        raise UnreadableError("archive", f"its tar stream is damaged ({error})") from error
    return tree


def stack(layers: Iterable[LayerTree]) -> LayerTree:
    """Return the tree of *layers*, the lowest first."""
    tree = LayerTree()
    for layer in layers:
        tree.put_on_top(layer)
    return tree
