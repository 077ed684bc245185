"""Find the folders and files that two opened subjects share, because both have the same layer.

On this machine, a layer is a folder of the engine, and both subjects must be made from that folder. In archives and
registries, a layer is identified by its digest, which was verified when it was read.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree
from lockml.subjects.model import OpenedSubject
from lockml.subjects.oci.layers import LayerTree
from lockml.subjects.process import ProcessTree
from lockml.subjects.tree.overlay import OverlayTree

__all__ = ["SharedLayers"]

_READ_WHOLE: Final = frozenset({"image", "registry", "archive", "oci"})  # the kinds whose layers are verified


class SharedLayers:
    """The layers that two subjects share, as far as their layers are known for certain."""

    def __init__(self, one: OpenedSubject, other: OpenedSubject) -> None:
        self._trees = (one.tree, other.tree)
        self._layers = (_layers(one), _layers(other))
        self._any = bool(set(self._layers[0].values()) & set(self._layers[1].values()))

    def folder(self, path: str) -> bool:
        """Return whether the folder *path*, with everything below, comes from one layer that both share."""
        if not self._any:
            return False
        found = [_order_of_all(tree, path) for tree in self._trees]
        return self._same(found)

    def file(self, path: str) -> bool:
        """Return whether the file at the link-free *path* is the same file of the same layer in both."""
        if not self._any:
            return False
        origins = [tree.origin(path) for tree in self._trees]
        return self._same([each.order if each is not None else None for each in origins])

    def _same(self, orders: Sequence[int | None]) -> bool:
        one, other = (
            layers.get(order) if order is not None else None for layers, order in zip(self._layers, orders, strict=True)
        )
        return one is not None and one == other


def _layers(opened: OpenedSubject) -> Mapping[int, str]:
    """Return the identity of each layer whose files are certain, by the order of its files' origins."""
    tree, image = opened.tree, opened.image
    if isinstance(tree, ProcessTree):  # a process that may mount can show any folders as its layers
        files = image.files if image is not None else None
        return files.identities() if isinstance(files, OverlayTree) else {}
    if isinstance(tree, OverlayTree):
        return tree.identities()
    digests = opened.subject.layers
    if isinstance(tree, LayerTree) and opened.subject.kind in _READ_WHOLE and len(tree.origins) == len(digests):
        return dict(enumerate(digests, 1))
    return {}


def _order_of_all(tree: FileTree, folder: str) -> int | None:
    """Return the layer that everything below *folder* comes from, None if there are several or it is unknown."""
    origin = tree.origin_of_all(folder) if isinstance(tree, OverlayTree | ProcessTree) else None
    return origin.order if origin is not None and origin.order < AFTER_START else None
