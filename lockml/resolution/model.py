"""The nouns of resolving: the policy that rules it, and the pins that come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.index.model import DistributionFile
from lockml.requirements.model import Requirement
from lockml.target import Target

__all__ = ["Pin", "Policy", "Preferences", "Resolution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may be chosen: *exclude_newer* hides files uploaded at or after that moment (aware UTC)."""

    prereleases: bool = False
    exclude_newer: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The versions to keep while they still fit, as an earlier lock pinned them."""

    versions: Mapping[NormalizedName, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One chosen release: its files that suit the target, the preferred first, and what it needs there.

    *extras* are those asked of it, *dependencies* the names that it and they need on the target, *yanked* the reason
    why its release was yanked, None where it was not.
    """

    name: NormalizedName
    version: Version
    extras: tuple[NormalizedName, ...]
    files: tuple[DistributionFile, ...]
    dependencies: tuple[NormalizedName, ...]
    requires_python: str | None
    index_url: str
    yanked: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """Every pin, sorted by name, with the requirements that apply to *target* and the warnings to tell."""

    target: Target
    pins: tuple[Pin, ...]
    requirements: tuple[Requirement, ...]
    warnings: tuple[str, ...] = ()
