"""Locate the standard library of an environment, and decide what proves its files.

It is proven by the lists of its package (`owners`) or, if there is none, as in images that build their Python, by the
layer that added it: files added later do not belong to it.
"""

from collections.abc import Collection
from typing import Final

from lockml.inventory.file_tree import FileTree, Origin

__all__ = ["Library"]

_LEFT_ALONE: Final = (
    0.1  # share of the modules that an upgrade replaces: some belong to other packages, or are links into /etc
)


class Library:
    """The standard library in *folder*, "" if there is none; *listed* holds what package managers list."""

    def __init__(self, tree: FileTree, folder: str | None, listed: Collection[str]) -> None:
        self.folder = folder or ""
        self._tree = tree
        self._listed = f"{self.folder}/os.py" in listed
        self._upgraded: bool | None = None
        self._first = tree.origin(f"{self.folder}/os.py") if folder else None

    @property
    def provable(self) -> bool:
        """Whether anything says what it must contain."""
        return bool(self.folder) and (self._listed or self._first is not None)

    def contains(self, path: str) -> bool:
        """Return whether *path* belongs to the library rather than to a project installed below it."""
        inside = path.startswith(f"{self.folder}/") if self.folder else False
        return inside and not path.startswith((f"{self.folder}/site-packages/", f"{self.folder}/dist-packages/"))

    def by_layer(self, path: str) -> bool:
        """Return whether an unlisted file was added with the library itself, or before it.

        If a layer upgrades the library and removes the lists, unchanged files are from a layer below.
        """
        origin = self._tree.origin(path)
        if self._listed or origin is None or self._first is None:
            return False
        return origin.order == self._first.order or (origin.order < self._first.order and self._is_upgrade())

    def leads_out(self, path: str, real_path: str) -> bool:
        """Return whether a link of the library leads to a missing *real_path*: small images lack /etc/python3.

        Nothing runs through it until a file appears there, which is then judged itself.
        """
        return self.contains(path) and self.by_layer(path) and self._tree.kind(real_path) == "missing"

    def _is_upgrade(self) -> bool:
        """Return whether a layer replaced the entire library rather than a few files."""
        if self._upgraded is None:
            names = (name for name in self._tree.names(self.folder) if name.endswith(".py"))
            origins = [self._tree.origin(f"{self.folder}/{name}") for name in names]
            older = [each for each in origins if each is not None and self._first and each.order < self._first.order]
            self._upgraded = len(older) <= len(origins) * _LEFT_ALONE
        return self._upgraded

    def replaced(self, path: str) -> Origin | None:
        """Return what replaced a file of the library, None if nothing did."""
        origin = self._tree.origin(path)
        return origin if origin is not None and origin.replaces else None

    def changed_after_start(self, path: str) -> Origin | None:
        """Return what added the file at *path* of the library, if that was after the image was built."""
        origin = self._tree.origin(path) if self.contains(path) else None
        return origin if origin is not None and origin.late else None

    def is_late(self, path: str) -> bool:
        """Return whether the file at *path* was added after the image was built, but the library was not."""
        origin = self._tree.origin(path)
        late = origin is not None and origin.late
        return late and not (self._first is not None and self._first.late)

    def is_replaced_alone(self, path: str) -> bool:
        """Return whether a later layer than the library's replaced the file at *path*."""
        origin = self._tree.origin(path)
        return origin is not None and origin.replaces and (self._first is None or origin.order > self._first.order)
