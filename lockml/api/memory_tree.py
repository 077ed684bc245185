"""A `FileTree` in memory for tests: files by path."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from lockml.inventory.file_tree import Entry, FileKind, Origin, UnreadableError
from lockml.subjects.tree.symlinks import PathEntry, resolve_inside

__all__ = ["MemoryTree"]

_MODIFIED: Final = 1_700_000_000  # a moment in November 2023
_DENIED: Final = "Permission denied"


class MemoryTree:
    """Files by absolute path; *links* by path with their targets, *locked* paths cannot be read.

    *modified* says when files were changed, in seconds since 1970, else in November 2023.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        links: Mapping[str, str] | None = None,
        locked: tuple[str, ...] = (),
        modified: Mapping[str, int] | None = None,
    ) -> None:
        self._modified = modified or {}
        self._places: dict[str, PathEntry] = {}
        self._files = dict(files)
        self._locked = locked
        for path in files:
            self._places[path] = PathEntry("file")
        for path, target in (links or {}).items():
            self._places[path] = PathEntry("link", target)
        for path in list(self._places):
            parts = path.split("/")[1:-1]
            for count in range(len(parts) + 1):
                self._places.setdefault("/" + "/".join(parts[:count]), PathEntry("folder"))

    def resolve(self, path: str) -> str:
        """Return *path* after following every link inside the tree."""
        return resolve_inside(path, self._places.get)

    def kind(self, path: str) -> FileKind:
        """Return the entry at *path*, following links."""
        place = self._places.get(self.resolve(path))
        if place is None or place.kind not in ("file", "folder"):
            return "missing"
        return "file" if place.kind == "file" else "folder"

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () if it is not a folder; raises UnreadableError."""
        folder = self.resolve(path).rstrip("/")
        if path in self._locked:
            raise UnreadableError(path, _DENIED)
        inside = (place.removeprefix(f"{folder}/") for place in self._places if place.startswith(f"{folder}/"))
        return tuple(sorted({name for name in inside if name and "/" not in name}))

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None if it is not a file; raises UnreadableError."""
        place = self.resolve(path)
        if place in self._locked:
            raise UnreadableError(path, _DENIED)
        return self._files[place][:limit] if place in self._files else None

    def image_content(self, path: str, limit: int) -> bytes | None:  # noqa: ARG002 - FileTree's signature
        """Return None: the tree has no image."""
        return None

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return the entries of the folder *path*, sorted by name, () if it is not a folder; raises UnreadableError."""
        folder = self.resolve(path).rstrip("/")
        return tuple(self._entry(f"{folder}/{name}", name) for name in self.names(path))

    def _entry(self, path: str, name: str) -> Entry:
        modified = self._modified.get(path, _MODIFIED)
        return Entry(name, self._places[path].kind, len(self._files.get(path, b"")), modified)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the algorithm beside it."""
        for path, algorithm in wanted:
            if path in self._locked:
                yield path, UnreadableError(path, _DENIED)
            else:
                yield path, hashlib.new(algorithm, self._files[path]).digest()

    def origin(self, path: str) -> Origin | None:  # noqa: ARG002 - FileTree's signature
        """Return None: the tree has no layers."""
        return None

    def removed(self, path: str) -> Mapping[str, Origin]:  # noqa: ARG002 - FileTree's signature
        """Return nothing: the tree has no layers."""
        return {}
