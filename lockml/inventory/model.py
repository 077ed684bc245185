"""The nouns of what is there: an environment, its installed distributions, and what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from lockml.digest import RecordRow
from lockml.target import Libc

__all__ = [
    "DirectUrl",
    "InstalledDistribution",
    "Inventory",
    "Problem",
    "PythonEnvironment",
    "Runtime",
    "Subject",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is looked at: *kind* is container, image or path, *name* as given, *details* what else is known."""

    kind: str
    name: str
    details: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """How the subject's process starts, as far as it decides which Python it means: variables and working folder.

    *environment* has no PATH where that is not known.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is there but could not be read: the result is incomplete."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectUrl:
    """Where a distribution came from (PEP 610): *commit* is that of a repository, *hashes* those of an archive."""

    url: str
    editable: bool = False
    commit: str | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledDistribution:
    """A dist-info (PEP 376, PEP 627) or egg-info directly in a library folder.

    *folder* is its own path, *site_folder* the library folder; *record* holds the rows of RECORD, None where there is
    none, with the reason in *no_record*; *source* is what direct_url.json tells (PEP 610), None for an index.
    """

    name: NormalizedName
    version: str
    folder: str
    site_folder: str
    record: tuple[RecordRow, ...] | None
    no_record: str | None = None
    installer: str | None = None
    source: DirectUrl | None = None

    @property
    def editable(self) -> bool:
        """Whether its code is used where it is worked on (PEP 660)."""
        return self.source is not None and self.source.editable

    @property
    def dist_info(self) -> str:
        """The name of its folder, without the path."""
        return self.folder.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonEnvironment:
    """A Python and what it can import: *site_folders* in the order of its import path.

    *python* is ``3.11.2``, or ``3.11`` where the patch release cannot be told; *machine* and *libc* are None where the
    files do not tell. *linked_folders* are those of the site folders that a .pth file names: what is in them is where
    somebody works on it.
    """

    prefix: str
    python: str
    machine: str | None
    libc: Libc | None
    site_folders: tuple[str, ...]
    linked_folders: tuple[str, ...] = ()
    distributions: tuple[InstalledDistribution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What is installed in the environment that the subject uses; *others* are the prefixes of its other ones."""

    subject: Subject
    environment: PythonEnvironment
    others: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
