"""What every source yields: a subject whose files can be read until it is closed."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from lockml.common.progress import Progress, silent
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import Runtime, Subject

__all__ = ["ImageFiles", "OpenedSubject", "ReadOptions"]


class ReadOptions(Struct, frozen=True, kw_only=True):
    """How a subject is read: for which *platforms*, in this order, and whether its files are *hashed* in passing.

    Only streams are hashed in passing; what can be read again is hashed on request. Immutable data is cached in the
    folder *cache*, None for no cache. *progress* is called as files are read.
    """

    platforms: tuple[str, ...] = ("linux/amd64",)
    hashed: bool = False
    cache: Path | None = None
    progress: Progress = silent


def _all_of_image(paths: Sequence[str]) -> list[bool]:
    return [True] * len(paths)


class ImageFiles(Struct, frozen=True, kw_only=True):
    """The files of an image, read from its layers, without any change by a running container.

    *id* and *folders*, topmost layer first, identify it. The subject *has* the image's file at a path as far as it was
    read; *still* returns, for several, whether it shows the image's during the call. An image itself always does.
    """

    id: str
    folders: tuple[str, ...]
    files: FileTree
    has: Callable[[str], bool] = lambda _: True
    still: Callable[[Sequence[str]], Sequence[bool]] = _all_of_image

    @property
    def key(self) -> str:
        """The cache key of this image, which can be used as a file name."""
        return hashlib.sha256("\n".join((self.id, *self.folders)).encode("utf-8", "surrogateescape")).hexdigest()


class OpenedSubject(Struct, frozen=True, kw_only=True):
    """A subject's files and how its process starts; *prefix* is the named environment, None for the one it uses.

    *image* is what it was made from, if that is known and can be read in place.
    """

    subject: Subject
    tree: FileTree
    runtime: Runtime
    prefix: str | None = None
    image: ImageFiles | None = None
