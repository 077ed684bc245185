"""What installed distributions declare beside their name: whether the user asked for them, and what they require.

REQUESTED: PEP 376; Requires-Dist: core metadata specification.
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.read_limits import MAX_METADATA

__all__ = ["Declared", "read_declared"]

_FIELD = b"requires-dist:"


class Declared(Struct, frozen=True, kw_only=True):
    """Whether an installer noted that somebody asked for it by name, and what it *requires*, as far as that is read."""

    requested: bool
    requires: tuple[Requirement, ...] = ()


def read_declared(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> Mapping[str, Declared]:
    """Return what each of *distributions* declares, by its folder; what cannot be read declares nothing."""
    declared: dict[str, Declared] = {}
    for each in distributions:
        try:
            declared[each.folder] = Declared(
                requested="REQUESTED" in tree.names(each.folder) if tree.kind(each.folder) == "folder" else False,
                requires=tuple(_requirements(_metadata(tree, each.folder))),
            )
        except UnreadableError:
            declared[each.folder] = Declared(requested=False)
    return declared


def _metadata(tree: FileTree, folder: str) -> bytes:
    found = (tree.read(posixpath.join(folder, name), MAX_METADATA) for name in ("METADATA", "PKG-INFO"))
    return next((content for content in found if content is not None), b"")


def _requirements(metadata: bytes) -> Iterator[Requirement]:
    """Yield what *metadata* list, but for what cannot be understood."""
    for line in metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0].split(b"\n"):
        if line[: len(_FIELD)].lower() == _FIELD:
            try:
                yield Requirement(line[len(_FIELD) :].decode("utf-8", "replace").strip())
            except (InvalidRequirement, ValueError, RecursionError):
                continue
