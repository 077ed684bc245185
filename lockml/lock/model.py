"""The lock: a standard pylock.toml (PEP 751) and lockml's own facts that stand in its tool tables."""

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
"""What base images and virtual environments bring without being asked."""

USUAL_REQUIREMENTS: Final = "requirements.txt"
"""The requirements file that `compile` writes unless another is named."""

EVERY: Final = "*"
"""Stands among default groups for all that there are."""


class Asked(Struct, frozen=True, kw_only=True):
    """A requirement that led to the lock and the file that asks for it, relative to the lock."""

    requirement: str
    origin: str


class LockedArtifact(Struct, frozen=True, kw_only=True):
    """A wheel that the lock allows: its identity, or None with the *reason* why it has none."""

    wheel: str
    identity: ArtifactIdentity | None
    reason: str | None = None


class RecordedBuild(Struct, frozen=True, kw_only=True):
    """What a build of a project made, as `lockml record` found it installed.

    *wheel* is the file name that the wheel must have had, *source* the commit, or ``sha256:…``, that it was built of.
    *found_in* is the subject, *image* the identifier of its image, "" for none, *date* is ISO 8601; *requires* is what
    the build says that it needs.
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
    """A wheel of one of `TOOLS`, as the index had it: it is not locked and may be installed all the same.

    *url* and *sha256* (hexadecimal) are those of the wheel, "" where they are not known.
    """

    name: NormalizedName
    version: str
    wheel: str
    identity: ArtifactIdentity
    url: str = ""
    sha256: str = ""


class BaseImage(Struct, frozen=True, kw_only=True):
    """The image that was locked for: its *reference* as given, and the digests of its *layers* without compression.

    *constraints* are the files of it that bound what is installed in it.
    *kind* is the word that was before the reference, "" where it is not known; with *gives_target*, the target is the
    image's own. *cuda* is its CUDA, *requires* what it asks of drivers (NVIDIA_REQUIRE_…), and *accelerator* the one
    that it is for, "" and () where it does not say.
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
    """A file of the base image that bounds what is installed in it: its *path*, its *sha256*, and its *lines*."""

    path: str
    sha256: str
    lines: tuple[str, ...]


class ProvidedPackage(Struct, frozen=True, kw_only=True):
    """What the base image has, is not installed again, and is checked: *record* is the digest of its RECORD.

    *record* is ``sha256:…``, or ``list-sha256:…`` of what package lists say where it has none, "" where neither tells;
    *owner* is the package manager's package that brought it, and *origin* the layer. It *needs* these projects.
    """

    name: NormalizedName
    version: str
    record: str = ""
    owner: str = ""
    origin: str = ""
    needs: tuple[NormalizedName, ...] = ()


class ProvidedPackages(Struct, frozen=True, kw_only=True):
    """The *packages* of the base image that the *selection* names, as given, and what they mean (`Provided`).

    *virtual* is the prefix of the virtual environment that they are in, "" for the system's Python.
    """

    selection: tuple[str, ...] = ()
    mode: str = "keep"
    virtual: str = ""
    packages: tuple[ProvidedPackage, ...] = ()


class MadeWith(Struct, frozen=True, kw_only=True):
    """What a lock was made with, so that it can be made again: the words of the *command*, and what it chose.

    *extras* and *groups* are those of the pyproject.toml.
    """

    command: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def requirements(self) -> str:
        """The requirements file that was written with the lock, as the command names it."""
        words = iter(self.command)
        return next((next(words, "") for word in words if word == setting("output")), "") or USUAL_REQUIREMENTS


class Need(Struct, frozen=True, kw_only=True):
    """That something needs a *node* of a graph, with *extras* of it, where *marker* holds.

    The marker may ask for extras and groups, as PEP 751's do: ``'gpu' in extras``; "" holds everywhere. Where the lock
    does not say which of several is meant, any *others* will do: that which something else needs, or the first.
    """

    node: int
    extras: tuple[str, ...] = ()
    marker: str = ""
    others: tuple["Need", ...] = ()


