"""How resolvelib sees packages: requirements by project and extra, candidates newest first, metadata when pinned.

An extra is a candidate of its own, ``name[extra]``, that needs the same version of the project itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from resolvelib.providers import AbstractProvider
from resolvelib.structs import RequirementInformation

from lockml.index.model import CoreMetadata, MetadataError, Project
from lockml.ports import Index
from lockml.requirements.model import Origin, Requirement
from lockml.resolution.candidates import Release, judge_release
from lockml.resolution.model import Policy, Preferences
from lockml.target import Target

__all__ = ["Ask", "Candidate", "Choices", "Identifier", "LockProvider", "pins_one"]

Identifier = tuple[NormalizedName, NormalizedName | None]
"""A project, or one extra of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A release as a project or, with *extra*, as that extra of it."""

    release: Release
    extra: NormalizedName | None

    @property
    def identifier(self) -> Identifier:
        """What it is a candidate of."""
        return self.release.name, self.extra

    def __str__(self) -> str:
        extra = f"[{self.extra}]" if self.extra else ""
        return f"{self.release.name}{extra} {self.release.version}"


@dataclass(frozen=True, slots=True)
class Ask:
    """A requirement as resolvelib sees it: *origin* for one of the user's, *impossible* why nothing can meet it."""

    identifier: Identifier
    specifier: SpecifierSet
    origin: Origin | None = None
    impossible: str | None = None

    def __str__(self) -> str:
        name, extra = self.identifier
        return f"{name}{f'[{extra}]' if extra else ''}{','.join(sorted(map(str, self.specifier)))}"

    @property
    def exact(self) -> bool:
        """Whether the user pins one version with it, which is what lets a yanked file in (PEP 592)."""
        return self.origin is not None and pins_one(self.specifier)


def pins_one(specifier: SpecifierSet) -> bool:
    """Say whether *specifier* names one version."""
    return any(each.operator in ("==", "===") and not each.version.endswith(".*") for each in specifier)


Information = RequirementInformation[Ask, Candidate]


@dataclass
class Choices:
    """What resolving may choose from, and what it noticed: rejections by project and version, with reasons.

    *direct* are the projects that the user names, *pinned_by_user* those that are named with one version; *overrides*
    replace every requirement on their projects, the empty one drops them; *hashes* are those of the only files allowed.
    """

    index: Index
    target: Target
    policy: Policy
    preferences: Preferences
    constraints: Mapping[NormalizedName, tuple[Requirement, ...]]
    prerelease_names: frozenset[NormalizedName]
    direct: frozenset[NormalizedName]
    overrides: Mapping[NormalizedName, tuple[Requirement, ...]]
    pinned_by_user: frozenset[NormalizedName]
    hashes: Mapping[NormalizedName, frozenset[str]]
    unknown: set[NormalizedName] = field(default_factory=set)
    rejected: dict[NormalizedName, dict[Version, str]] = field(default_factory=dict)
    _judged: dict[tuple[NormalizedName, Version], Release | str] = field(default_factory=dict)

    def project(self, name: NormalizedName) -> Project | None:
        """Return the project, noting an unknown one and a quarantined one, which has nothing to choose (PEP 792)."""
        project = self.index.project(name)
        if project is None:
            self.unknown.add(name)
            return None
        if project.status == "quarantined":
            for version in project.releases:
                self.reject(name, version, "the index has quarantined the project")
            return None
        return project

    def reject(self, name: NormalizedName, version: Version, reason: str) -> None:
        """Note why *version* cannot be chosen."""
        self.rejected.setdefault(name, {})[version] = reason

    def release(self, project: Project, version: Version) -> Release | None:
        """Return the release if the target can install it, judged once."""
        key = (project.name, version)
        judged = self._judged.get(key)
        if judged is None:
            judged = self._judged[key] = judge_release(
                project, version, self.target, self.policy, self.hashes.get(project.name, frozenset())
            )
        if isinstance(judged, str):
            self.reject(project.name, version, judged)
            return None
        return judged

    def admits_prereleases(self, project: Project) -> bool:
        """Say whether pre-releases of *project* may be chosen: asked for, or nothing else exists."""
        return self.policy.prereleases or project.name in self.prerelease_names or project.only_prereleases

    def releases(self, name: NormalizedName, specifiers: Sequence[SpecifierSet], *, exact: bool) -> Iterator[Release]:
        """Yield what meets *specifiers* and the constraints, the preferred version first, then newest first.

        With *exact*, or with a constraint that is, yanked releases too.
        """
        project = self.project(name)
        if project is None:
            return
        constrained = [constraint.specifier for constraint in self.constraints.get(name, ())]
        exact = exact or any(map(pins_one, constrained))
        bounds = [*specifiers, *constrained]
        admitted = self.admits_prereleases(project)
        for version in self._in_order(project):
            if not all(bound.contains(version, prereleases=True) for bound in bounds):
                continue
            if version.is_prerelease and not admitted:
                self.reject(name, version, "it is a pre-release, and none was asked for")
                continue
            release = self.release(project, version)
            if release is None:
                continue
            if release.yanked is not None and not exact:
                reason = f" ({release.yanked})" if release.yanked else ""
                self.reject(name, version, f"it was yanked{reason}, and you do not pin it")
                continue
            yield release

    def _in_order(self, project: Project) -> Iterator[Version]:
        preferred = self.preferences.versions.get(project.name)
        if preferred is not None and preferred in project.releases:
            yield preferred
        lowest = self.policy.strategy == "lowest" or (
            self.policy.strategy == "lowest-direct" and project.name in self.direct
        )
        versions = reversed(list(project.releases)) if lowest else project.releases
        yield from (version for version in versions if version != preferred)


