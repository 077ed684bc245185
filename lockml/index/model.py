"""The nouns of a package index: a project, the files of its releases, and the metadata of one distribution."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.references import Reference

__all__ = [
    "Build",
    "CoreMetadata",
    "DirectSource",
    "DistributionFile",
    "DynamicMetadataError",
    "FileEntry",
    "MetadataError",
    "Project",
]


_STRONG = frozenset({"sha256", "sha384", "sha512"})


class MetadataError(Exception):
    """The metadata of a distribution cannot be used; the text says why, as a phrase."""


class DynamicMetadataError(MetadataError):
    """The metadata of a source archive or tree are known only after a build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file as a page lists it, its name split but its tags not yet read.

    *url* is absolute, *hashes* maps algorithms to hexadecimal digests, *upload_time* is RFC 3339 text (PEP 700),
    *yanked* the reason or "" for none given (PEP 592), *core_metadata* the hashes of the ``.metadata`` file beside it,
    {} where it is there without a hash, None where it is not advertised (PEP 658, 714). *local* is the path of a
    file of this machine, as the user named its folder.
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

    @property
    def hashed(self) -> bool:
        """Whether a hash is known that installers accept."""
        return not _STRONG.isdisjoint(self.hashes)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionFile:
    """A wheel or an sdist of one release, ready to be judged: *tags* is empty for an sdist."""

    entry: FileEntry
    project: NormalizedName
    version: Version
    kind: Literal["wheel", "sdist"]
    tags: frozenset[Tag]
    requires_python: SpecifierSet | None
    uploaded: datetime | None

    @property
    def filename(self) -> str:
        """The name of the file on the index."""
        return self.entry.filename

    @property
    def sha256(self) -> str | None:
        """The SHA-256 that the index names, hexadecimal, or None where it names none."""
        return self.entry.hashes.get("sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project on an index: its releases newest first, each with its files as listed.

    *skipped* tells which files cannot be used and why; *status* is PEP 792's, with *status_reason* where given.
    """

    name: NormalizedName
    index_url: str
    releases: Mapping[Version, tuple[FileEntry, ...]]
    skipped: tuple[tuple[str, str], ...] = ()
    status: str = "active"
    status_reason: str | None = None

    @property
    def only_prereleases(self) -> bool:
        """Whether no release is a stable one."""
        return all(version.is_prerelease for version in self.releases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How metadata were built: the *python* version, and the build requirements as pinned lines with their hashes."""

    python: str
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """What a distribution says of itself (core metadata specification, PEP 566, 643, 685).

    *build* tells how a source tree was brought to say it, None where it is written down.
    """

    name: NormalizedName
    version: Version
    requires_dist: tuple[Requirement, ...] = ()
    requires_python: SpecifierSet | None = None
    provides_extra: frozenset[NormalizedName] = field(default_factory=frozenset)
    build: Build | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectSource:
    """What a direct reference holds: *file* where it is an archive, *commit* (hexadecimal) where a repository."""

    reference: Reference
    metadata: CoreMetadata
    file: DistributionFile | None = None
    commit: str | None = None
