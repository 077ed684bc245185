"""Digests of an image's files, kept from one check to the next: what an image has cannot change.

A container costs what it changed since: a file that its overlay does not have anew is its image's. Whoever can write to
the engine's own folders can change that behind the engine's back, so ``--no-cache`` hashes everything anew.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lockml.inventory.sources.opened import ImageFiles
from lockml.inventory.sources.writing import write_whole
from lockml.ports import Entry, FileKind, FileTree, Origin, UnreadableError

__all__ = ["KeptTree"]

_VERSION: Final = "digests-1"
_MAX_KEPT: Final = 1 << 28  # bytes of one image's digests


class KeptTree:
    """A *tree* whose digests of the files of an *image* are those of *folder*, as far as they are there.

    Call `keep` when all is read: what was new is written.
    """

    def __init__(self, tree: FileTree, image: ImageFiles, folder: Path) -> None:
        self._tree = tree
        self._image = image
        self._file = folder / _VERSION / hashlib.sha256(image.id.encode()).hexdigest()
        self._known = _load(self._file)
        self._new = False

    def kind(self, path: str) -> FileKind:
        """Say what *path* is, links followed."""
        return self._tree.kind(path)

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in the folder *path*, () where it is none; raises UnreadableError."""
        return self._tree.names(path)

    def entries(self, path: str) -> tuple[Entry, ...]:
        """Return what is in the folder *path*, sorted by name, () where it is none; raises UnreadableError."""
        return self._tree.entries(path)

    def read(self, path: str, limit: int) -> bytes | None:
        """Return at most *limit* bytes of the file *path*, None where it is none; raises UnreadableError."""
        return self._tree.read(path, limit)

    def resolve(self, path: str) -> str:
        """Return *path* with every link in it followed inside the tree."""
        return self._tree.resolve(path)

    def origin(self, path: str) -> Origin | None:
        """Return what brought the file at *path* there, None where that is not known."""
        return self._tree.origin(path)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the algorithm beside it, in any order."""
        ready: list[tuple[str, bytes]] = []
        of_image: dict[str, str] = {}

        def unknown() -> Iterator[tuple[str, str]]:
            for path, algorithm in wanted:
                if self._image.has(path):
                    key = f"{algorithm}:{path}"
                    if key in self._known:
                        ready.append((path, self._known[key]))
                        continue
                    of_image[path] = key
                yield path, algorithm

        for path, result in self._tree.digests(unknown()):
            if path in of_image and isinstance(result, bytes):
                self._known[of_image[path]] = result
                self._new = True
            yield path, result
            yield from ready
            ready.clear()
        yield from ready

    def keep(self) -> None:
        """Write what is new; where that cannot be, the next check takes as long as this one."""
        if not self._new:
            return
        with suppress(OSError):
            write_whole(self._file, msgspec.msgpack.encode(self._known))


def _load(file: Path) -> dict[str, bytes]:
    try:
        if file.stat().st_size > _MAX_KEPT:
            return {}
        return msgspec.msgpack.decode(file.read_bytes(), type=dict[str, bytes])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