class Node(Struct, frozen=True, kw_only=True):
    """A package by its position in the lock, None for what is not installed, and what it needs.

    That is what it needs *always*, with each of its *extras*, and with each of its *groups* where it is a root.
    """

    package: int | None = None
    always: tuple[Need, ...] = ()
    extras: Mapping[str, tuple[Need, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[Need, ...]] = field(default_factory=dict)


class RecordedBase(Struct, frozen=True, kw_only=True):
    """What a lock says of a lock that it is based on: its *path*, and the digest of its packages.

    With *subset*, it is a part of that one. *relaxed* are the projects that may have another version.
    """

    path: str
    sha256: str
    subset: bool = False
    relaxed: tuple[str, ...] = ()


class DependencyGraph(Struct, frozen=True, kw_only=True):
    """Who needs what in a lock of another tool, from its *roots*, the user's own projects.

    *default_groups* are those that the tool installs unless told otherwise; with *alternative_groups*, which are whole
    environments, one that is chosen stands in place of them. *words* are those by which markers of a
    lock with conflicting extras ask for one: each stands for a node, and an extra or group of it, "" for itself.
    """

    nodes: tuple[Node, ...]
    roots: tuple[int, ...]
    default_groups: tuple[str, ...] = ()
    alternative_groups: bool = False
    words: Mapping[str, tuple[int, str]] = field(default_factory=dict)


class Choice(Struct, frozen=True, kw_only=True):
    """Which extras and groups of a lock are meant, beside what its tool installs by default.

    *without_groups* are left out of those; with *all_extras* and *all_groups*, every one counts.
    """

    extras: frozenset[str] = frozenset()
    all_extras: bool = False
    groups: frozenset[str] = frozenset()
    without_groups: frozenset[str] = frozenset()
    all_groups: bool = False
    default_groups: bool = True


class Lock(Struct, frozen=True, kw_only=True):
    """What is locked, for which target and for whom.

    *indexes* are those that the user named, without logins; *inputs* is the SHA-256 of everything that the choice
    depends on but the index, "" where the lock is not lockml's; *artifacts* maps each project to the wheels of it that
    may be installed, *extras* to the extras that somebody asks of it; *tools* has those
    wheels of `TOOLS` that are not locked and that a new environment has; *projects* are the user's own, which it was
    compiled for: they are not locked and may be installed all the same. *provided* are what the base image has and is
    not installed again. *sha256* is that of the bytes that it was read from, "" where it was not read. *made_with* says
    how it is made again. *accelerator* is what it was compiled for, ``cpu`` or ``cu128``, "" where nobody named one.

    A lock of another tool has the name of its *format* instead of targets and artifacts. Where that knows who needs
    what, *graph* says which of the packages are meant by a *choice*; else the markers of the packages do. *hashes* are
    the digests (``sha256:…``) that it allows of a package whose files it does not name, by position. *notes* say what
    of it is not read.

    *built* are the packages that an image builds, *recorded* what such builds made; *build* is the lock of what the
    builds need, None for nothing. *bases* are the locks that it is based on.
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
        """What the base image has and nothing is locked to be installed over."""
        locked = {package.name for package in self.pylock.packages}
        return tuple(each for each in self.provided.packages if each.name not in locked)

    def package(self, name: NormalizedName) -> Package | None:
        """Return the first entry of *name*, or None where it is not locked for any target."""
        return next((package for package in self.pylock.packages if package.name == name), None)


class BaseLock(Struct, frozen=True, kw_only=True):
    """A lock that another one stands on: its *path* as that one names it, and its *lock*, paths seen from there.

    Its pins, hashes and identities are those of the other, but for the projects that *relaxed* names (``torch``,
    ``nvidia-*``). With *subset*, the other is a part of it. *sha256* is the digest of its packages (hexadecimal), and
    *lines* are where its pins are written, by project.
    """

    path: str
    lock: Lock
    sha256: str
    subset: bool = False
    relaxed: tuple[str, ...] = ()
    lines: Mapping[NormalizedName, int] = field(default_factory=dict)

    def binds(self, name: NormalizedName) -> bool:
        """Say whether its pin of the project *name* holds."""
        return not any(fnmatchcase(name, pattern) for pattern in self.relaxed)
