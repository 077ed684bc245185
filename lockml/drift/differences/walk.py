"""Walk the folders of two environments side by side and yield pairs of files that may differ.

Files that both have from the same layer are skipped. Links are followed inside their trees, each folder once.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from lockml.drift.differences.places import Key, Places
from lockml.inventory.file_tree import Entry, FileKind, FileTree, UnreadableError
from lockml.inventory.model import Problem

__all__ = ["Alike", "Found", "NothingAlike", "Pair", "PairWalk"]

_MAX_DEPTH: Final = 100
_MAX_FILES: Final = 10_000_000
_KERNEL: Final = re.compile(r"/?|/(?:proc|sys|dev)(?:/.*)?", re.DOTALL)  # the root, and the kernel's virtual files


class Alike(Protocol):
    """The places that are equal without reading them, as both sides have them from the same layer."""

    def folder(self, path: str) -> bool:
        """Return whether the folder *path*, with everything below, is equal on both sides."""

    def file(self, path: str) -> bool:
        """Return whether the file at the link-free *path* is equal on both sides."""


class NothingAlike:
    """An `Alike` that knows nothing: everything is read."""

    def folder(self, _: str) -> bool:
        """Return False: the folder must be walked."""
        return False

    def file(self, _: str) -> bool:
        """Return False: the file must be compared."""
        return False


class Found(NamedTuple):
    """A file of one side: *real* is its path without links, None if it leads to no file.

    *size* is None behind a link.
    """

    path: str
    real: str | None
    size: int | None
    privileged: bool = False


class Pair(NamedTuple):
    """A file on both sides, None on a side without it; *detail* describes a link that leads elsewhere."""

    before: Found | None
    after: Found | None
    detail: str = ""

    def of(self, side: int) -> Found | None:
        """Return the file of the first side, 0, or of the other, 1."""
        return self.after if side else self.before


_Two = tuple[str | None, str | None]


class PairWalk:
    """A walk over two *trees* at their *places*; call `pairs` once, then read *problems* and *left_out*."""

    def __init__(
        self, trees: tuple[FileTree, FileTree], places: tuple[Places, Places], names: tuple[str, str], alike: Alike
    ) -> None:
        self._trees = trees
        self._places = places
        self._names = names
        self._alike = alike
        self._seen: tuple[set[str], set[str]] = (set(), set())
        self._linked: list[tuple[_Two, Pair]] = []
        self._files = 0
        self.problems: dict[Problem, None] = {}
        self.left_out: dict[str, None] = {}
        keys = {each.key(path) for each in places for path in each.folders}
        self._roots = self._libraries_paired([self._two(key, "folder") for key in _sorted(keys)])
        self._walked = tuple({roots[side] for roots in self._roots if roots[side] is not None} for side in (0, 1))

    def pairs(self) -> Iterator[Pair]:
        """Yield each file of either side, except those known to be equal."""
        for folders in self._roots:
            yield from self._below(folders)
        yield from self._singles()
        while self._linked:
            folders, pair = self._linked.pop()
            keys = [
                None if path is None else places.key(path) for path, places in zip(folders, self._places, strict=True)
            ]
            if None not in keys and keys[0] != keys[1]:
                yield pair._replace(detail=f"it leads to {folders[1]}; before, it led to {folders[0]}")
            if any(path is not None and path not in seen for path, seen in zip(folders, self._seen, strict=True)):
                yield from self._below(folders)

    def _two(self, key: Key, kind: FileKind) -> _Two:
        """Return where the two have the place *key*, None for a side that has nothing of that *kind* there."""
        found: list[str | None] = []
        for side, places in enumerate(self._places):
            path = places.at(key)
            known = path is not None and (kind == "file" or places.may_walk(path))
            try:
                found.append(path if known and self._trees[side].kind(path or "/") == kind else None)
            except UnreadableError as error:
                self._problem(side, error.path, error.reason)
                return None, None
        return found[0], found[1]

    def _libraries_paired(self, roots: list[_Two]) -> list[_Two]:
        """Pair the library folders that only one side has, in import path order, such as a venv and the system's."""
        alone = [
            [path for path in places.libraries if any(two[side] == path and two[1 - side] is None for two in roots)]
            for side, places in enumerate(self._places)
        ]
        paired = list(zip(*alone, strict=False))
        taken = {path for two in paired for path in two}
        return [two for two in roots if None not in two or not taken & set(two)] + paired

    def _below(self, roots: _Two) -> Iterator[Pair]:
        """Yield the files below the folders *roots*, except below folders that are walked separately."""
        waiting: list[tuple[_Two, int, bool]] = [(roots, 0, False)]
        while waiting:
            folders, depth, alike = waiting.pop()
            fault = self._fault(depth)
            if fault:
                self._problem(0 if folders[1] is None else 1, folders[1] or folders[0] or "/", fault)
                continue
            one, other = folders
            if any(path is not None and _KERNEL.fullmatch(path) for path in folders):
                self.left_out[f"{one or other or '/'} is on the import path, or a link leads to it: not walked"] = None
                continue
            alike = alike or (one is not None and one == other and self._alike.folder(one))
            listed = self._listed(folders, alike=alike)
            below: list[_Two] = []
            for name in sorted({*listed[0], *listed[1]}):
                entries = (listed[0].get(name), listed[1].get(name))
                if alike and entries[0] is not None and entries[0].kind == "file":
                    continue
                self._files += 1
                pair = self._pair(folders, entries, below)
                if pair is not None:
                    yield pair
            waiting += ((each, depth + 1, alike) for each in reversed(below))

    def _fault(self, depth: int) -> str:
        if self._files > _MAX_FILES:
            return f"the two have more than {_MAX_FILES} files"
        return f"folders nested deeper than {_MAX_DEPTH}" if depth > _MAX_DEPTH else ""

    def _listed(self, folders: _Two, *, alike: bool) -> tuple[Mapping[str, Entry], Mapping[str, Entry]]:
        """Return the entries of both folders by their common name, nothing if one folder cannot be read.

        Of *alike* folders only one is read: the targets of links in them may still differ.
        """
        found: list[Mapping[str, Entry]] = []
        for side, folder in enumerate(folders):
            if folder is not None:
                self._seen[side].add(folder)
            if alike and side:
                return found[0], found[0]
            try:
                entries = self._trees[side].entries(folder or "/") if folder is not None else ()
            except UnreadableError as error:
                self._problem(side, error.path, error.reason)
                return {}, {}
            found.append({self._places[side].name(each.name): each for each in entries})
        return found[0], found[1]

    def _pair(self, folders: _Two, entries: tuple[Entry | None, Entry | None], below: list[_Two]) -> Pair | None:
        """Return the files that two entries of one name are; a folder is walked, by *below* or later.

        A link to a folder is walked last, as its target may be walked without it.
        """
        files: list[Found | None] = [None, None]
        parts: list[str | None] = [None, None]
        linked = False
        for side, (folder, entry) in enumerate(zip(folders, entries, strict=True)):
            if entry is None or folder is None:
                continue
            path = f"{folder}/{entry.name}"
            try:
                real = self._trees[side].resolve(path) if entry.kind == "link" else path
                kind = self._trees[side].kind(real) if entry.kind == "link" else entry.kind
            except UnreadableError as error:
                self._problem(side, error.path, error.reason)
                return None
            if kind != "folder":
                size = entry.size if entry.kind == "file" else None
                files[side] = Found(path, real if kind == "file" else None, size, entry.privileged)
            elif entry.kind == "link":
                parts[side], linked = real, True
            elif path not in self._walked[side] and path not in self._places[side].left_out:
                parts[side] = path
        two = (parts[0], parts[1])
        if linked:
            names = [
                f"{folder}/{entry.name}" if entry is not None else ""
                for folder, entry in zip(folders, entries, strict=True)
            ]
            one, other = (Found(name, None, None) if name else None for name in names)
            self._linked.append((two, Pair(one, other)))
        elif two != (None, None):
            below.append(two)
        return Pair(files[0], files[1]) if files != [None, None] else None

    def _singles(self) -> Iterator[Pair]:
        """Yield the files that are named rather than found by walking."""
        keys = {each.key(path) for each in self._places for path in each.files}
        roots = [tuple(f"{path}/" for path in walked) for walked in self._walked]
        for key in _sorted(keys):
            two = self._two(key, "file")
            if any(path is not None and not path.startswith(inside) for path, inside in zip(two, roots, strict=True)):
                one, other = (
                    Found(path, tree.resolve(path), None) if path is not None else None
                    for tree, path in zip(self._trees, two, strict=True)
                )
                yield Pair(one, other)

    def _problem(self, side: int, path: str, reason: str) -> None:
        self.problems[Problem(path=f"{self._names[side]}: {path}", reason=reason)] = None


def _sorted(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda names: tuple(name or "" for name in names))