class LockProvider(AbstractProvider[Ask, Candidate, Identifier]):
    """Answers resolvelib's questions from *choices*; *edges* keeps which candidate asked for what.

    A candidate that needs what nothing can satisfy, whatever else is pinned, is dead: it is never offered again, and
    what then has no candidate left kills those that need it in turn.
    """

    def __init__(self, choices: Choices, order: Mapping[NormalizedName, int]) -> None:
        self._choices = choices
        self._order = order
        self._extras: dict[NormalizedName, set[NormalizedName]] = {}
        self._dead: set[Candidate] = set()
        self._dead_asks: set[tuple[Identifier, str]] = set()
        self.edges: dict[Candidate, tuple[Ask, ...]] = {}

    def identify(self, requirement_or_candidate: Ask | Candidate) -> Identifier:
        """Return the project or extra that is asked for or offered."""
        return requirement_or_candidate.identifier

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[Identifier],
        resolutions: Mapping[Identifier, Candidate],  # noqa: ARG002 - resolvelib's signature
        candidates: Mapping[Identifier, Iterator[Candidate]],  # noqa: ARG002
        information: Mapping[Identifier, Iterator[Information]],  # noqa: ARG002
        backtrack_causes: Sequence[Information],
    ) -> Iterable[Identifier]:
        """Take what caused the last backtrack first, so that a conflict shows before more is built on it."""
        open_now = list(identifiers)
        causes = {cause.requirement.identifier for cause in backtrack_causes}
        causes |= {cause.parent.identifier for cause in backtrack_causes if cause.parent is not None}
        return [identifier for identifier in open_now if identifier in causes] or open_now

    def get_preference(
        self,
        identifier: Identifier,
        resolutions: Mapping[Identifier, Candidate],  # noqa: ARG002
        candidates: Mapping[Identifier, Iterator[Candidate]],  # noqa: ARG002
        information: Mapping[Identifier, Iterator[Information]],
        backtrack_causes: Sequence[Information],  # noqa: ARG002
    ) -> tuple[bool, bool, int, str, str]:
        """Prefer exact pins, then what is bounded above, then the user's order, then names."""
        specifiers = [i.requirement.specifier for i in information[identifier]]
        exact = any(map(pins_one, specifiers))
        bounded = any(s.operator in ("<", "<=", "~=", "==") for many in specifiers for s in many)
        name, extra = identifier
        return not exact, not bounded, self._order.get(name, len(self._order)), name, extra or ""

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[Ask]],
        incompatibilities: Mapping[Identifier, Iterator[Candidate]],
    ) -> Callable[[], Iterator[Candidate]]:
        """Return how to iterate over what meets all *requirements* on the project, with or without extras."""
        name, extra = identifier
        asks = [
            ask for other in (None, *self._extras.get(name, ())) for ask in requirements.get((name, other), iter(()))
        ]
        refused = {candidate.release.version for candidate in incompatibilities[identifier]}
        impossible = any(ask.impossible for ask in asks)

        def matches() -> Iterator[Candidate]:
            if impossible:
                return
            first = True
            for release in self._choices.releases(
                name, [ask.specifier for ask in asks], exact=any(ask.exact for ask in asks)
            ):
                if release.version not in refused and self._alive(release, extra):
                    if first:
                        self._choices.index.prefetch_metadata(release.files[:1])
                        first = False
                    yield Candidate(release, extra)

        return matches

    def is_satisfied_by(self, requirement: Ask, candidate: Candidate) -> bool:
        """Say whether the version of *candidate* meets *requirement*."""
        return requirement.impossible is None and requirement.specifier.contains(
            candidate.release.version, prereleases=True
        )

    def get_dependencies(self, candidate: Candidate) -> Sequence[Ask]:
        """Return what *candidate* needs on the target; one that cannot be used needs the impossible."""
        asks = self.edges.get(candidate)
        if asks is None:
            asks = self.edges[candidate] = tuple(self._dependencies(candidate))
            self._choices.index.prefetch_projects({ask.identifier[0] for ask in asks})
            killing = next((ask for ask in asks if self._is_dead(ask)), None)
            if killing is not None:
                self._dead.add(candidate)
                if killing.impossible is None:
                    reason = f"it needs {killing}, which no release satisfies"
                    self._choices.reject(candidate.release.name, candidate.release.version, reason)
        return asks

    def _alive(self, release: Release, extra: NormalizedName | None) -> bool:
        return not self._dead or not ({Candidate(release, None), Candidate(release, extra)} & self._dead)

    def _is_dead(self, ask: Ask) -> bool:
        """Say whether nothing satisfies *ask*, whatever else is pinned; what is dead stays dead."""
        if ask.impossible is not None:
            return True
        (name, extra), key = ask.identifier, (ask.identifier, str(ask.specifier))
        if key not in self._dead_asks:
            exact = ask.exact or name in self._choices.pinned_by_user
            releases = self._choices.releases(name, [ask.specifier], exact=exact)
            if any(self._alive(release, extra) for release in releases):
                return False
            self._dead_asks.add(key)
        return True

    def metadata(self, release: Release) -> CoreMetadata:
        """Return what the preferred file of *release* says; raises MetadataError."""
        metadata = self._choices.index.metadata(release.files[0])
        wanted = metadata.requires_python
        if wanted is not None and not wanted.contains(self._choices.target.python, prereleases=True):
            raise MetadataError(f"it requires Python {wanted}")
        return metadata

    def _dependencies(self, candidate: Candidate) -> Iterator[Ask]:
        release, extra = candidate.release, candidate.extra
        try:
            metadata = self.metadata(release)
        except MetadataError as error:
            self._choices.reject(release.name, release.version, str(error))
            yield Ask((release.name, extra), SpecifierSet(), impossible=str(error))
            return
        if extra is not None:
            yield Ask((release.name, None), SpecifierSet(f"=={release.version}"))
        for needed in metadata.requires_dist:
            if needs(needed.marker, self._choices.target, extra):
                yield from self.asks(
                    canonicalize_name(needed.name), {canonicalize_name(e) for e in needed.extras}, needed.specifier
                )

    def asks(
        self,
        name: NormalizedName,
        extras: Iterable[NormalizedName],
        specifier: SpecifierSet,
        origin: Origin | None = None,
    ) -> Iterator[Ask]:
        """Yield what one requirement asks: the project, and each extra of it; an override speaks instead of it."""
        if name in self._choices.policy.excludes:
            return
        wanted = sorted(extras)
        overrides = self._choices.overrides.get(name)
        if overrides is None:
            yield from self._asks(name, wanted, specifier, origin)
        else:
            for override in overrides:
                yield from self._asks(name, override.extras or wanted, override.specifier, override.origin)

    def _asks(
        self, name: NormalizedName, extras: Sequence[NormalizedName], specifier: SpecifierSet, origin: Origin | None
    ) -> Iterator[Ask]:
        yield Ask((name, None), specifier, origin)
        for extra in extras:
            self._extras.setdefault(name, set()).add(extra)
            yield Ask((name, extra), specifier, origin)


def needs(marker: Marker | None, target: Target, extra: NormalizedName | None) -> bool:
    """Say whether a dependency with *marker* applies on *target*: for the project itself, or only for *extra*."""
    if marker is None:
        return extra is None
    environment = target.environment
    if extra is None:
        return marker.evaluate({**environment, "extra": ""})
    return marker.evaluate({**environment, "extra": extra}) and not marker.evaluate({**environment, "extra": ""})
