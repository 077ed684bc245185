"""Cache digests of an image's files between checks: the files of an image cannot change.

They cover the files in the image's layers, never what a container shows. Checking a container costs only what it
changed: a file that its overlay does not have is its image's. Anyone who can write to the engine's own folders can
change an image without the engine noticing, so ``--no-cache`` hashes everything again.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lockml.common.private_files import PrivateFolder
from lockml.inventory.file_tree import FileTree, ForwardingTree, UnreadableError
from lockml.subjects.model import ImageFiles

__all__ = ["DIGESTS", "KeptTree"]

DIGESTS: Final = "digests-2"
"""The name of their folder inside the cache."""

_MAX_KEPT: Final = 1 << 28  # bytes of one image's inventory digests
_TOGETHER: Final = 512  # files that are checked together for still being the image's
_Stored = tuple[str, dict[str, bytes]]  # the image's key, and digests by algorithm and path


class KeptTree(ForwardingTree):
    """A *tree* that takes digests of an *image*'s files from the cache in *folder*, if it has them.

    Call `keep` when everything is read: it writes what was new.
    """

    def __init__(self, tree: FileTree, image: ImageFiles, folder: Path) -> None:
        super().__init__(tree)
        self._image = image
        self._folder = folder / DIGESTS
        self._key = image.key
        self._digests = self._load()
        self._new = False

    @property
    def known(self) -> int:
        """The number of cached digests."""
        return len(self._digests)

    def digests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Yield each path of *wanted* with the digest of its file by the given algorithm, in any order.

        The digest of the image's file is returned if the subject still showed that file at a moment after the path was
        requested and the file was hashed. If the subject has its own file by then, that one is hashed.
        """
        own: list[tuple[str, str]] = []
        ready: list[tuple[str, str, bytes]] = []
        asked: dict[str, str] = {}
        for path, result in self._image.files.digests(self._unknown(wanted, asked, ready, own)):
            algorithm = asked.pop(path)
            if isinstance(result, bytes):
                self._digests[f"{algorithm}:{path}"] = result
                self._new = True
                ready.append((path, algorithm, result))
            else:
                own.append((path, algorithm))
            if len(ready) >= _TOGETHER:
                yield from self._settled(ready, own)
        yield from self._settled(ready, own)
        yield from self._tree.digests(own)

    def _unknown(
        self,
        wanted: Iterable[tuple[str, str]],
        asked: dict[str, str],
        ready: list[tuple[str, str, bytes]],
        own: list[tuple[str, str]],
    ) -> Iterator[tuple[str, str]]:
        """Yield those of *wanted* that the image has and that are not hashed yet, noted in *asked*; sort the rest."""
        for path, algorithm in wanted:
            stored = self._digests.get(f"{algorithm}:{path}")
            if not self._image.has(path) or path in asked:
                own.append((path, algorithm))
            elif stored is not None:
                ready.append((path, algorithm, stored))
            else:
                asked[path] = algorithm
                yield path, algorithm

    def _settled(
        self, ready: list[tuple[str, str, bytes]], own: list[tuple[str, str]]
    ) -> Iterator[tuple[str, bytes | UnreadableError]]:
        """Empty *ready*: yield the files that are still the image's, and add the rest to *own*."""
        settled, ready[:] = ready[:], []
        for (path, algorithm, digest), still in zip(
            settled, self._image.still([each[0] for each in settled]), strict=True
        ):
            if still:
                yield path, digest
            else:
                own.append((path, algorithm))

    def keep(self) -> None:
        """Write what is new; if that fails, the next check takes as long as this one."""
        if not self._new:
            return
        with suppress(OSError, UnicodeEncodeError), PrivateFolder(self._folder) as folder:
            folder.write(self._key, (msgspec.msgpack.encode((self._key, self._digests)),))

    def _load(self) -> dict[str, bytes]:
        with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            with PrivateFolder(self._folder, made=False) as folder:
                content = folder.read(self._key, _MAX_KEPT)
            key, stored = msgspec.msgpack.decode(content, type=_Stored) if content is not None else ("", {})
            return stored if key == self._key else {}
        return {}
