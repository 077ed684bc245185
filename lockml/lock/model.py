"""The lock: a standard pylock.toml (PEP 751) and the facts of lockml in its tool tables."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct, field
from packaging.pylock import Package, Pylock
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.built import Built
from lockml.index.locations import NamedIndexes

__all__ = [
    "EVERY",
    "TOOLS",
    "USUAL_REQUIREMENTS",
    "Asked",
    "BaseImage",
    "BaseLock",
    "Choice",
    "DependencyGraph",
    "Lock",
    "LockedArtifact",
    "LockedTool",
    "MadeWith",
    "Need",
    "Node",
    "RecordedBase",
    "RecordedBuild",
]

TOOLS: Final = frozenset({NormalizedName("pip"), NormalizedName("setuptools"), NormalizedName("wheel")})
"""The installers that base images and virtual environments bring."""

USUAL_REQUIREMENTS: Final = "requirements.txt"
"""The default requirements file of `compile`."""

EVERY: Final = "*"
"""A default group that means all groups."""


class Asked(Struct, frozen=True, kw_only=True):
    """A requirement of the lock, and the file with it, relative to the lock."""

    requirement: str
    origin: str


class LockedArtifact(Struct, frozen=True, kw_only=True):
    """A wheel that the lock allows: its identity, or None with the *reason*."""

    wheel: str
    identity: ArtifactIdentity | None
    reason: str | None = None


class RecordedBuild(Struct, frozen=True, kw_only=True):
    """The result of building a project, as `lockml record` found it installed.

    *wheel* is the file name that the wheel must have had, *source* the commit, or ``sha256:…``, of its source.
    *found_in* is the subject, *image* the identifier of its image, "" for none, *date* is ISO 8601; *requires* are the
    dependencies in its metadata.
    """

    name: NormalizedName
    version: Version
    wheel: str
    identity: ArtifactIdentity
    source: str
    found_in: str
    date: str
    image: str = ""
    requires: tuple[str, ...] = ()


class LockedTool(Struct, frozen=True, kw_only=True):
    """A wheel of one of `TOOLS` from the index: it is not locked but may be installed.

    *url* and *sha256* (hexadecimal) are those of the wheel, "" if unknown.
    """

    name: NormalizedName
    version: str
    wheel: str
    identity: ArtifactIdentity
    url: str = ""
    sha256: str = ""


class BaseImage(Struct, frozen=True, kw_only=True):
    """The base image of a lock: its *reference* as given, and the digests of its uncompressed *layers*.

    *constraints* are its constraint files. *kind* is the word before the reference, "" if unknown; with
    *gives_target*, the target is that of the image. *cuda* is its CUDA, *requires* its requirements on drivers
    (NVIDIA_REQUIRE_…), and *accelerator* the one that it is for, "" and () if it does not say.
    """

    reference: str
    layers: tuple[str, ...]
    kind: str = ""
    gives_target: bool = False
    cuda: str = ""
    requires: tuple[str, ...] = ()
    accelerator: str = ""
    constraints: tuple["ImageConstraints", ...] = ()


class ImageConstraints(Struct, frozen=True, kw_only=True):
    """A constraint file of the base image: its *path*, its *sha256*, and its *lines*."""

    path: str
    sha256: str
    lines: tuple[str, ...]


class ProvidedPackage(Struct, frozen=True, kw_only=True):
    """A package of the base image that is not installed again but checked: *record* is the digest of its RECORD.

    *record* is ``sha256:…``, ``list-sha256:…`` of its package list if it has no RECORD, or "" without either; *owner*
    is the package of the package manager, and *origin* the layer. It *needs* these projects.
    """

    name: NormalizedName
    version: str
    record: str = ""
    owner: str = ""
    origin: str = ""
    needs: tuple[NormalizedName, ...] = ()


class ProvidedPackages(Struct, frozen=True, kw_only=True):
    """The *packages* of the base image that *selection* names, as given, and their *mode* (`Provided`).

    *virtual* is the prefix of their virtual environment, "" for the system's Python.
    """

    selection: tuple[str, ...] = ()
    mode: str = "keep"
    virtual: str = ""
    packages: tuple[ProvidedPackage, ...] = ()


class MadeWith(Struct, frozen=True, kw_only=True):
    """The *command* that made a lock, and its *extras* and *groups* of the pyproject.toml.

    With them, the lock can be made again.
    """

    command: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def requirements(self) -> str:
        """The requirements file that the command wrote with the lock."""
        words = iter(self.command)
        return next((next(words, "") for word in words if word == setting("output")), "") or USUAL_REQUIREMENTS


class Need(Struct, frozen=True, kw_only=True):
    """A dependency on a *node* of a graph, with *extras* of it, if *marker* holds.

    The marker may test extras and groups, like those of PEP 751: ``'gpu' in extras``; "" always holds. If the lock does
    not say which of several nodes is meant, any of *others* will do: one that something else needs, or the first.
    """

    node: int
    extras: tuple[str, ...] = ()
    marker: str = ""
    others: tuple["Need", ...] = ()


class Node(Struct, frozen=True, kw_only=True):
    """A package by its position in the lock, None if it is not installed, with its dependencies.

    These are what it needs *always*, with each of its *extras*, and, for a root, with each of its *groups*.
    """

    package: int | None = None
    always: tuple[Need, ...] = ()
    extras: Mapping[str, tuple[Need, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Need, ...]] = field(default_factory=dict)


class RecordedBase(Struct, frozen=True, kw_only=True):
    """A base as a lock records it: its *path*, and the digest of its packages.

    With *subset*, the lock is a part of it. *relaxed* are the projects that may have another version.
    """

    path: str
    sha256: str
    subset: bool = False
    relaxed: tuple[str, ...] = ()


class DependencyGraph(Struct, frozen=True, kw_only=True):
    """The dependency graph of another tool's lock, from its *roots*, the user's own projects.

    *default_groups* are those that the tool installs by default; with *alternative_groups*, which are entire
    environments, a chosen one replaces them. *words* are the names that markers of a lock with conflicting extras use:
    each means a node, and an extra or group of it, "" for the node.
    """

    nodes: tuple[Node, ...]
    roots: tuple[int, ...]
    default_groups: tuple[str, ...] = ()
    alternative_groups: bool = False
    words: Mapping[str, tuple[int, str]] = field(default_factory=dict)


class Choice(Struct, frozen=True, kw_only=True):
    """The extras and groups of a lock to include, beside those that its tool installs by default.

    *without_groups* are excluded from those; *all_extras* and *all_groups* include every one.
    """

    extras: frozenset[str] = frozenset()
    all_extras: bool = False
    groups: frozenset[str] = frozenset()
    without_groups: frozenset[str] = frozenset()
    all_groups: bool = False
    default_groups: bool = True


class Lock(Struct, frozen=True, kw_only=True):
    """A lock: its packages, targets and requirements.

    *indexes* are those that the user named, without credentials. *inputs* is the SHA-256 of everything but the index
    that decides the lock, "" for a lock of another tool. *artifacts* maps each project to its wheels that may be
    installed, *extras* to the extras that are required of it. *tools* are wheels of `TOOLS` that are not locked but in
    every new environment; *projects* are the user's own, which are not locked but may be installed. *provided* are the
    packages of the base image that are not installed again. *sha256* is the digest of the bytes that the lock was read
    from, "" if it was not read. *made_with* says how to make it again. *accelerator* is what it was compiled for,
    ``cpu`` or ``cu128``, "" for none.

    A lock of another tool has the name of its *format* instead of targets and artifacts. If the format has a dependency
    graph, *graph* says which packages a *choice* includes; else the markers of the packages do. *hashes* are the
    digests (``sha256:…``) of a package whose files the lock does not name, by position. *notes* say what was not read.

    *built* are the packages that an image builds, *recorded* the results of such builds; *build* is the lock of what
    the builds need, None for nothing. *bases* are the locks that it is based on.
    """

    pylock: Pylock
    targets: tuple[Target, ...]
    requirements: tuple[Asked, ...] = ()
    indexes: NamedIndexes = field(default_factory=NamedIndexes)
    inputs: str = ""
    artifacts: Mapping[NormalizedName, tuple[LockedArtifact, ...]] = field(default_factory=dict)
    extras: Mapping[NormalizedName, tuple[str, ...]] = field(default_factory=dict)
    base_image: BaseImage | None = None
    provided: ProvidedPackages = ProvidedPackages()
    sha256: str = ""
    tools: tuple[LockedTool, ...] = ()
    projects: tuple[NormalizedName, ...] = ()
    made_with: MadeWith = MadeWith()
    accelerator: str = ""
    format: str = ""
    graph: DependencyGraph | None = None
    choice: Choice = Choice()
    hashes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    built: tuple[Built, ...] = ()
    recorded: tuple[RecordedBuild, ...] = ()
    build: "Lock | None" = None
    bases: tuple[RecordedBase, ...] = ()

    def is_built(self, name: NormalizedName) -> bool:
        """Say whether an image builds the project *name*."""
        return any(each.name == name for each in self.built)

    @property
    def left_to_base(self) -> tuple[ProvidedPackage, ...]:
        """The packages of the base image that no locked package replaces."""
        locked = {package.name for package in self.pylock.packages}
        return tuple(each for each in self.provided.packages if each.name not in locked)

    def package(self, name: NormalizedName) -> Package | None:
        """Return the first entry of *name*, or None if it is not locked for any target."""
        return next((package for package in self.pylock.packages if package.name == name), None)


class BaseLock(Struct, frozen=True, kw_only=True):
    """A lock that another one is based on: its *path* as that names it, and its *lock*, with paths relative to that.

    The other lock has its pins, hashes and identities, except for projects that *relaxed* names (``torch``,
    ``nvidia-*``). With *subset*, the other is a part of it. *sha256* is the digest of its packages (hexadecimal), and
    *lines* are the lines of its pins, by project.
    """

    path: str
    lock: Lock
    sha256: str
    subset: bool = False
    relaxed: tuple[str, ...] = ()
    lines: Mapping[NormalizedName, int] = field(default_factory=dict)

    def binds(self, name: NormalizedName) -> bool:
        """Say whether the other lock must have its pin of the project *name*."""
        return not any(fnmatchcase(name, pattern) for pattern in self.relaxed)
