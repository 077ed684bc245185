"""Merge tar archives into one file tree in memory: names, links, and the content or its location.

Layers and whiteouts: OCI image specification, "Image Layer Filesystem Changeset". Nothing is ever extracted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from lockml.inventory.file_tree import AFTER_START, CHANGED, Entry, FileKind, Origin, UnreadableError
from lockml.subjects.oci.nodes import Gone, Node, merge
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import ByteSource, FileSource, Member, read_members
from lockml.subjects.tree.hashing import OpenFile, digest_files
from lockml.subjects.tree.symlinks import PathEntry, resolve_inside

__all__ = ["LayerTree", "read_layer", "stack"]

Again = Callable[[int, str], Node | None]

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MAX_DEPTH: Final = 200  # deeper than any library folder, shallower than Python's stack


class LayerTree:
    """The files of one layer, or of several merged; *origins* describes what made each.

    *gone* is what the layers removed from lower ones. *again* reads a file whose content was not kept, by the number of
    its layer and its path.
    """

    def __init__(self, root: Node | None = None, *, origins: Sequence[str] = (), gone: Gone | None = None) -> None:
        self.root = root or Node("folder")
        self.origins = origins
        self.gone: Gone = gone or {}
        self.again: Again | None = None
        self._last: tuple[str, Node | None] = ("", self.root)

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        return resolve_inside(path, self.look)

    def kind(self, path: str) -> FileKind:
        """Return the kind of *path*, links followed; a device or a socket counts as missing."""
        node = self._reached(path)
        if node is None or node.kind in ("link", "other"):
            return "missing"
        return "folder" if node.kind == "folder" else "file"

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder."""
        node = self._reached(path)
        return tuple(sorted(node.children)) if node is not None else ()

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder."""
        node = self._reached(path)
        return tuple(child.entry(name) for name, child in sorted(node.children.items())) if node is not None else ()

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        node = self._reached(path)
        if node is None or node.kind != "file":
            return None
        if node.passed_by(min(limit, node.size)):
            node = self._read_again(node, self.resolve(path))
        return node.read(path, limit)

    def _read_again(self, node: Node, path: str) -> Node:
        """Return *node*, a file at *path*, with its content if that is available; raises UnreadableError."""
        again = self.again(node.layer, path) if self.again is not None else None
        return again if again is not None and again.kind == "file" and again.size == node.size else node

    def image_content(self, path: str, limit: int) -> bytes | None:  # noqa: ARG002 - covered files are not kept
        """Return at most *limit* bytes of what the image has at *path*, None if it has nothing or is unknown."""
        return None

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order."""
        known: list[tuple[str, bytes]] = []

        def unknown() -> Iterator[tuple[str, str, OpenFile | UnreadableError]]:
            for path, algorithm in wanted:
                node = self._node(path)
                missing = node is None or node.kind != "file"
                if node is not None and not missing and not node.hashed(algorithm) and node.passed_by(node.size):
                    node = self._read_again(node, path)
                found = UnreadableError(path, "it is not a file") if missing else node.digest(path, algorithm)  # type: ignore[union-attr]  # not missing
                if isinstance(found, bytes):
                    known.append((path, found))
                else:
                    yield path, algorithm, found

        for result in digest_files(unknown()):
            yield result
            yield from known
            known.clear()
        yield from known

    def origin(self, path: str) -> Origin | None:
        """Return the layer that the file at *path* comes from, None if that is unknown."""
        node = self._node(path)
        return self._origin(node.layer, replaces=node.replaces) if node is not None else None

    def removed(self, path: str) -> Mapping[str, Origin]:
        """Return, by name, what removed each entry that a layer has in the folder *path* and that no longer shows."""
        folder = path.rstrip("/")
        found = {
            name: self._origin(layer, replaces=False)
            for name, layer in self.gone.get(folder, {}).items()
            if self._node(f"{folder}/{name}") is None
        }
        return {name: origin for name, origin in found.items() if origin is not None}

    def _origin(self, layer: int, *, replaces: bool) -> Origin | None:
        if layer == AFTER_START:
            return Origin(AFTER_START, CHANGED, replaces)
        return Origin(layer, self.origins[layer - 1], replaces) if 0 < layer <= len(self.origins) else None

    def numbered(self, layer: int) -> "LayerTree":
        """Return this tree with all its files assigned to the layer of that number."""
        pending = [self.root]
        while pending:
            node = pending.pop()
            node.layer = layer
            pending += node.children.values()
        return self

    def put_on_top(self, other: "LayerTree") -> None:
        """Put the files of *other* over those of this tree, with its removals."""
        self._last = ("", self.root)
        for folder, names in other.gone.items():
            self.gone.setdefault(folder, {}).update(names)
        merge(self.root, other.root, self.gone)

    def look(self, path: str) -> PathEntry | None:
        """Return what is at *path* itself, None if there is nothing; no link is followed."""
        node = self._node(path)
        return node.path_entry if node is not None else None

    def _reached(self, path: str) -> Node | None:
        """Return what *path* leads to; without a link in the path, it is found directly."""
        node = self._node(path)
        return node if node is not None and node.kind != "link" else self._node(self.resolve(path))

    def node(self, path: str) -> Node | None:
        """Return what is at *path* itself, None if there is nothing."""
        return self._node(path)

    def _node(self, path: str) -> Node | None:
        """Return what is at *path* itself: a link has nothing below it."""
        folder, _, name = path.rpartition("/")
        if folder != self._last[0]:
            node: Node | None = self.root
            for part in folder.split("/"):
                if part:
                    node = node.children.get(part) if node is not None else None
            self._last = (folder, node)
        above = self._last[1]
        if not name:
            return above
        return above.children.get(name) if above is not None else None


