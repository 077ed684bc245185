"""The nouns of resolving: the policy that rules it, and the pins that come of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.target import Target
from lockml.index.model import Build, DirectSource, DistributionFile
from lockml.requirements.model import Requirement

__all__ = ["Pin", "Policy", "Preferences", "ProjectSelection", "Resolution", "Strategy", "parse_selection"]

Strategy = Literal["highest", "lowest", "lowest-direct"]
"""Which release is tried first: the newest, the oldest, or the oldest of what the user names and else the newest."""


class ProjectSelection(Struct, frozen=True, kw_only=True):
    """Some projects, or with *everything* all of them."""

    everything: bool = False
    names: frozenset[NormalizedName] = frozenset()

    def __contains__(self, name: NormalizedName) -> bool:
        return self.everything or name in self.names

    def __str__(self) -> str:
        return ":all:" if self.everything else ",".join(sorted(self.names))


def parse_selection(texts: Iterable[str]) -> ProjectSelection:
    """Return the projects that *texts* name as pip's ``--no-binary`` does: ``:all:``, ``:none:``, ``a,b``."""
    selection = ProjectSelection()
    for text in (part.strip() for many in texts for part in many.split(",")):
        if text == ":all:":
            selection = ProjectSelection(everything=True)
        elif text == ":none:":
            selection = ProjectSelection()
        elif text:
            selection = replace(selection, names=selection.names | {canonicalize_name(text)})
    return selection


class Policy(Struct, frozen=True, kw_only=True):
    """What may be chosen, and what is tried first.

    *exclude_newer* hides files uploaded at or after that moment (aware UTC), *exclude_newer_age* is the age it was
    given as; the wheels of *no_binary* and the sdists of *only_binary* are hidden; what requires the projects of
    *excludes* does not count; only code of *allow_build* is run to learn what it needs. The search is given up after
    *max_rounds* pins.
    """

    prereleases: bool = False
    exclude_newer: datetime | None = None
    exclude_newer_age: str | None = None
    strategy: Strategy = "highest"
    no_binary: ProjectSelection = ProjectSelection()
    only_binary: ProjectSelection = ProjectSelection()
    excludes: frozenset[NormalizedName] = frozenset()
    allow_build: ProjectSelection = ProjectSelection()
    max_rounds: int = 200_000


class Preferences(Struct, frozen=True, kw_only=True):
    """The versions to keep while they still fit, as an earlier lock pinned them.

    Of the projects *lowest*, the oldest release is tried first, whatever the strategy. The versions that are *expected*
    decide nothing: they are only fetched first.
    """

    versions: Mapping[NormalizedName, Version] = field(default_factory=dict)
    lowest: frozenset[NormalizedName] = frozenset()
    expected: Mapping[NormalizedName, Version] = field(default_factory=dict)


class Pin(Struct, frozen=True, kw_only=True):
    """One chosen release: its files that suit the target, the preferred first, and what it needs there.

    *extras* are those asked of it that it has, *dependencies* the names that it and they need on the target, *yanked*
    the reason why its release was yanked, None where it was not, *source* the direct reference that it comes from,
    *build* how its metadata were built, None where they were read.
    """

    name: NormalizedName
    version: Version
    extras: tuple[NormalizedName, ...]
    files: tuple[DistributionFile, ...]
    dependencies: tuple[NormalizedName, ...]
    requires_python: str | None
    index_url: str
    yanked: str | None = None
    source: DirectSource | None = None
    build: Build | None = None


class Resolution(Struct, frozen=True, kw_only=True):
    """Every pin, sorted by name, with the requirements that apply to *target* and the warnings to tell."""

    target: Target
    pins: tuple[Pin, ...]
    requirements: tuple[Requirement, ...]
    warnings: tuple[str, ...] = ()
