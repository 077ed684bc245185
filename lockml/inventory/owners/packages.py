"""Decide what a package manager's list proves about a file, given that a list is itself a file of the subject.

A file that changed after the start never matches the list of an image, and a list that changed is read from the image
(`owners.list_content`). A file that a later layer added together with its list only matches if that layer replaced the
entire package, as ``apt-get upgrade`` does.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree, UnreadableError
from lockml.inventory.model import Expected
from lockml.inventory.owners.system_packages import list_content
from lockml.inventory.reading import MAX_LIST

__all__ = ["LISTS", "PackageLists", "owner_in_lists"]

LISTS: Final = frozenset({"dpkg", "apk", "conda"})
"""The bases that are lists of package managers."""

_DPKG: Final = "/var/lib/dpkg/info"
_PYTHON: Final = ("/usr/lib/python3", "/usr/lib64/python3")
_HEXADECIMAL: Final = re.compile(rb"[0-9a-f]{32}")


class PackageLists:
    """A judge of what *listed* says about files, by the layers that added the files and the lists."""

    def __init__(self, tree: FileTree, listed: Mapping[str, Expected]) -> None:
        self._tree = tree
        self._listed = listed
        self._orders: dict[tuple[str, str], frozenset[int]] = {}
        self._list_orders: dict[str, int] = {}
        self._packages: list[tuple[str, frozenset[str]]] | None = None

    def fault(self, path: str, expected: Expected) -> str | None:
        """Return why what a list says about *path* does not count, None if it does; raises UnreadableError."""
        origin = self._tree.origin(path)
        if origin is None:
            return None
        if origin.late:
            return f"a file of the package {expected.owner} changed since the image was built"
        if origin.order > self._list_order(expected.source):
            return None  # an older list decides what it must be
        orders = self._package_orders(expected)
        if origin.order > min(orders, default=origin.order):
            return f"a later layer replaced it and the list of {expected.owner}, but not the entire package"
        return None

    def has_link(self, path: str) -> bool:
        """Return whether dpkg lists the link *path*: its checksums omit links, its lists have them.

        A link added after the image, or that alone replaced another file, counts as not listed. Raises UnreadableError.
        """
        if not path.startswith(_PYTHON):
            return False
        if self._packages is None:
            self._packages = _paths_by_list(self._tree)
        if not any(path in paths for _, paths in self._packages):
            return False
        origin = self._tree.origin(path)
        return origin is None or (origin.order < AFTER_START and self.came_whole(path))

    def target_of_link(self, path: str, real_path: str) -> Expected | None:
        """Return what dpkg says about *real_path*, the target of its link *path*, None if one is not listed."""
        return owner_in_lists(self._tree, real_path) if self.has_link(path) else None

    def came_whole(self, path: str) -> bool:
        """Return whether the package of a file or link outside Python's folders, and its list, came in the same layer.

        A file without a package counts as complete: nothing says that it was another's. Raises UnreadableError.
        """
        if self._packages is None:
            self._packages = _paths_by_list(self._tree)
        for spelled in _spellings(path):
            for source, paths in self._packages:
                if spelled in paths:
                    orders = self._orders_of(iter((*paths, source)))
                    return all(order == self._order(path) for order in orders)
        return True

    def _order(self, path: str) -> int:
        origin = self._tree.origin(path)
        return origin.order if origin is not None else 0

    def _list_order(self, source: str) -> int:
        if source not in self._list_orders:
            origin = self._tree.origin(source) if source else None
            order = origin.order if origin is not None else 0
            self._list_orders[source] = min(order, AFTER_START - 1)  # no more is known about the image's list
        return self._list_orders[source]

    def _package_orders(self, expected: Expected) -> frozenset[int]:
        """Return the layers that contain the files of a package."""
        key = (expected.basis, expected.owner)
        if key not in self._orders:
            paths = (path for path, each in self._listed.items() if (each.basis, each.owner) == key)
            self._orders[key] = frozenset(self._orders_of(paths))
        return self._orders[key]

    def _orders_of(self, paths: Iterator[str]) -> Iterator[int]:
        """Yield the layer of each existing file of *paths*.

        Folders belong to every layer that has them, and dpkg keeps existing files in /etc.
        """
        resolve = cache(self._tree.resolve)
        for path in paths:
            try:
                if path.startswith("/etc/") or self._tree.kind(path) != "file":
                    continue
                folder, _, name = path.rpartition("/")
                origin = self._tree.origin(f"{resolve(folder or '/').rstrip('/')}/{name}")
            except UnreadableError:
                continue
            if origin is not None and origin.order < AFTER_START:
                yield origin.order


def owner_in_lists(tree: FileTree, path: str) -> Expected | None:
    """Return what dpkg's checksums say about any file at *path*, None if they omit it; raises UnreadableError."""
    wanted = {spelled.lstrip("/").encode("utf-8", "surrogateescape") for spelled in _spellings(path)}
    for name in tree.names(_DPKG):
        if not name.endswith(".md5sums"):
            continue
        content = list_content(tree, f"{_DPKG}/{name}", MAX_LIST)
        if not any(each in content for each in wanted):
            continue
        for line in content.split(b"\n"):
            digest, _, listed = line.partition(b"  ")
            if listed in wanted:
                package = name.removesuffix(".md5sums").partition(":")[0]
                value = bytes.fromhex(digest.decode("ascii", "replace")) if _HEXADECIMAL.fullmatch(digest) else b""
                return Expected(package, "dpkg", "md5", value, None, f"{_DPKG}/{name}")
    return None


def _spellings(path: str) -> tuple[str, ...]:
    """Return the paths by which a package may list a file: /lib is a link to /usr/lib since Debian 12."""
    return (path, path.removeprefix("/usr")) if path.startswith("/usr/lib") else (path,)


def _paths_by_list(tree: FileTree) -> list[tuple[str, frozenset[str]]]:
    found = []
    for name in tree.names(_DPKG):
        if name.endswith(".list"):
            content = list_content(tree, f"{_DPKG}/{name}", MAX_LIST)
            found.append((f"{_DPKG}/{name}", frozenset(content.decode("utf-8", "surrogateescape").split("\n"))))
    return found