def read_layer(source: ByteSource, *, passing: Passing, layer: int = 0, at: str = "", plain: bool = False) -> LayerTree:
    """Return the tree of the tar archive in *source*, with its files below *at*; raises UnreadableError.

    A *plain* archive is not a layer: a file with the name of a whiteout is a file. For a source that can be read again,
    only positions are kept; for a stream, what *passing* keeps.
    """
    tree = LayerTree(Node("folder", layer=layer))
    for member in read_members(source):
        if passing.reported:
            passing.tell(source.position)
        member.name = f"{at}/{member.name}"
        _add(tree.root, member, source, passing, layer, plain=plain)
    passing.finish()
    return tree


def _add(root: Node, member: Member, source: ByteSource, passing: Passing, layer: int, *, plain: bool) -> None:
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnreadableError(member.name, "a name that leads outside the archive")
    if len(parts) > _MAX_DEPTH:
        raise UnreadableError(f"{member.name[:80]}…", f"folders nested deeper than {_MAX_DEPTH}")
    if not parts:
        return
    folder = _make_folders(root, parts[:-1], layer)
    name = parts[-1]
    if name.startswith(_WHITEOUT) and not plain:
        _note_whiteout(folder, name, member.name)
    elif member.kind == "folder" and name in folder.children and folder.children[name].kind == "folder":
        folder.children[name].implicit = False
    else:
        folder.children[name] = _made(root, member, "/" + "/".join(parts), source, passing, layer)


def _note_whiteout(folder: Node, name: str, path: str) -> None:
    if name == _OPAQUE:
        folder.opaque = True
        return
    removed = name.removeprefix(_WHITEOUT)
    _require_one_order(folder, removed, path)
    folder.removed = (folder.removed or set()) | {removed}


def _require_one_order(folder: Node, removed: str, path: str) -> None:
    """Refuse a whiteout of something in its own layer, about which engines disagree, and of the folder itself."""
    if removed in folder.children:
        raise UnreadableError(path, "its layer both adds and removes it, and engines disagree about the result")
    if removed in ("", ".", ".."):
        raise UnreadableError(path, "a layer removes a folder by a name that engines interpret differently")


def _made(root: Node, member: Member, path: str, source: ByteSource, passing: Passing, layer: int) -> Node:
    match member.kind:
        case "hardlink":
            return _linked(root, member.target, layer)
        case "link":
            return Node("link", target=member.target, layer=layer)
        case "other":
            return Node("other", layer=layer)
        case "folder":
            return Node("folder", modified=member.modified, layer=layer)
    node = Node("file", size=member.size, modified=member.modified, layer=layer)
    node.privileged = member.privileged
    if member.sparse:
        node.why_not = "its archive stores it as a sparse file, which lockml does not read"
    elif isinstance(source, FileSource):
        node.handle, node.offset = source.handle, source.position
    else:
        passing.take(node, path, source)
    return node


def _linked(root: Node, target: str, layer: int) -> Node:
    """Return the node that a hard link names, which is the same file."""
    node: Node | None = root
    for part in target.split("/"):
        if part not in ("", "."):
            node = node.children.get(part) if node is not None and part != ".." else None
    if node is not None and node.kind in ("file", "link"):
        return node
    lost = Node("file", layer=layer)
    lost.why_not = f"it is a hard link to {target}, which its archive does not have"
    return lost


def _make_folders(root: Node, parts: Iterable[str], layer: int) -> Node:
    node = root
    for part in parts:
        child = node.children.get(part)
        if child is None or child.kind != "folder":
            if child is not None and child.kind == "link":
                raise UnreadableError(
                    part, "an archive has files below a link, and engines disagree about where they go"
                )
            child = node.children[part] = Node("folder", layer=layer)
            child.implicit = True
        node = child
    return node


def stack(layers: Iterable[LayerTree], *, origins: Sequence[str] = ()) -> LayerTree:
    """Return the tree of *layers*, lowest first; *origins* describes what made each."""
    tree = LayerTree(origins=origins)
    for layer in layers:
        tree.put_on_top(layer)
    return tree
