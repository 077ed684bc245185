"""Say whether a path is the same program as an environment's interpreter, by link or by its bytes."""

from lockml.inventory.file_tree import FileTree

__all__ = ["SamePrograms"]


class SamePrograms:
    """Compares paths with *program*, the interpreter without links, None where there is none."""

    def __init__(self, tree: FileTree, program: str | None) -> None:
        self._tree = tree
        self._program = program
        self._known: dict[str, bool] = {}

    def is_same(self, path: str) -> bool:
        """Say whether *path* is the program or a copy of it (``venv --copies``); raises UnreadableError."""
        if self._program is None:
            return False
        place = self._tree.resolve(path)
        if place not in self._known:
            self._known[place] = place == self._program or self._has_its_bytes(place)
        return self._known[place]

    def _has_its_bytes(self, place: str) -> bool:
        if self._program is None or self._tree.kind(place) != "file" or self._tree.kind(self._program) != "file":
            return False
        found = dict(self._tree.digests([(place, "sha256"), (self._program, "sha256")]))
        return isinstance(found.get(place), bytes) and found.get(place) == found.get(self._program)
