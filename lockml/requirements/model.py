"""The nouns of what was asked: a requirement with the origin that asks for it, and the set of them all."""

from msgspec import Struct
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.references import Reference

__all__ = [
    "DynamicProject",
    "IndexOptions",
    "Origin",
    "PythonBound",
    "Requirement",
    "RequirementSet",
    "UnnamedRequirement",
]


class Origin(Struct, frozen=True, kw_only=True):
    """Where a requirement is written: a file as the user named it, and a line counted from 1 (None: not known)."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Requirement(Struct, frozen=True, kw_only=True):
    """A project, versions, extras and the environments that need it (PEP 508), asked for at *origin*.

    *hashes* are ``sha256:…`` of the only files that may be chosen, empty where any may. With a *reference*, it is to
    come from there and from nowhere else. *extra* is the extra of its own project that brings it, for the marker.
    """

    name: NormalizedName
    extras: tuple[NormalizedName, ...]
    specifier: SpecifierSet
    marker: Marker | None
    origin: Origin
    hashes: frozenset[str] = frozenset()
    reference: Reference | None = None
    extra: str = ""

    @property
    def names_prerelease(self) -> bool:
        """Whether a specifier names a pre-release, which asks for pre-releases of this project."""
        return bool(self.specifier.prereleases)

    @property
    def versioned(self) -> str:
        """The canonical text without the marker: ``name[extra]<2,>=1``, ``name @ URL``."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        if self.reference is not None:
            return f"{self.name}{extras} @ {self.reference}"
        return f"{self.name}{extras}{','.join(sorted(map(str, self.specifier)))}"

    def __str__(self) -> str:
        return f"{self.versioned} ; {self.marker}" if self.marker else self.versioned

    def applies_to(self, environment: dict[str, str]) -> bool:
        """Say whether the marker holds in *environment*."""
        return self.marker is None or self.marker.evaluate({**environment, "extra": self.extra})


class UnnamedRequirement(Struct, frozen=True, kw_only=True):
    """What is to come from *reference*, whose project only the reference itself says."""

    reference: Reference
    extras: tuple[NormalizedName, ...]
    marker: Marker | None
    origin: Origin
    hashes: frozenset[str] = frozenset()

    def __str__(self) -> str:
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return f"{self.reference}{extras}" + (f" ; {self.marker}" if self.marker else "")

    def named(self, name: NormalizedName) -> Requirement:
        """Return it as a requirement on the project *name*."""
        return Requirement(
            name=name,
            extras=self.extras,
            specifier=SpecifierSet(),
            marker=self.marker,
            origin=self.origin,
            hashes=self.hashes,
            reference=self.reference,
        )


class DynamicProject(Struct, frozen=True, kw_only=True):
    """A project in *folder* whose dependencies, and those of its *extras*, only its build backend knows.

    *file* is what the user named: a pyproject.toml, setup.py or setup.cfg; *name* is "" where only a build says it.
    """

    folder: str
    file: str
    name: str
    extras: tuple[NormalizedName, ...]


class PythonBound(Struct, frozen=True, kw_only=True):
    """The Pythons that a project or a script runs on, as it says at *origin* (PEP 621, 723)."""

    specifier: SpecifierSet
    origin: Origin


class IndexOptions(Struct, frozen=True, kw_only=True):
    """The index options that requirement files give: None and () where they give none."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    prereleases: bool = False
    no_binary: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False


class RequirementSet(Struct, frozen=True, kw_only=True):
    """All that was asked for: *requirements* must be installed, *constraints* only bound what is.

    *overrides* replace every requirement on their projects, also those of packages. *unnamed* and *dynamic* have to be
    opened before resolving; *projects* are the user's own, whose dependencies these are, as far as the files name them;
    *pythons* are what the inputs themselves run on; *notes* say what the files hold and lockml leaves to others.
    """

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    options: IndexOptions = IndexOptions()
    unnamed: tuple[UnnamedRequirement, ...] = ()
    dynamic: tuple[DynamicProject, ...] = ()
    projects: tuple[NormalizedName, ...] = ()
    pythons: tuple[PythonBound, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def hashed_names(self) -> frozenset[NormalizedName]:
        """The projects of which a line allows only files with certain hashes."""
        lines = (*self.requirements, *self.constraints, *self.overrides)
        return frozenset(line.name for line in lines if line.hashes)

    @property
    def prerelease_names(self) -> frozenset[NormalizedName]:
        """The projects whose pre-releases a requirement or a constraint asks for by naming one."""
        lines = (*self.requirements, *self.constraints, *self.overrides)
        return frozenset(line.name for line in lines if line.names_prerelease)


def normalize_extras(extras: set[str]) -> tuple[NormalizedName, ...]:
    """Return *extras* normalized (PEP 685) and sorted."""
    return tuple(sorted({canonicalize_name(extra) for extra in extras}))
