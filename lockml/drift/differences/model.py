"""The nouns of a difference: what is compared, and each setting, package and file that is another one."""

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
    """One of the two: a *subject*, or a lock, of which that is None; *name* is how the user calls it.

    *prefix* and *python* are of its environment, "" of a lock; *layers* counts those of an image.
    """

    name: str
    subject: Subject | None = None
    prefix: str = ""
    python: str = ""
    layers: int = 0


class SettingChange(Struct, frozen=True, kw_only=True):
    """Something beside packages and files that decides what Python loads; None where one side has none."""

    name: str
    before: str | None
    after: str | None
    detail: str = ""


class PackageChange(Struct, frozen=True, kw_only=True):
    """One project that differs: *before* and *after* are its versions, None where it is not there.

    *files* says that the version is the same and its files are not; *detail* says more. *origin* says what brought
    it there, or removed it, *time* when that was written last, and *path* is its dist-info or egg-info.
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
    """One file that differs, with its sizes in bytes, None where it is not there, or is behind a link.

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
    """How many files were *added*, *removed* and *changed*."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    @property
    def total(self) -> int:
        """How many files differ."""
        return self.added + self.removed + self.changed


class FileGroup(Struct, frozen=True, kw_only=True):
    """The files that differ of one *owner*: a project, ``python`` for the interpreter and its library.

    Where no RECORD has them, *owner* is None, and *folder* is the one of the import path that they are in. *compiled*
    are counted apart from *files*. *origins* counts by what brought or removed them, *growth* is how many bytes more
    they are, and *changes* are examples, or all of them. *installers* counts those of *files* that an installer writes
    about itself.
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
        """How many files differ."""
        return self.files.total + self.compiled.total


class LayerChange(Struct, frozen=True, kw_only=True):
    """A layer that only one of two images has: its *number* of *count*, from 1 on, and the *step* that made it."""

    kind: Literal["added", "removed"]
    number: int
    count: int
    step: str


class Difference(Struct, frozen=True, kw_only=True):
    """All that differs between *before* and *after*, up to *level*; *problems* make it incomplete.

    *shared_layers* counts the lowest layers of two images that are the same, *layers* are the others, which may have
    brought nothing that Python sees. *compared* counts the files of both that
    were looked at, *recompiled* those compiled modules that are the same code for another time of their source.
    *accepted* counts what the configuration lets differ from a lock, and *notes* are of what was compared.
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
        """How many files differ."""
        return sum(group.total for group in self.groups)
