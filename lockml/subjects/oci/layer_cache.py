"""Cache file trees from streams, by the digest of their source, and which layer files were hashed.

A tree is only cached after its stream was verified by its digest, or by the identifier that an engine gives an image.
"""

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lockml.common.private_files import PrivateFolder
from lockml.inventory.file_tree import EntryKind
from lockml.subjects.oci.layers import LayerTree
from lockml.subjects.oci.nodes import Gone, Node
from lockml.subjects.tree.hashing import OpenFile

__all__ = ["LAYERS", "TREES", "HashedLayers", "TreeStore"]

TREES: Final = "trees-5"
"""The name of their folder inside the cache."""

LAYERS: Final = "layers-1"
"""The name of the folder that records which layer files were hashed."""

_SETTLED: Final = 2_000_000_000  # nanoseconds: a file that just changed may change again within the same clock tick
_MAX_KEPT: Final = 1 << 29  # bytes of one tree


class _StoredNode(msgspec.Struct, array_like=True, omit_defaults=True):
    """The stored form of a `Node`."""

    kind: EntryKind
    layer: int
    size: int = 0
    modified: int = 0
    target: bytes = b""
    content: bytes | None = None
    digests: dict[str, bytes] | None = None
    why_not: str | None = None
    removed: list[bytes] | None = None
    opaque: bool = False
    implicit: bool = False
    replaces: bool = False
    privileged: bool = False
    children: dict[bytes, "_StoredNode"] = {}


_Stored = tuple[
    str, _StoredNode, dict[bytes, dict[bytes, int]]
]  # the name of a tree, its root, and what was removed from it
_DECODER: Final = msgspec.msgpack.Decoder(_Stored)


class TreeStore:
    """A cache of trees in *folder*, None for no cache. *hashed* trees also serve requests without hashes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / TREES if folder is not None else None

    def get(self, digest: str, *, hashed: bool) -> LayerTree | None:
        """Return the cached tree for *digest*, None if there is none or it is damaged."""
        if self._folder is None:
            return None
        with suppress(OSError), PrivateFolder(self._folder, made=False) as folder:
            for name in _names(digest, hashed=hashed):
                with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    content = folder.read(name, _MAX_KEPT)
                    named, stored, gone = _DECODER.decode(content) if content is not None else ("", None, {})
                    if named == name and stored is not None and stored.kind == "folder":
                        return LayerTree(_node(stored), gone=_named(gone))
        return None

    def put(self, digest: str, tree: LayerTree, *, hashed: bool) -> None:
        """Cache *tree* for *digest*; if that fails, it is read again next time."""
        if self._folder is None:
            return
        name = _names(digest, hashed=hashed)[-1]
        with suppress(OSError, RecursionError), PrivateFolder(self._folder) as folder:
            gone = {os.fsencode(folder): _encoded(names) for folder, names in tree.gone.items()}
            folder.write(name, (msgspec.msgpack.encode((name, _stored(tree.root), gone)),))


class HashedLayers:
    """A record in *folder*, None for no record, of unchanged layer files whose digests were verified.

    A file is identified by its device, inode, size and times; only a changed clock can forge its ctime.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / LAYERS if folder is not None else None

    def unknown(self, layers: dict[str, tuple[OpenFile, str]]) -> dict[str, tuple[OpenFile, str]]:
        """Return those of *layers*, each a file and its digest by name, that are new or have changed."""
        if self._folder is None:
            return layers
        with suppress(OSError), PrivateFolder(self._folder, made=False) as folder:
            keys = {name: _key(*layer) for name, layer in layers.items()}
            known = {name for name, key in keys.items() if key is not None and folder.read(key, 0) is not None}
            return {name: layer for name, layer in layers.items() if name not in known}
        return layers

    def keep(self, layers: dict[str, tuple[OpenFile, str]]) -> None:
        """Record that *layers* were hashed; if that fails, they are hashed again next time."""
        if self._folder is None or not layers:
            return
        with suppress(OSError), PrivateFolder(self._folder) as folder:
            for key in filter(None, (_key(*layer) for layer in layers.values())):
                folder.create(key)


def _key(file: OpenFile, digest: str) -> str | None:
    """Return the key of a hashed layer, None if its file has just changed."""
    facts = os.fstat(file.handle)
    identity = (
        facts.st_dev,
        facts.st_ino,
        facts.st_size,
        facts.st_mtime_ns,
        facts.st_ctime_ns,
        file.offset,
        file.size,
        digest,
    )
    settled = time.time_ns() - facts.st_ctime_ns > _SETTLED
    return hashlib.sha256(repr(identity).encode()).hexdigest() if settled else None


def _names(digest: str, *, hashed: bool) -> list[str]:
    """Return the possible names of the tree: with digests and, unless digests are required, without."""
    name = hashlib.sha256(digest.encode()).hexdigest()
    return [f"{name}-hashed", *(() if hashed else (name,))]


def _encoded(names: dict[str, int]) -> dict[bytes, int]:
    return {os.fsencode(name): layer for name, layer in names.items()}


def _named(gone: dict[bytes, dict[bytes, int]]) -> Gone:
    return {
        os.fsdecode(folder): {os.fsdecode(name): layer for name, layer in names.items()}
        for folder, names in gone.items()
    }


def _stored(node: Node) -> _StoredNode:
    return _StoredNode(
        kind=node.kind,
        layer=node.layer,
        size=node.size,
        modified=node.modified,
        target=os.fsencode(node.target),
        content=node.content,
        digests=node.digests,
        why_not=node.why_not,
        removed=[os.fsencode(name) for name in sorted(node.removed)] if node.removed else None,
        opaque=node.opaque,
        implicit=node.implicit,
        replaces=node.replaces,
        privileged=node.privileged,
        children={os.fsencode(name): _stored(child) for name, child in node.children.items()},
    )


def _node(stored: _StoredNode) -> Node:
    target = os.fsdecode(stored.target)
    node = Node(stored.kind, size=stored.size, modified=stored.modified, target=target, layer=stored.layer)
    node.content, node.digests, node.why_not = stored.content, stored.digests, stored.why_not
    node.removed = {os.fsdecode(name) for name in stored.removed} if stored.removed else None
    node.opaque, node.implicit, node.replaces = stored.opaque, stored.implicit, stored.replaces
    node.privileged = stored.privileged
    node.children = {os.fsdecode(name): _node(child) for name, child in stored.children.items()}
    return node
