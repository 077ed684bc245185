"""Return whether a path is the same program as an environment's interpreter, by link or by its bytes."""

import posixpath

from lockml.inventory.file_tree import FileTree

__all__ = ["SamePrograms", "library_names"]


class SamePrograms:
    """A comparison of paths with *program*, the interpreter with links resolved, None if there is none."""

    def __init__(self, tree: FileTree, program: str | None) -> None:
        self._tree = tree
        self._program = program
        self._verdicts: dict[str, bool] = {}

    def is_same(self, path: str) -> bool:
        """Return whether *path* is the program or a copy of it (``venv --copies``); raises UnreadableError."""
        if self._program is None:
            return False
        real_path = self._tree.resolve(path)
        if real_path not in self._verdicts:
            self._verdicts[real_path] = real_path == self._program or self._has_its_bytes(real_path)
        return self._verdicts[real_path]

    def _has_its_bytes(self, real_path: str) -> bool:
        if self._program is None or self._tree.kind(real_path) != "file" or self._tree.kind(self._program) != "file":
            return False
        found = dict(self._tree.digests([(real_path, "sha256"), (self._program, "sha256")]))
        return isinstance(found.get(real_path), bytes) and found.get(real_path) == found.get(self._program)


def library_names(tree: FileTree, program: str, minor: str, threads: str) -> tuple[str, ...]:
    """Return the possible names of the standard library of *program* ``python3.14`` or ``python3.14t``.

    The first that exists counts. ``make install`` of a free-threaded build creates both names, as a hard link.
    """
    other = f"{posixpath.dirname(program)}/python{minor}t"
    if threads or (tree.kind(other) == "file" and SamePrograms(tree, program).is_same(other)):
        return (f"python{minor}t",)
    if program.endswith("-nogil"):  # the name in packages for Ubuntu
        return (f"python{minor}t", f"python{minor}")
    return (f"python{minor}", f"python{minor}t")
