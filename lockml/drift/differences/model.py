"""The data model of a difference: what is compared, and each setting, package and file that differs."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from lockml.drift.model import Level
from lockml.inventory.model import Problem, Subject

__all__ = [
    "Difference",
    "FileChange",
    "FileChangeKind",
    "FileCounts",
    "FileGroup",
    "LayerChange",
    "PackageChange",
    "PackageChangeKind",
    "SettingChange",
    "Side",
]

PackageChangeKind = Literal["added", "removed", "upgraded", "downgraded", "changed", "files", "source"]
FileChangeKind = Literal["added", "removed", "changed"]


class Side(Struct, frozen=True, kw_only=True):
    """One side of a comparison: a *subject*, or None for a lock; *name* is what the user called it.

    *prefix* and *python* describe its environment, "" for a lock; *layers* counts the layers of an image.
    """

    name: str
    subject: Subject | None = None
    prefix: str = ""
    python: str = ""
    layers: int = 0


class SettingChange(Struct, frozen=True, kw_only=True):
    """A setting besides packages and files that decides what Python loads; None for a side without it."""

    name: str
    before: str | None
    after: str | None
    detail: str = ""


class PackageChange(Struct, frozen=True, kw_only=True):
    """One project that differs: *before* and *after* are its versions, None if it is not installed.

    *files* says that the version is the same but its files differ; *detail* says more. *origin* says what added or
    removed it, *time* when that was last written, and *path* is its dist-info or egg-info.
    """

    kind: PackageChangeKind
    name: str
    before: str | None
    after: str | None
    detail: str = ""
    path: str | None = None
    origin: str | None = None
    time: str | None = None


class FileChange(Struct, frozen=True, kw_only=True):
    """One file that differs, with its sizes in bytes, None if it does not exist or is behind a link.

    *compiled* says that it is a compiled module.
    """

    kind: FileChangeKind
    path: str
    before: int | None = None
    after: int | None = None
    origin: str | None = None
    time: str | None = None
    detail: str = ""
    compiled: bool = False


class FileCounts(Struct, frozen=True, kw_only=True):
    """The numbers of files *added*, *removed* and *changed*."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    @property
    def total(self) -> int:
        """The number of files that differ."""
        return self.added + self.removed + self.changed


class FileGroup(Struct, frozen=True, kw_only=True):
    """The files of one *owner* that differ: a project, or ``python`` for the interpreter and its library.

    If no RECORD lists them, *owner* is None and *folder* is the entry of the import path that they are in. *compiled*
    are counted separately from *files*. *origins* counts by cause, *growth* is the change of size in bytes, and
    *changes* are examples, or all of them. *installers* counts those of *files* that an installer writes about itself.
    """

    owner: str | None
    folder: str
    files: FileCounts
    compiled: FileCounts
    origins: Mapping[str, int]
    growth: int
    changes: tuple[FileChange, ...]
    installers: int = 0

    @property
    def total(self) -> int:
        """The number of files that differ."""
        return self.files.total + self.compiled.total


class LayerChange(Struct, frozen=True, kw_only=True):
    """A layer that only one of two images has: its *number* of *count*, from 1, and the *step* that made it."""

    kind: Literal["added", "removed"]
    number: int
    count: int
    step: str


class Difference(Struct, frozen=True, kw_only=True):
    """Everything that differs between *before* and *after*, up to *level*; *problems* make it incomplete.

    *shared_layers* counts the lowest layers that two images share, *layers* are the others, which may have added
    nothing that Python sees. *compared* counts the files compared, *recompiled* the compiled modules with equal code
    for another time of their source. *accepted* counts what the configuration allows to differ from a
    lock, and *notes* describe how the comparison was made.
    """

    before: Side
    after: Side
    level: Level
    settings: tuple[SettingChange, ...] = ()
    packages: tuple[PackageChange, ...] = ()
    groups: tuple[FileGroup, ...] = ()
    layers: tuple[LayerChange, ...] = ()
    shared_layers: int = 0
    compared: int = 0
    recompiled: int = 0
    accepted: int = 0
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def different(self) -> bool:
        """Whether anything differs."""
        return bool(self.settings or self.packages or self.groups)

    @property
    def files(self) -> int:
        """The number of files that differ."""
        return sum(group.total for group in self.groups)
