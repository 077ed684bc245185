"""The lock: a standard pylock.toml (PEP 751) and lockml's own facts that stand in its tool tables."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field
from packaging.pylock import Package, Pylock
from packaging.utils import NormalizedName

from lockml.common.digest import ArtifactIdentity
from lockml.common.target import Target
from lockml.index.locations import NamedIndexes

__all__ = ["TOOLS", "Asked", "BaseImage", "Lock", "LockedArtifact", "LockedTool", "MadeWith"]

TOOLS: Final = frozenset({NormalizedName("pip"), NormalizedName("setuptools"), NormalizedName("wheel")})
"""What base images and virtual environments bring without being asked."""


class Asked(Struct, frozen=True, kw_only=True):
    """A requirement that led to the lock and the file that asks for it, relative to the lock."""

    requirement: str
    origin: str


class LockedArtifact(Struct, frozen=True, kw_only=True):
    """A wheel that the lock allows: its identity, or None with the *reason* why it has none."""

    wheel: str
    identity: ArtifactIdentity | None
    reason: str | None = None


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

    *kind* is the word that was before the reference, "" where it is not known; with *gives_target*, the target is the
    image's own.
    """

    reference: str
    layers: tuple[str, ...]
    kind: str = ""
    gives_target: bool = False


class MadeWith(Struct, frozen=True, kw_only=True):
    """What a lock was made with, so that it can be made again: the words of the *command*, and what it chose.

    *extras* and *groups* are those of the pyproject.toml.
    """

    command: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Lock(Struct, frozen=True, kw_only=True):
    """What is locked, for which target and for whom.

    *indexes* are those that the user named, without logins; *inputs* is the SHA-256 of everything that the choice
    depends on but the index, "" where the lock is not lockml's; *artifacts* maps each project to the wheels of it that
    may be installed, *extras* to the extras that somebody asks of it; *tools* has those
    wheels of `TOOLS` that are not locked and that a new environment has; *projects* are the user's own, which it was
    compiled for: they are not locked and may be installed all the same. *sha256* is that of the bytes that it was read
    from, "" where it was not read. *made_with* says how it is made again.
    """

    pylock: Pylock
    targets: tuple[Target, ...]
    requirements: tuple[Asked, ...] = ()
    indexes: NamedIndexes = field(default_factory=NamedIndexes)
    inputs: str = ""
    artifacts: Mapping[NormalizedName, tuple[LockedArtifact, ...]] = field(default_factory=dict)
    extras: Mapping[NormalizedName, tuple[str, ...]] = field(default_factory=dict)
    base_image: BaseImage | None = None
    sha256: str = ""
    tools: tuple[LockedTool, ...] = ()
    projects: tuple[NormalizedName, ...] = ()
    made_with: MadeWith = MadeWith()

    def package(self, name: NormalizedName) -> Package | None:
        """Return the first entry of *name*, or None where it is not locked for any target."""
        return next((package for package in self.pylock.packages if package.name == name), None)
