"""The nouns of a package index: a project, the files of its releases, and the metadata of one distribution."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, field
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.references import Reference

__all__ = [
    "Build",
    "CoreMetadata",
    "Dependency",
    "DirectSource",
    "DistributionFile",
    "DynamicMetadataError",
    "Elsewhere",
    "FileEntry",
    "MetadataError",
    "OtherIndex",
    "Project",
    "UnreadDependency",
]


_STRONG = frozenset({"sha256", "sha384", "sha512"})


class MetadataError(Exception):
    """The metadata of a distribution cannot be used; the text says why, as a phrase.

    Internal: never reaches the user; resolving makes a rejection of it, opening references a RequirementError.
    """


class DynamicMetadataError(MetadataError):
    """The metadata of a source archive or tree are known only after a build.

    Internal: never reaches the user; where a build is not allowed, it is treated as any MetadataError.
    """


class FileEntry(Struct, frozen=True, kw_only=True):
    """A file as a page lists it, its name split but its tags not yet read.

    *url* is absolute, *hashes* maps algorithms to hexadecimal digests, *upload_time* is RFC 3339 text (PEP 700),
    *yanked* the reason or "" for none given (PEP 592), *core_metadata* the hashes of the ``.metadata`` file beside it,
    {} where it is there without a hash, None where it is not advertised (PEP 658, 714). *local* is the path of a
    file of this machine, as the user named its folder. *fault* says why no installer could use it, "" if one can.
    *origin* is the address of the index that lists it, without a login, "" where the user named the file.
    """

    filename: str
    url: str
    hashes: Mapping[str, str]
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: str | None = None
    core_metadata: Mapping[str, str] | None = None
    local: str | None = None
    fault: str = ""
    origin: str = ""

    @property
    def hashed(self) -> bool:
        """Whether a hash is known that installers accept."""
        return not _STRONG.isdisjoint(self.hashes)


class DistributionFile(Struct, frozen=True, kw_only=True):
    """A wheel or an sdist of one release that some target can install."""

    entry: FileEntry
    project: NormalizedName
    version: Version
    kind: Literal["wheel", "sdist"]
    uploaded: datetime | None

    @property
    def filename(self) -> str:
        """The name of the file on the index."""
        return self.entry.filename

    @property
    def sha256(self) -> str | None:
        """The SHA-256 that the index names, hexadecimal, or None where it names none."""
        return self.entry.hashes.get("sha256")


class Project(Struct, frozen=True, kw_only=True):
    """A project on an index: its releases newest first, each with its files as listed.

    *skipped* lists which files cannot be used and why; *status* is PEP 792's, with *status_reason* where given.
    """

    name: NormalizedName
    index_url: str
    releases: Mapping[Version, tuple[FileEntry, ...]]
    skipped: tuple[tuple[str, str], ...] = ()
    status: str = "active"
    status_reason: str | None = None

    @property
    def versions(self) -> Sequence[Version]:
        """The versions of `releases` in their order; some are parsed only when they are looked at."""
        lazily = getattr(self.releases, "versions", None)
        return lazily if isinstance(lazily, Sequence) else tuple(self.releases)

    @property
    def uploads(self) -> Sequence[str]:
        """When the first file of each of `versions` was uploaded, ``2024-10-01T00:00:00`` (UTC), "" for not known."""
        known = getattr(self.releases, "uploads", ())
        return known if len(known) == len(self.releases) else [""] * len(self.releases)

    @property
    def only_prereleases(self) -> bool:
        """Whether no release is a stable one."""
        return all(version.is_prerelease for version in self.releases)


class OtherIndex(Struct, frozen=True, kw_only=True):
    """What an index that is not asked for a *project* lists of it; *words* are the options that use it."""

    project: Project
    words: str


class Elsewhere(Struct, frozen=True, kw_only=True):
    """The places that are *asked* for a project, as the user named them, and what *others* list.

    Those that are *unasked*, each with the options that use it, may have it, but not learn its name.
    """

    asked: tuple[str, ...] = ()
    others: tuple[OtherIndex, ...] = ()
    unasked: tuple[str, ...] = ()


class Build(Struct, frozen=True, kw_only=True):
    """How metadata were built: the *python* version, and the build requirements as pinned lines with their hashes."""

    python: str
    requirements: tuple[str, ...]


class Dependency(Struct, frozen=True, kw_only=True):
    """What a distribution needs (PEP 508), its name and extras normalized, the rest as normalized text, "" for none.

    Texts, because most of what a distribution lists is for other environments and extras, and is never looked into.
    """

    name: NormalizedName
    extras: tuple[NormalizedName, ...] = ()
    specifier: str = ""
    marker: str = ""
    url: str = ""

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        source = f" @ {self.url}{' ' if self.marker else ''}" if self.url else self.specifier
        return f"{self.name}{extras}{source}" + (f"; {self.marker}" if self.marker else "")


class UnreadDependency(Struct, frozen=True, kw_only=True):
    """A Requires-Dist that is no requirement: its *marker* says when it would count, *fault* what is wrong with it."""

    marker: str
    fault: str


class CoreMetadata(Struct, frozen=True, kw_only=True):
    """What a distribution says about itself (core metadata specification, PEP 566, 643, 685).

    *build* says how the metadata of a source tree was built, None if it was read. *unread_python* is the text of
    a Requires-Python that cannot be read; if one of *unread_dist* counts, what is needed is not known.
    """

    name: NormalizedName
    version: Version
    requires_dist: tuple[Dependency, ...] = ()
    requires_python: str | None = None
    provides_extra: frozenset[NormalizedName] = field(default_factory=frozenset)
    build: Build | None = None
    unread_python: str = ""
    unread_dist: tuple[UnreadDependency, ...] = ()


class DirectSource(Struct, frozen=True, kw_only=True):
    """What a direct reference holds: *file* where it is an archive, *commit* (hexadecimal) where a repository."""

    reference: Reference
    metadata: CoreMetadata
    file: DistributionFile | None = None
    commit: str | None = None
