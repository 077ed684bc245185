"""The nouns of resolving: the policy that rules it, and the pins that come of it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.display import redact
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.locations import normalize_url
from lockml.index.model import Build, CoreMetadata, DirectSource, DistributionFile
from lockml.requirements.model import Requirement

__all__ = [
    "Exemptions",
    "Obstacle",
    "PassedOver",
    "Pin",
    "Policy",
    "Preferences",
    "ProjectSelection",
    "Provided",
    "ProvidedMode",
    "ProvidedRelease",
    "Resolution",
    "Strategy",
    "parse_exemptions",
    "parse_selection",
]

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


class Exemptions(Struct, frozen=True, kw_only=True):
    """What a date does not count for: patterns of *projects*, and *indexes* by their addresses, without logins."""

    projects: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()

    def covers(self, name: NormalizedName, origin: str = "") -> bool:
        """Say whether what the index at *origin*, "" for none, has of the project *name* is exempt."""
        if any(fnmatchcase(name, pattern) for pattern in self.projects):
            return True
        return bool(self.indexes and origin) and normalize_url(redact(origin)) in self.indexes

    @property
    def words(self) -> tuple[str, ...]:
        """The same as `parse_exemptions` reads it."""
        return (*self.projects, *(f"index:{url}" for url in self.indexes))


def parse_exemptions(words: Iterable[str]) -> Exemptions:
    """Return what *words* exempt: ``torch``, ``nvidia-*``, ``a,b``, ``index:URL``; ``:none:`` undoes those before."""
    projects: set[str] = set()
    indexes: set[str] = set()
    for word in words:
        if word == ":none:":
            projects, indexes = set(), set()
        elif word.startswith("index:"):
            indexes.add(normalize_url(redact(word.removeprefix("index:"))))
        else:
            parts = (part.strip() for part in word.split(","))
            projects |= {"*".join(map(canonicalize_name, part.split("*"))) for part in parts if part}
    return Exemptions(projects=tuple(sorted(projects)), indexes=tuple(sorted(indexes)))


ProvidedMode = Literal["keep", "prefer", "override"]
"""What an image's own version is: a bound, the first choice, or the answer to every requirement on its project."""


class ProvidedRelease(Struct, frozen=True, kw_only=True):
    """What an image has installed, as its *metadata* say, and the *origin* that brought it there, for a person.

    *extras* are those that were asked of it.
    """

    metadata: CoreMetadata
    origin: str = ""
    extras: tuple[NormalizedName, ...] = ()

    def __str__(self) -> str:
        brought = f" ({self.origin})" if self.origin else ""
        return f"{self.metadata.name} {self.metadata.version}{brought}"


class Provided(Struct, frozen=True, kw_only=True):
    """What the image that is locked for has already, by project, and what that means; () is nothing.

    It is not installed again: what it satisfies is no pin. No date, file name or kind of release speaks against it.
    """

    mode: ProvidedMode = "keep"
    releases: Mapping[NormalizedName, ProvidedRelease] = field(default_factory=dict)

    @property
    def fixed(self) -> Mapping[NormalizedName, ProvidedRelease]:
        """Those in whose place no other release may be chosen."""
        return self.releases if self.mode != "prefer" else {}

    @property
    def unbound(self) -> Collection[NormalizedName]:
        """Those that meet every requirement."""
        return self.releases.keys() if self.mode == "override" else ()


class Policy(Struct, frozen=True, kw_only=True):
    """What may be chosen, and what is tried first.

    With *prereleases*, these count as any other; with *stable_only*, only those that a line of the user's names.
    *exclude_newer* hides files uploaded at or after that moment (aware UTC), but not those of what is *exempt*;
    *exclude_newer_age* is the age it was given as; the wheels of *no_binary* and the sdists of *only_binary* are
    hidden; what requires the projects of *excludes* does not count, and with *as_is* nothing that projects require;
    only code of *allow_build* is run to learn what it needs. What an image has *provided* need not be installed.
    Builds for another *accelerator* (``cpu``, ``cu128``) are hidden; "" is any. The search is given up after
    *max_rounds* pins.
    """

    prereleases: bool = False
    stable_only: bool = False
    exclude_newer: datetime | None = None
    exclude_newer_age: str | None = None
    exempt: Exemptions = Exemptions()
    strategy: Strategy = "highest"
    no_binary: ProjectSelection = ProjectSelection()
    only_binary: ProjectSelection = ProjectSelection()
    excludes: frozenset[NormalizedName] = frozenset()
    allow_build: ProjectSelection = ProjectSelection()
    as_is: bool = False
    accelerator: str = ""
    provided: Provided = Provided()
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


class Obstacle(Struct, frozen=True, kw_only=True):
    """What keeps a release from being chosen: *build* that its metadata need one, else that they cannot be used.

    *unfit* says what its wheels are for, if it has some and none suits.
    """

    name: NormalizedName
    version: Version
    reason: str
    build: bool = False
    unfit: str = ""

    @property
    def release(self) -> str:
        """The project and the version, as text."""
        return f"{self.name} {self.version}"


class PassedOver(Struct, frozen=True, kw_only=True):
    """A release of a project that is *newer* than the *chosen* one and was not available, with what was in its way."""

    name: NormalizedName
    chosen: Version
    newer: Version
    obstacles: tuple[Obstacle, ...]

    @property
    def builds(self) -> tuple[NormalizedName, ...]:
        """The projects that have to be built for it."""
        return tuple(obstacle.name for obstacle in self.obstacles if obstacle.build)

    @property
    def unfit(self) -> bool:
        """Whether nothing but a wheel for the target is missing, and no build could make one."""
        return all(obstacle.unfit and not obstacle.build for obstacle in self.obstacles)

    @property
    def reason(self) -> str:
        """Why, as a phrase, with the option that changes it."""
        reasons = [self._described(obstacle) for obstacle in self.obstacles if not obstacle.build or obstacle.unfit]
        building = [each for each in self.obstacles if each.build and not each.unfit]
        if building:
            named = ", ".join("it" if each.name == self.name else each.release for each in building)
            verb, pronoun = ("has", "it needs") if len(building) == 1 else ("have", "they need")
            reasons.append(f"{named} {verb} to be built to learn what {pronoun}")
        option = f" ({setting('allow-build', ','.join(self.builds))})" if self.builds else ""
        return f"{'; '.join(reasons)}{option}"

    def __str__(self) -> str:
        return f"{self.name} {self.newer} is passed over for {self.chosen}: {self.reason}"

    def _described(self, obstacle: Obstacle) -> str:
        own = "" if obstacle.name == self.name else f"{obstacle.release}: "
        unfit = f"no wheel of it suits ({obstacle.unfit})" if obstacle.unfit else ""
        if obstacle.build:
            return f"{own}{unfit}, and it has to be built to learn what it needs"
        return f"{own}{unfit or obstacle.reason}"


class Resolution(Struct, frozen=True, kw_only=True):
    """Every pin, sorted by name, with the requirements that apply to *target* and the warnings to show.

    *passed_over* are newer releases that could not be chosen, one of a project; the warnings name them too.
    *provided* are those of the image's own releases that stand for a pin.
    """

    target: Target
    pins: tuple[Pin, ...]
    requirements: tuple[Requirement, ...]
    warnings: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    provided: tuple[ProvidedRelease, ...] = ()
