"""The nodes of a file tree in memory: what is at each path, and where to read its content."""

import os
from typing import Final

from lockml.inventory.file_tree import Entry, EntryKind, UnreadableError
from lockml.subjects.tree.hashing import OpenFile
from lockml.subjects.tree.symlinks import PathEntry

__all__ = ["Gone", "Node", "merge", "note_removed"]

Gone = dict[str, dict[str, int]]
"""The names that layers removed, by folder ("" for the root), each with the number of the last such layer."""

_FILE: Final = PathEntry("file")
_FOLDER: Final = PathEntry("folder")
_OTHER: Final = PathEntry("other")


class Node:
    """The entry at one path.

    The content of a file is *content*, as far as it was kept, or at *offset* of *handle*; *digests* holds those taken
    while it was streamed. *removed* and *opaque* hide what lower layers have in a folder; *implicit* says that the
    layer only has something in the folder, not the folder itself; *replaces* that a lower layer has a file of that
    name. *layer* counts from 1, 0 for none, and is `AFTER_START` for changes since the image was built.
    """

    __slots__ = (
        "children",
        "content",
        "digests",
        "handle",
        "implicit",
        "kind",
        "layer",
        "modified",
        "offset",
        "opaque",
        "privileged",
        "removed",
        "replaces",
        "size",
        "target",
        "why_not",
    )

    def __init__(self, kind: EntryKind, *, size: int = 0, modified: int = 0, target: str = "", layer: int = 0) -> None:
        self.kind: EntryKind = kind
        self.size = size
        self.modified = modified
        self.target = target
        self.layer = layer
        self.content: bytes | None = None
        self.digests: dict[str, bytes] | None = None
        self.handle: int | None = None
        self.offset = 0
        self.why_not: str | None = None
        self.children: dict[str, Node] = {}
        self.removed: set[str] | None = None
        self.opaque = False
        self.implicit = False
        self.replaces = False
        self.privileged = False

    @property
    def path_entry(self) -> PathEntry:
        """This node in the form that `resolve_inside` needs."""
        match self.kind:
            case "file":
                return _FILE
            case "folder":
                return _FOLDER
            case "link":
                return PathEntry("link", self.target)
        return _OTHER

    def entry(self, name: str) -> Entry:
        """Return this node as a directory entry."""
        return Entry(name, self.kind, self.size, self.modified, self.privileged)

    def passed_by(self, size: int) -> bool:
        """Return whether the first *size* bytes of the file were not kept and cannot be read in place."""
        kept = len(self.content) if self.content is not None else 0
        return self.handle is None and self.why_not is None and kept < size

    def hashed(self, algorithm: str) -> bool:
        """Return whether the digest by *algorithm* is known."""
        return self.digests is not None and algorithm in self.digests

    def read(self, path: str, limit: int) -> bytes:
        """Return at most *limit* bytes of the file; raises UnreadableError."""
        wanted = min(limit, self.size)
        if self.why_not is not None:
            raise UnreadableError(path, self.why_not)
        if not wanted:
            return b""
        if self.content is not None and len(self.content) >= wanted:
            return self.content[:limit]
        if self.handle is None:
            raise UnreadableError(path, "its content was streamed and not kept")
        try:
            content = os.pread(self.handle, wanted, self.offset)
        except OSError as error:
            raise UnreadableError(path, error.strerror or str(error)) from error
        if len(content) != wanted:
            raise UnreadableError(path, "its archive is truncated")
        return content

    def digest(self, path: str, algorithm: str) -> bytes | OpenFile | UnreadableError:
        """Return the digest of the file if it is known, else the file to hash."""
        if self.why_not is not None:
            return UnreadableError(path, self.why_not)
        if self.digests is not None and algorithm in self.digests:
            return self.digests[algorithm]
        if self.handle is None:
            return UnreadableError(path, f"its {algorithm} was not computed while it was streamed")
        return OpenFile(self.handle, self.offset, self.size, owned=False)


def merge(below: Node, above: Node, gone: Gone, path: str = "") -> None:
    """Merge the folder *above* over *below*, changing only *below*: a layer may occur twice in an image.

    *gone* receives what *above* removes, with the number of its layer.
    OCI image specification, "Image Layer Filesystem Changeset". Raises UnreadableError if engines disagree about
    a layer: a folder that it does not have itself, over a link below.
    """
    for name in tuple(below.children) if above.opaque else below.children.keys() & (above.removed or ()):
        note_removed(gone, (path, name, below.children.pop(name)), above.layer)
    for name, node in above.children.items():
        hidden = below.children.get(name)
        if node.kind != "folder":
            for inner, child in hidden.children.items() if hidden is not None else ():
                note_removed(gone, (f"{path}/{name}", inner, child), node.layer)
            node.replaces = node.replaces or hidden is not None
            below.children[name] = node
            continue
        if hidden is not None and hidden.kind == "link" and node.implicit:
            raise UnreadableError(
                f"{path}/{name}", "a layer has files below a link, and engines disagree about where they go"
            )
        if hidden is None or hidden.kind != "folder":
            hidden = below.children[name] = Node("folder", modified=node.modified, layer=node.layer)
        merge(hidden, node, gone, f"{path}/{name}")


def note_removed(gone: Gone, removed: tuple[str, str, Node], layer: int) -> None:
    """Record in *gone* that *layer* removed *removed*, (folder, name, node), and everything below."""
    waiting = [removed]
    while waiting:
        folder, name, node = waiting.pop()
        gone.setdefault(folder, {})[name] = layer
        waiting += [(f"{folder}/{name}", inner, child) for inner, child in node.children.items()]
