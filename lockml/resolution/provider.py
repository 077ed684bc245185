"""How resolvelib sees packages: requirements by project and extra, candidates newest first, metadata when pinned.

An extra is a candidate of its own, ``name[extra]``, that needs the same version of the project itself.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from resolvelib.providers import AbstractProvider
from resolvelib.structs import RequirementInformation

from lockml.common.display import redact
from lockml.common.references import Reference
from lockml.index.model import CoreMetadata, Dependency, DynamicMetadataError, MetadataError
from lockml.requirements.model import Origin
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.dependencies import dependency_applies, read_reference
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.merged_lines import MOST_EXTRAS
from lockml.resolution.candidates.rejections import Rejection, RejectionKind
from lockml.resolution.candidates.release import Release
from lockml.resolution.model import Policy
from lockml.resolution.prefetch import Prefetcher

__all__ = ["Candidate", "Identifier", "Information", "LockProvider", "SearchRequirement"]

_MOST_AHEAD: Final = 16  # metadata that are fetched at once of one project

Identifier = tuple[NormalizedName, NormalizedName | None]
"""A project, or one extra of it."""


class Candidate(Struct, frozen=True, eq=False):
    """A release as a project or, with *extra*, as that extra of it. Made once, so equal only to itself."""

    release: Release
    extra: NormalizedName | None
    identifier: Identifier

    def __str__(self) -> str:
        extra = f"[{self.extra}]" if self.extra else ""
        return f"{self.release.name}{extra} {self.release.version}"


class SearchRequirement(Struct, frozen=True):
    """A requirement as the search sees it, on one project or one extra of it; a line with two extras makes three.

    *origin* is there for one of the user's, *impossible* says why nothing can meet it. With a *reference*, only what
    that holds will do. An *override* replaces what a package required.
    """

    identifier: Identifier
    bound: Bound
    origin: Origin | None = None
    impossible: str | None = None
    reference: Reference | None = None
    override: bool = False

    def __str__(self) -> str:
        name, extra = self.identifier
        bound = f" @ {self.reference}" if self.reference else self.bound.text
        return f"{name}{f'[{extra}]' if extra else ''}{bound}"

    @property
    def specifier(self) -> SpecifierSet:
        """The versions that it asks for."""
        return self.bound.specifier

    @property
    def exact(self) -> bool:
        """Whether the user pins one version with it, which is what admits a yanked file (PEP 592)."""
        return self.origin is not None and self.bound.pins


Information = RequirementInformation[SearchRequirement, Candidate]


class LockProvider(AbstractProvider[SearchRequirement, Candidate, Identifier]):
    """Answers resolvelib's questions from *finder*, in the thread that resolves.

    *dependencies* keeps what each candidate requires, *fatal* which of it made the candidate unusable, *unusable* the
    releases whose metadata cannot be used, with the reason. *order* is the index of each project of the user's lines.

    A candidate that requires what nothing can satisfy, whatever else is pinned, is dead: it is never offered again, and
    what then has no candidate left kills those that require it in turn.
    """

    def __init__(self, finder: CandidateFinder, order: Mapping[NormalizedName, int], prefetcher: Prefetcher) -> None:
        self._finder = finder
        self._problem = finder.problem
        self._rejections = finder.rejections
        self._prefetcher = prefetcher
        self._order = order
        self._expected_extras: dict[Identifier, bool] = {}
        self._extras: dict[NormalizedName, set[NormalizedName]] = {}
        self._candidates: dict[tuple[Release, NormalizedName | None], Candidate] = {}
        self._dead: set[Candidate] = set()
        self._dead_requirements: set[tuple[Identifier, Bound]] = set()
        self.dependencies: dict[Candidate, tuple[SearchRequirement, ...]] = {}
        self.fatal: dict[Candidate, SearchRequirement] = {}
        self.unusable: dict[Release, MetadataError] = {}

    @property
    def policy(self) -> Policy:
        """What rules the choice."""
        return self._problem.policy

    def identify(self, requirement_or_candidate: SearchRequirement | Candidate) -> Identifier:
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
        unpinned = list(identifiers)
        causes = {cause.requirement.identifier for cause in backtrack_causes}
        causes |= {cause.parent.identifier for cause in backtrack_causes if cause.parent is not None}
        return [identifier for identifier in unpinned if identifier in causes] or unpinned

    def get_preference(
        self,
        identifier: Identifier,
        resolutions: Mapping[Identifier, Candidate],  # noqa: ARG002
        candidates: Mapping[Identifier, Iterator[Candidate]],  # noqa: ARG002
        information: Mapping[Identifier, Iterator[Information]],
        backtrack_causes: Sequence[Information],  # noqa: ARG002
    ) -> tuple[bool, bool, int, str, str]:
        """Prefer exact pins, then what is bounded above, then the user's order, then names."""
        bounds = [cause.requirement.bound for cause in information[identifier]]
        exact = any(bound.pins for bound in bounds)
        bounded = any(bound.limits for bound in bounds)
        name, extra = identifier
        return not exact, not bounded, self._order.get(name, len(self._order)), name, extra or ""

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[SearchRequirement]],
        incompatibilities: Mapping[Identifier, Iterator[Candidate]],  # noqa: ARG002 - none: `search` keeps nogoods
    ) -> Callable[[], Iterator[Candidate]]:
        """Return how to iterate over what meets all *requirements* on the project, with or without extras."""
        name, _ = identifier
        on_project = [
            requirement
            for extra in (None, *self._extras.get(name, ()))
            for requirement in requirements.get((name, extra), iter(()))
        ]
        return lambda: self.find_candidates(identifier, on_project)

    def find_candidates(self, identifier: Identifier, requirements: Sequence[SearchRequirement]) -> Iterator[Candidate]:
        """Yield what meets all *requirements* on the project, with or without extras, what to try first first."""
        if any(requirement.impossible for requirement in requirements):
            return
        name, extra = identifier
        releases = self._finder.releases(
            name,
            [requirement.bound for requirement in requirements],
            exact=name in self._problem.pinned_by_user or any(requirement.exact for requirement in requirements),
            references={requirement.reference for requirement in requirements if requirement.reference is not None},
        )
        fetched, together = 0, 1
        for index, release in enumerate(releases):
            candidate = self.candidate(release, extra)
            if self._is_alive(candidate):
                if index >= fetched:  # the more were rejected, the more will be
                    fetched = index + together
                    self._prefetcher.fetch_metadata(islice(releases, index, fetched), self._extras.get(name, ()))
                    together = min(2 * together, _MOST_AHEAD)
                yield candidate

    def is_satisfied_by(self, requirement: SearchRequirement, candidate: Candidate) -> bool:
        """Say whether the version of *candidate*, and where it comes from, meet *requirement*."""
        source = candidate.release.source
        if requirement.reference is not None:
            same_source = source is not None and source.reference.source_key == requirement.reference.source_key
            return requirement.impossible is None and same_source
        return requirement.impossible is None and requirement.bound.admits(candidate.release.version)

    def get_dependencies(self, candidate: Candidate) -> Sequence[SearchRequirement]:
        """Return what *candidate* requires on the target; one that cannot be used requires the impossible."""
        requirements = self.dependencies.get(candidate)
        if requirements is None:
            requirements = self.dependencies[candidate] = tuple(self._read_dependencies(candidate))
            for requirement in requirements:
                self._prefetcher.fetch_project(*requirement.identifier, requirement.bound)
            fatal = next((requirement for requirement in requirements if self._is_unsatisfiable(requirement)), None)
            if fatal is not None:
                self._dead.add(candidate)
                if fatal.impossible is None:
                    reason = f"it needs {fatal}, which no release satisfies"
                    self._reject(candidate.release, Rejection(kind="dependency", reason=reason))
                    self.fatal[candidate] = fatal
        return requirements

    def candidate(self, release: Release, extra: NormalizedName | None) -> Candidate:
        """Return *release* as the project, or as that *extra* of it: always the same."""
        key = (release, extra)
        candidate = self._candidates.get(key)
        if candidate is None:
            candidate = self._candidates[key] = Candidate(release, extra, (release.name, extra))
        return candidate

    def is_dead(self, candidate: Candidate) -> bool:
        """Say whether *candidate* itself requires what nothing satisfies, whatever else is pinned."""
        return candidate in self._dead

    def _is_alive(self, candidate: Candidate) -> bool:
        if candidate in self._dead:
            return False
        return candidate.extra is None or self.candidate(candidate.release, None) not in self._dead

    def _is_unsatisfiable(self, requirement: SearchRequirement) -> bool:
        """Say whether nothing satisfies *requirement*, whatever else is pinned; what is so stays so."""
        if requirement.impossible is not None:
            return True
        if requirement.identifier[0] in self._problem.references:
            return False
        (name, extra), key = requirement.identifier, (requirement.identifier, requirement.bound)
        if key not in self._dead_requirements:
            exact = requirement.exact or name in self._problem.pinned_by_user
            releases = self._finder.releases(name, [requirement.bound], exact=exact)
            if any(self._is_alive(self.candidate(release, extra)) for release in releases):
                return False
            self._dead_requirements.add(key)
        return True

    def metadata(self, release: Release) -> CoreMetadata:
        """Return what the preferred file of *release* says; raises MetadataError."""
        if self._problem.policy.as_is:
            return self._metadata_at_hand(release)
        try:
            metadata = release.own_metadata or self._problem.index.metadata(release.files[0])
        except MetadataError as error:
            self.unusable[release] = error
            raise
        python = metadata.requires_python if release.provided is None else None  # it is installed there
        if python is not None and not parse_bound(python).admits(self._problem.target.python):
            raise MetadataError(f"it requires Python {python}")
        return metadata

    def _metadata_at_hand(self, release: Release) -> CoreMetadata:
        """Return what *release* says where a wheel says it: whatever it requires does not count."""
        with suppress(MetadataError):
            if release.own_metadata is not None:
                return release.own_metadata
            if release.files[0].kind == "wheel":
                return self._problem.index.metadata(release.files[0])
        return CoreMetadata(name=release.name, version=release.version)

    def _reject(self, release: Release, rejection: Rejection) -> None:
        self._rejections.reject(release.name, release.version, rejection)

    def _read_dependencies(self, candidate: Candidate) -> Iterator[SearchRequirement]:
        release, extra = candidate.release, candidate.extra
        try:
            metadata = self.metadata(release)
            self._require_readable(release, metadata, extra)
        except MetadataError as error:
            reason = str(error)
            if release.unfit:
                reason = f"no wheel fits {self._problem.target}, and {reason}"
            kind: RejectionKind = "build" if isinstance(error, DynamicMetadataError) else "other"
            self._reject(release, Rejection(kind=kind, reason=reason, detail=release.unfit))
            yield _impossible(candidate.identifier, reason)
            return
        if extra is not None and extra not in metadata.provides_extra and self._is_expected(candidate.identifier):
            self._rejections.lacking_extras.add(release.name)
            reason = f"it has no extra {extra!r}, which other releases have"
            self._reject(release, Rejection(kind="other", reason=reason))
            yield _impossible(candidate.identifier, reason)
            return
        if extra is not None:
            reference = release.source.reference if release.source else None
            yield SearchRequirement((release.name, None), parse_bound(f"=={release.version}"), reference=reference)
        for dependency in metadata.requires_dist if not self._problem.policy.as_is else ():
            if dependency_applies(dependency, self._problem.target, extra):
                yield from self._read_dependency(release, dependency)

    def _require_readable(self, release: Release, metadata: CoreMetadata, extra: NormalizedName | None) -> None:
        """Raise MetadataError if a requirement counts that cannot be read; that of an image's own release does not."""
        if self._problem.policy.as_is or release.provided is not None:
            return
        for unread in metadata.unread_dist:
            if dependency_applies(unread, self._problem.target, extra):
                asked = f"what its extra {extra!r} needs" if extra is not None else "its metadata"
                self.unusable[release] = MetadataError(f"{asked} cannot be read: {unread.fault}")
                raise self.unusable[release]

    def _is_expected(self, identifier: Identifier) -> bool:
        """Say whether the user asks for this extra, and the first release that their lines admit has it."""
        expected = self._expected_extras.get(identifier)
        if expected is None:
            name, extra = identifier
            bounds = self._problem.user_bounds.get(identifier)
            first = next(iter(self._finder.releases(name, bounds, exact=False)), None) if bounds is not None else None
            expected = False
            if first is not None:
                with suppress(MetadataError):
                    expected = extra in self.metadata(first).provides_extra
            self._expected_extras[identifier] = expected
        return expected

    def _read_dependency(self, release: Release, dependency: Dependency) -> Iterator[SearchRequirement]:
        """Yield what *release* requires with *dependency*; a URL counts where the user's own lines lead to it."""
        name = dependency.name
        reference, bound = None, parse_bound(dependency.specifier)
        if release.provided is not None and self._is_settled(dependency):
            bound = parse_bound("")
        if dependency.url and release.provided is None and name not in self._problem.overrides:
            reference = read_reference(dependency.url)
            allowed = {allowed.source_key for allowed in self._problem.references.get(name, ())}
            if reference is None or reference.source_key not in allowed:
                url = redact(dependency.url)
                reason = f"it needs {name} from {url}, an address that no line of yours names"
                self._reject(release, Rejection(kind="address", reason=reason, line=f"{name} @ {url}"))
                yield _impossible((name, None), reason)
                return
        if dependency.extras and len(self._extras.get(name, set()).union(dependency.extras)) > MOST_EXTRAS:
            reason = f"with it, more than {MOST_EXTRAS} extras of {name} are asked for"
            self._reject(release, Rejection(kind="other", reason=reason))
            yield _impossible((name, None), reason)
            return
        yield from self.requirements(name, dependency.extras, bound, reference=reference)

    def _is_settled(self, dependency: Dependency) -> bool:
        """Say whether the image itself lives with another version than one of its packages asks for."""
        other = self._problem.policy.provided.releases.get(dependency.name)
        return other is not None and not parse_bound(dependency.specifier).admits(other.metadata.version)

    def requirements(
        self,
        name: NormalizedName,
        extras: Iterable[NormalizedName],
        bound: Bound,
        origin: Origin | None = None,
        reference: Reference | None = None,
    ) -> Iterator[SearchRequirement]:
        """Yield what one line or dependency requires: the project and each extra, or what its overrides say instead."""
        if name in self._problem.policy.excludes:
            return
        own_extras = sorted(extras)
        overrides = self._problem.overrides.get(name)
        if name in self._problem.policy.provided.unbound:
            bound, reference, overrides = parse_bound(""), None, None
        if overrides is None:
            on_project = SearchRequirement((name, None), bound, origin, reference=reference)
            yield from self._with_extras(name, own_extras, on_project)
        else:
            for line in overrides:
                within = parse_bound(str(line.specifier))
                override = SearchRequirement((name, None), within, line.origin, reference=line.reference, override=True)
                yield from self._with_extras(name, line.extras or own_extras, override)

    def _with_extras(
        self, name: NormalizedName, extras: Sequence[NormalizedName], requirement: SearchRequirement
    ) -> Iterator[SearchRequirement]:
        yield requirement
        for extra in extras:
            self._extras.setdefault(name, set()).add(extra)
            yield replace(requirement, identifier=(name, extra))


def _impossible(identifier: Identifier, reason: str) -> SearchRequirement:
    return SearchRequirement(identifier, parse_bound(""), impossible=reason)
