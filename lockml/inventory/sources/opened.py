"""What every source gives: a subject whose files can be read, until it is closed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lockml.inventory.model import Runtime, Subject
from lockml.ports import FileTree

__all__ = ["ImageFiles", "OpenedSubject", "ReadOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a subject is read: for which *platforms*, in this order, and whether its files are *hashed* on the way.

    Only what comes as a stream is hashed on the way; what stands still is when somebody asks. What is immutable is kept
    in the folder *cache*, None for nowhere.
    """

    platforms: tuple[str, ...] = ("linux/amd64",)
    hashed: bool = False
    cache: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFiles:
    """An image by its *id*, and whether the file at a path that a subject *has* is still the image's."""

    id: str
    has: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedSubject:
    """A subject's files and how its process starts; *prefix* is the environment meant, None for the one it uses.

    *image* is what it was made of, where that is known and read where it stands.
    """

    subject: Subject
    tree: FileTree
    runtime: Runtime
    prefix: str | None = None
    image: ImageFiles | None = None
