"""Link cells to their bases, and sort them so that each comes after the cells that it needs."""

import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from msgspec.structs import replace

from lockml.cli.compile.locks.model import Cell, fault

__all__ = ["arrange", "with_needed"]

_READ: Final = ("files", "constraint", "override", "prefer")
_NOWHERE: Final = "/dev/null"
_BESIDE: Final = ("unhashed", "build", "sources")  # the files that compile writes beside a requirements file
_NAMED: Final = 5


def arrange(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return *cells* in the order to lock them, with the cells that each needs, and paths for their names.

    Raises InputError for a missing or ambiguous base, for a circle, and for a file that two would write.
    """
    _refuse_shared_files(cells)
    written = {_plain(path): cell.name for cell in cells for path in (cell.lock, cell.output)}
    finder = _Bases(cells)
    linked = [_linked(cell, finder, written) for cell in cells]
    return _sorted(linked)


def with_needed(cells: Sequence[Cell], wanted: set[str]) -> tuple[Cell, ...]:
    """Return those of *cells*, which are arranged, that *wanted* names, and everything that they need."""
    needed = set(wanted)
    for cell in reversed(cells):
        if cell.name in needed:
            needed |= set(cell.needs)
    return tuple(cell for cell in cells if cell.name in needed)


class _Bases:
    """A finder of the cell that a base name means for another cell."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._by_name = {cell.name: cell for cell in cells}
        self._tables: dict[str, list[Cell]] = {}
        for cell in cells:
            self._tables.setdefault(cell.table.name, []).append(cell)
        self._found: dict[tuple[str, str], dict[tuple[str, ...], list[Cell]]] = {}

    def find(self, name: str, cell: Cell) -> Cell | None:
        """Return the base *name* of *cell*, None for a file; raises InputError."""
        key = "subset-of" if "subset-of" in cell.options else "on"
        if name in self._by_name:
            return self._by_name[name]
        if name not in self._tables:
            if "/" in name or name.endswith(".toml"):
                return None
            hint = f"there are {', '.join(self._tables)}; the path of a lock ends in .toml"
            raise fault(cell.table, key, f"names {name!r}, but there is no such lock", hint=hint)
        found = self._of_table(name, cell)
        if len(found) == 1:
            return found[0]
        values = ", ".join(f"{axis} {value}" for axis, value in cell.values.items()) or "no axis"
        if not found:
            raise fault(cell.table, key, f"{name!r} has no lock for {values}", hint="skip it here too")
        named = ", ".join(each.name for each in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        problem = f"{name!r} means {len(found)} locks for {values}: {named}{more}"
        raise fault(cell.table, key, problem, hint="name one of them, or add the axes of that table to the matrix")

    def _of_table(self, name: str, cell: Cell) -> Sequence[Cell]:
        """Return the cells of the table *name* that have the values of *cell* on the axes that both have."""
        bases = self._tables[name]
        shared = [axis for axis in bases[0].values if axis in cell.values]
        known = self._found.get((name, cell.table.name))
        if known is None:
            known = self._found[name, cell.table.name] = {}
            for base in bases:
                known.setdefault(tuple(base.values[axis] for axis in shared), []).append(base)
        return known.get(tuple(cell.values[axis] for axis in shared), ())


def _linked(cell: Cell, finder: _Bases, written: Mapping[str, str]) -> Cell:
    """Return *cell* with the paths of its bases, and with what it needs: bases, and cells that write its inputs."""
    found = [(name, finder.find(name, cell)) for name in cell.bases]
    paths = [base.lock if base is not None else name for name, base in found]
    needs = [base.name for _, base in found if base is not None]
    read = [path for key in _READ for path in _texts(cell.options.get(key, []))]
    needs += [written[_plain(path)] for path in (*read, *paths) if _plain(path) in written]
    options = dict(cell.options)
    if "on" in options:
        options["on"] = paths
    elif "subset-of" in options:
        options["subset-of"] = paths[0]
    return replace(cell, options=options, needs=tuple(dict.fromkeys(needs)))


def _texts(value: object) -> list[str]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)]


def _plain(path: str) -> str:
    """Return *path* as a file system without case and Unicode composition sees it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", posixpath.normpath(path)).casefold())


def _refuse_shared_files(cells: Sequence[Cell]) -> None:
    """Raise InputError if two cells share a name or a file, or a file is outside this folder."""
    names: dict[str, Cell] = {}
    files: dict[str, tuple[Cell, str]] = {}
    for cell in cells:
        other = names.setdefault(cell.name.casefold(), cell)
        if other is not cell:
            raise fault(
                cell.table, "name", f"two locks have the name {cell.name!r}, the other from {other.table.name!r}"
            )
        for key, path in _written(cell):
            _refuse_outside(cell, key, path)
            first, before = files.setdefault(_plain(path), (cell, path))
            if (first, before) != (cell, path) or (key == "output" and path == cell.lock):
                problem = f"{cell.name!r} and {first.name!r} would both write {path!r}"
                raise fault(cell.table, key, problem, hint="use {name} in the path")


def _written(cell: Cell) -> Iterator[tuple[str, str]]:
    """Yield the files that *cell* writes, or may write beside its requirements file, with their key."""
    for key in ("lock", "output"):
        path = cell.options[key]
        if not isinstance(path, str) or not path or "\0" in path:
            raise fault(cell.table, key, "is not a file name")
        if path != _NOWHERE or key == "lock":
            yield key, path
        if key == "output" and path != _NOWHERE:
            pure = PurePosixPath(path)
            yield from ((key, str(pure.with_name(f"{pure.stem}-{word}{pure.suffix}"))) for word in _BESIDE if pure.name)


def _refuse_outside(cell: Cell, key: str, path: str) -> None:
    normal = posixpath.normpath(path)
    if path == "-" or normal == ".":
        raise fault(cell.table, key, f"{path!r} is not a file name", hint="name a file for each lock")
    if posixpath.isabs(path) or path.startswith("~") or normal.split("/")[0] == "..":
        problem = f"{path!r} is outside the folder of the configuration"
        raise fault(cell.table, key, problem, hint="name a file below that folder, or compile this lock on its own")


def _sorted(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return *cells* in their order, but each after what it needs; raises InputError for a circle."""
    by_name = {cell.name: cell for cell in cells}
    done: dict[str, Cell] = {}
    for cell in cells:
        path: list[Cell] = [cell] if cell.name not in done else []
        while path:
            waiting = next((name for name in path[-1].needs if name not in done), None)
            if waiting is None:
                ready = path.pop()
                done[ready.name] = ready
                continue
            names = [each.name for each in path]
            if waiting in names:
                circle = " -> ".join((*names[names.index(waiting) :], waiting))
                raise fault(path[-1].table, "on", f"locks are based on each other in a circle: {circle}")
            path.append(by_name[waiting])
    return tuple(done.values())
