"""Keep file trees that came as streams, by the digest of their source: a layer or an image is read once.

A tree is kept only after its stream was held against its digest, or by the identifier that an engine gives an image.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lockml.common.private_files import PrivateFolder
from lockml.inventory.file_tree import EntryKind
from lockml.subjects.oci.layers import LayerTree
from lockml.subjects.oci.nodes import Gone, Node

__all__ = ["TREES", "TreeStore"]

TREES: Final = "trees-5"
"""What their folder is called in that of the cache."""

_MAX_KEPT: Final = 1 << 29  # bytes of one tree


class _Kept(msgspec.Struct, array_like=True, omit_defaults=True):
    """A `Node` as it is written."""

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
    children: dict[bytes, "_Kept"] = {}


_Stored = tuple[
    str, _Kept, dict[bytes, dict[bytes, int]]
]  # the name that a tree is kept by, its root, and what is gone from it
_DECODER: Final = msgspec.msgpack.Decoder(_Stored)


class TreeStore:
    """Keeps trees in *folder*, None for nowhere. *hashed* ones serve those who ask for less."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / TREES if folder is not None else None

    def get(self, digest: str, *, hashed: bool) -> LayerTree | None:
        """Return the tree that is kept for *digest*, None where there is none or it is damaged."""
        if self._folder is None:
            return None
        with suppress(OSError), PrivateFolder(self._folder, made=False) as folder:
            for name in _names(digest, hashed=hashed):
                with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    content = folder.read(name, _MAX_KEPT)
                    named, kept, gone = _DECODER.decode(content) if content is not None else ("", None, {})
                    if named == name and kept is not None and kept.kind == "folder":
                        return LayerTree(_node(kept), gone=_named(gone))
        return None

    def put(self, digest: str, tree: LayerTree, *, hashed: bool) -> None:
        """Keep *tree* for *digest*; where that fails, it is read again the next time."""
        if self._folder is None:
            return
        name = _names(digest, hashed=hashed)[-1]
        with suppress(OSError, RecursionError), PrivateFolder(self._folder) as folder:
            gone = {os.fsencode(folder): _encoded(names) for folder, names in tree.gone.items()}
            folder.write(name, (msgspec.msgpack.encode((name, _kept(tree.root), gone)),))


def _names(digest: str, *, hashed: bool) -> list[str]:
    """Return what the tree may be called: with digests, and, unless those are asked for, without."""
    name = hashlib.sha256(digest.encode()).hexdigest()
    return [f"{name}-hashed", *(() if hashed else (name,))]


def _encoded(names: dict[str, int]) -> dict[bytes, int]:
    return {os.fsencode(name): layer for name, layer in names.items()}


def _named(gone: dict[bytes, dict[bytes, int]]) -> Gone:
    return {
        os.fsdecode(folder): {os.fsdecode(name): layer for name, layer in names.items()}
        for folder, names in gone.items()
    }


def _kept(node: Node) -> _Kept:
    return _Kept(
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
        children={os.fsencode(name): _kept(child) for name, child in node.children.items()},
    )


def _node(kept: _Kept) -> Node:
    target = os.fsdecode(kept.target)
    node = Node(kept.kind, size=kept.size, modified=kept.modified, target=target, layer=kept.layer)
    node.content, node.digests, node.why_not = kept.content, kept.digests, kept.why_not
    node.removed = {os.fsdecode(name) for name in kept.removed} if kept.removed else None
    node.opaque, node.implicit, node.replaces = kept.opaque, kept.implicit, kept.replaces
    node.privileged = kept.privileged
    node.children = {os.fsdecode(name): _node(child) for name, child in kept.children.items()}
    return node
