"""Read a container of a remote engine from the stream of files that the engine exports.

The engine is not asked what a container changed: Docker, and Podman without overlay, compare sizes and times, so they
miss a file that was replaced by one of the same size and time.
"""

import copy
from collections.abc import Container
from typing import Final

from lockml.inventory.file_tree import AFTER_START
from lockml.subjects.engine.api import Engine
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.layers import LayerTree, read_layer
from lockml.subjects.oci.nodes import Node, note_removed
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import StreamSource

__all__ = ["exported_container", "name_layers"]

_NOTHING: Final = Node("folder", layer=AFTER_START)


def exported_container(engine: Engine, identifier: str, image: LayerTree | None, options: ReadOptions) -> LayerTree:
    """Return the files of a container without its mounts; *image* says which layer they come from.

    Raises UnreadableError, EngineError.
    """
    layer = AFTER_START if image is not None else 0
    passing = Passing(hashed=options.hashed, progress=options.progress)
    with engine.exported(identifier) as stream:
        tree = read_layer(StreamSource(stream), passing=passing, layer=layer, plain=True)
    if image is not None:
        name_layers(tree, image)
    return tree


def name_layers(tree: LayerTree, image: LayerTree) -> None:
    """Record for each file of *tree*, a container, its layer in *image*, and which image files were removed.

    Without digests, a file with the size and time of the image's file counts as that file. Contents are read from the
    container; only for a file with the image's digest, they may be read from the image.
    """
    tree.origins = image.origins
    tree.gone = {folder: dict(names) for folder, names in image.gone.items()}
    tree.again = lambda layer, path: _read_again(tree, image, layer, path)
    seen: set[int] = set()
    waiting = [("", tree.root, image.root)]
    while waiting:
        path, folder, before = waiting.pop()
        folder.layer = before.layer
        for name, child in folder.children.items():
            if id(child) in seen:  # a hard link, which may be new
                child = folder.children[name] = copy.copy(child)  # noqa: PLW2901 - the same file
            seen.add(id(child))
            old = before.children.get(name)
            of_image = old is not None and _is_of_image(child, old)
            child.layer = old.layer if old is not None and of_image else AFTER_START
            child.replaces = old is not None and (old.replaces if of_image else old.kind != "folder")
            if child.kind == "folder":
                waiting.append((f"{path}/{name}", child, old if old is not None and of_image else _NOTHING))
            elif old is not None and old.kind == "folder":
                _note_children(tree, f"{path}/{name}", old, ())
        _note_children(tree, path, before, folder.children)


def _note_children(tree: LayerTree, path: str, before: Node, left: Container[str]) -> None:
    """Record that the container removed the entries of the folder *before* at *path*, except those *left*."""
    for name, node in before.children.items():
        if name not in left:
            note_removed(tree.gone, (path, name, node), AFTER_START)


def _is_of_image(node: Node, old: Node) -> bool:
    if node.kind != old.kind or node.target != old.target or node.privileged != old.privileged:
        return False
    if node.kind != "file":
        return True
    if node.size != old.size:
        return False
    if node.digests and old.digests:
        return node.digests == old.digests
    if node.content is not None and old.content is not None and node.content != old.content:
        return False
    return node.modified == old.modified


def _read_again(tree: LayerTree, image: LayerTree, layer: int, path: str) -> Node | None:
    """Return the image's file at *path* if the container's has the same digest."""
    node = tree.node(path)
    if image.again is None or node is None or not node.digests or node.layer == AFTER_START:
        return None
    return image.again(layer, path)
