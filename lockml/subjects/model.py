"""What every source gives: a subject whose files can be read until it is closed."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from lockml.common.progress import Progress, silent
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import Runtime, Subject

__all__ = ["ImageFiles", "OpenedSubject", "ReadOptions"]


class ReadOptions(Struct, frozen=True, kw_only=True):
    """How a subject is read: for which *platforms*, in this order, and whether its files are *hashed* on the way.

    Only what comes as a stream is hashed on the way; what can be read again is hashed when somebody asks. What is
    immutable is kept in the folder *cache*, None for nowhere. *progress* hears of what is read.
    """

    platforms: tuple[str, ...] = ("linux/amd64",)
    hashed: bool = False
    cache: Path | None = None
    progress: Progress = silent


def _all_of_image(paths: Sequence[str]) -> list[bool]:
    return [True] * len(paths)


class ImageFiles(Struct, frozen=True, kw_only=True):
    """The files of an image, read where its layers are: nothing that runs has a part in them.

    *id* and *folders* name it, the topmost layer first. The subject *has* the image's file at a path as far as anybody
    looked; *still* says of several whether it shows the image's at a moment of the call. An image itself always does.
    """

    id: str
    folders: tuple[str, ...]
    files: FileTree
    has: Callable[[str], bool] = lambda _: True
    still: Callable[[Sequence[str]], Sequence[bool]] = _all_of_image

    @property
    def key(self) -> str:
        """What names this image among all that anything is kept of, fit for the name of a file."""
        return hashlib.sha256("\n".join((self.id, *self.folders)).encode("utf-8", "surrogateescape")).hexdigest()


class OpenedSubject(Struct, frozen=True, kw_only=True):
    """A subject's files and how its process starts; *prefix* is the environment meant, None for the one it uses.

    *image* is what it was made of, where that is known and can be read in place.
    """

    subject: Subject
    tree: FileTree
    runtime: Runtime
    prefix: str | None = None
    image: ImageFiles | None = None
