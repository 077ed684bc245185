"""Read a container of an engine elsewhere: its image's files, which are kept, and what it changed."""

from collections.abc import Iterable, Sequence
from typing import Final

from lockml.common.errors import NotFoundError
from lockml.inventory.file_tree import AFTER_START
from lockml.subjects.engine.api import Change, Engine
from lockml.subjects.oci.layers import LayerTree, read_layer, stack
from lockml.subjects.oci.nodes import Node
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import StreamSource

__all__ = ["MAX_CHANGES", "changed_container", "places_elsewhere", "split_changes"]

MAX_CHANGES: Final = 500  # more of them take longer than the whole container
_OF_KERNEL: Final = ("/proc/", "/sys/", "/dev/")
_ELSEWHERE: Final = ("/run/", "/tmp/", "/var/log/", "/var/cache/")  # noqa: S108 - not ours


def split_changes(changes: Iterable[Change]) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Return the changes below which nothing else changed: all but those where programs keep their own, and those.

    What the kernel shows in a container is in neither.
    """
    wanted = [each for each in changes if not f"{each.path}/".startswith(_OF_KERNEL)]
    parents = {each.path.rpartition("/")[0] for each in wanted}
    above = {parent[:end] for parent in parents for end in [*_ends(parent), len(parent)]}
    ends = [each for each in wanted if each.path not in above]
    elsewhere = tuple(each for each in ends if f"{each.path}/".startswith(_ELSEWHERE))
    return tuple(each for each in ends if each not in elsewhere), elsewhere


def places_elsewhere(changes: Iterable[Change]) -> tuple[str, ...]:
    """Return the folders with changes that are fetched as a whole, once somebody looks into one."""
    return tuple(place.rstrip("/") for place in _ELSEWHERE if any(f"{c.path}/".startswith(place) for c in changes))


def _ends(path: str) -> Iterable[int]:
    return (position for position, letter in enumerate(path) if letter == "/" and position)


def changed_container(
    engine: Engine, identifier: str, image: LayerTree, changes: Sequence[Change], *, hashed: bool
) -> LayerTree:
    """Return the files of *image* with the *changes* of a container, which are fetched one by one.

    Raises UnreadableError, EngineError.
    """
    layers: list[LayerTree] = []
    removed = LayerTree(Node("folder", layer=AFTER_START))
    for change in changes:
        if change.kind == 2:
            folder = _folder(removed.root, change.path.split("/")[1:-1])
            folder.removed = (folder.removed or set()) | {change.path.rpartition("/")[2]}
        elif change.kind == 1 or image.kind(change.path) != "folder":
            layer = _fetched(engine, identifier, change.path, hashed=hashed)
            layers += [layer] if layer is not None else []
    return stack([image, removed, *layers], origins=image.origins)


def _fetched(engine: Engine, identifier: str, path: str, *, hashed: bool) -> LayerTree | None:
    """Return what is at *path* of a container, None where it is gone meanwhile."""
    try:
        with engine.container_files(identifier, path) as stream:
            above = path.rpartition("/")[0]
            return read_layer(StreamSource(stream), passing=Passing(hashed=hashed), layer=AFTER_START, at=above)
    except NotFoundError:
        return None


def _folder(root: Node, parts: Sequence[str]) -> Node:
    node = root
    for part in parts:
        if part not in node.children:
            node.children[part] = Node("folder", layer=AFTER_START)
        node = node.children[part]
    return node
