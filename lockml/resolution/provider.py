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
from lockml.resolution.candidates.bounds import Bound, bound_of
from lockml.resolution.candidates.finder import Choices
from lockml.resolution.candidates.release import Refusal, Release
from lockml.resolution.dependencies import needs, reference_of
from lockml.resolution.prefetch import Ahead

__all__ = ["Ask", "Candidate", "Identifier", "Information", "LockProvider"]

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


class Ask(Struct, frozen=True):
    """A requirement as resolvelib sees it: *origin* for one of the user's, *impossible* why nothing can meet it.

    With a *reference*, only what that holds will do. An *override* stands in place of what somebody else asked.
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
        """Whether the user pins one version with it, which is what lets a yanked file in (PEP 592)."""
        return self.origin is not None and self.bound.pins


Information = RequirementInformation[Ask, Candidate]


class LockProvider(AbstractProvider[Ask, Candidate, Identifier]):
    """Answers resolvelib's questions from *choices*; *edges* keeps who asked for what, *killing* which ask was fatal.

    *unusable* are the releases whose metadata nobody can use, with the reason.

    A candidate that needs what nothing can satisfy, whatever else is pinned, is dead: it is never offered again, and
    what then has no candidate left kills those that need it in turn.
    """

    def __init__(self, choices: Choices, order: Mapping[NormalizedName, int], ahead: Ahead) -> None:
        self._choices = choices
        self._with_extra: dict[Identifier, bool] = {}
        self._ahead = ahead
        self._order = order
        self._extras: dict[NormalizedName, set[NormalizedName]] = {}
        self._candidates: dict[tuple[Release, NormalizedName | None], Candidate] = {}
        self._dead: set[Candidate] = set()
        self._dead_asks: set[tuple[Identifier, Bound]] = set()
        self.edges: dict[Candidate, tuple[Ask, ...]] = {}
        self.killing: dict[Candidate, Ask] = {}
        self.unusable: dict[Release, str] = {}

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
        bounds = [each.requirement.bound for each in information[identifier]]
        exact = any(bound.pins for bound in bounds)
        bounded = any(bound.limits for bound in bounds)
        name, extra = identifier
        return not exact, not bounded, self._order.get(name, len(self._order)), name, extra or ""

    def find_matches(
        self,
        identifier: Identifier,
        requirements: Mapping[Identifier, Iterator[Ask]],
        incompatibilities: Mapping[Identifier, Iterator[Candidate]],  # noqa: ARG002 - none: `search` keeps nogoods
    ) -> Callable[[], Iterator[Candidate]]:
        """Return how to iterate over what meets all *requirements* on the project, with or without extras."""
        name, _ = identifier
        asks = [
            ask for other in (None, *self._extras.get(name, ())) for ask in requirements.get((name, other), iter(()))
        ]
        return lambda: self.matching(identifier, asks)

    def matching(self, identifier: Identifier, asks: Sequence[Ask]) -> Iterator[Candidate]:
        """Yield what meets all *asks* on the project, with or without extras, what to try first first."""
        if any(ask.impossible for ask in asks):
            return
        name, extra = identifier
        releases = self._choices.releases(
            name,
            [ask.bound for ask in asks],
            exact=name in self._choices.pinned_by_user or any(ask.exact for ask in asks),
            references={ask.reference for ask in asks if ask.reference is not None},
        )
        fetched, together = 0, 1
        for place, release in enumerate(releases):
            candidate = self._candidate(release, extra)
            if self._is_alive(candidate):
                if place >= fetched:  # the more were refused, the more will be
                    fetched = place + together
                    self._ahead.follow(islice(releases, place, fetched), self._extras.get(name, ()))
                    together = min(2 * together, _MOST_AHEAD)
                yield candidate

    def is_satisfied_by(self, requirement: Ask, candidate: Candidate) -> bool:
        """Say whether the version of *candidate*, and where it comes from, meet *requirement*."""
        source = candidate.release.source
        if requirement.reference is not None:
            same_place = source is not None and source.reference.place == requirement.reference.place
            return requirement.impossible is None and same_place
        return requirement.impossible is None and requirement.bound.admits(candidate.release.version)

    def get_dependencies(self, candidate: Candidate) -> Sequence[Ask]:
        """Return what *candidate* needs on the target; one that cannot be used needs the impossible."""
        asks = self.edges.get(candidate)
        if asks is None:
            asks = self.edges[candidate] = tuple(self._dependencies(candidate))
            for ask in asks:
                self._ahead.begin(*ask.identifier, ask.bound)
            killing = next((ask for ask in asks if self._is_dead(ask)), None)
            if killing is not None:
                self._dead.add(candidate)
                if killing.impossible is None:
                    refusal = Refusal(kind="needs", reason=f"it needs {killing}, which no release satisfies")
                    self._choices.reject(candidate.release.name, candidate.release.version, refusal)
                    self.killing[candidate] = killing
        return asks

    def _candidate(self, release: Release, extra: NormalizedName | None) -> Candidate:
        key = (release, extra)
        candidate = self._candidates.get(key)
        if candidate is None:
            candidate = self._candidates[key] = Candidate(release, extra, (release.name, extra))
        return candidate

    def is_dead(self, candidate: Candidate) -> bool:
        """Say whether *candidate* itself needs what nothing satisfies, whatever else is pinned."""
        return candidate in self._dead

    def _is_alive(self, candidate: Candidate) -> bool:
        if candidate in self._dead:
            return False
        return candidate.extra is None or self._candidate(candidate.release, None) not in self._dead

    def _is_dead(self, ask: Ask) -> bool:
        """Say whether nothing satisfies *ask*, whatever else is pinned; what is dead stays dead."""
        if ask.impossible is not None:
            return True
        if ask.identifier[0] in self._choices.referenced:
            return False
        (name, extra), key = ask.identifier, (ask.identifier, ask.bound)
        if key not in self._dead_asks:
            exact = ask.exact or name in self._choices.pinned_by_user
            releases = self._choices.releases(name, [ask.bound], exact=exact)
            if any(self._is_alive(self._candidate(release, extra)) for release in releases):
                return False
            self._dead_asks.add(key)
        return True

    def metadata(self, release: Release) -> CoreMetadata:
        """Return what the preferred file of *release* says; raises MetadataError."""
        try:
            metadata = release.source.metadata if release.source else self._choices.index.metadata(release.files[0])
        except DynamicMetadataError:
            raise
        except MetadataError as error:
            self.unusable[release] = str(error)
            raise
        wanted = metadata.requires_python
        if wanted is not None and not bound_of(wanted).admits(self._choices.target.python):
            raise MetadataError(f"it requires Python {wanted}")
        return metadata

    def _dependencies(self, candidate: Candidate) -> Iterator[Ask]:
        release, extra = candidate.release, candidate.extra
        try:
            metadata = self.metadata(release)
        except MetadataError as error:
            reason = str(error)
            if release.unfit:
                reason = f"no wheel fits {self._choices.target}, and {reason}"
            self._choices.reject(
                release.name, release.version, Refusal(kind="other", reason=reason, detail=release.unfit)
            )
            yield Ask((release.name, extra), bound_of(""), impossible=reason)
            return
        if extra is not None and extra not in metadata.provides_extra and self._has_others(candidate.identifier):
            self._choices.lacking.add(release.name)
            reason = f"it has no extra {extra!r}, which other releases have"
            self._choices.reject(release.name, release.version, Refusal(kind="other", reason=reason))
            yield Ask((release.name, extra), bound_of(""), impossible=reason)
            return
        if extra is not None:
            reference = release.source.reference if release.source else None
            yield Ask((release.name, None), bound_of(f"=={release.version}"), reference=reference)
        for needed in metadata.requires_dist:
            if needs(needed, self._choices.target, extra):
                yield from self._needed(release, needed)

    def _has_others(self, identifier: Identifier) -> bool:
        """Say whether the user asks for this extra, and the release that their lines let in first has it."""
        known = self._with_extra.get(identifier)
        if known is None:
            name, extra = identifier
            bounds = self._choices.own_bounds.get(identifier)
            first = next(iter(self._choices.releases(name, bounds, exact=False)), None) if bounds is not None else None
            known = False
            if first is not None:
                with suppress(MetadataError):
                    known = extra in self.metadata(first).provides_extra
            self._with_extra[identifier] = known
        return known

    def _needed(self, release: Release, needed: Dependency) -> Iterator[Ask]:
        """Yield what *release* asks with *needed*; a URL counts where the user's own lines lead to it."""
        name = needed.name
        reference = None
        if needed.url and name not in self._choices.overrides:
            reference = reference_of(needed.url)
            known = {each.place for each in self._choices.referenced.get(name, ())}
            if reference is None or reference.place not in known:
                reason = f"it needs {name} from {redact(needed.url)}, which only your own lines may ask for"
                self._choices.reject(release.name, release.version, Refusal(kind="other", reason=reason))
                yield Ask((name, None), bound_of(""), impossible=reason)
                return
        yield from self.asks(name, needed.extras, bound_of(needed.specifier), reference=reference)

    def asks(
        self,
        name: NormalizedName,
        extras: Iterable[NormalizedName],
        bound: Bound,
        origin: Origin | None = None,
        reference: Reference | None = None,
    ) -> Iterator[Ask]:
        """Yield what one requirement asks: the project, and each extra of it; an override speaks instead of it."""
        if name in self._choices.policy.excludes:
            return
        wanted = sorted(extras)
        overrides = self._choices.overrides.get(name)
        if overrides is None:
            yield from self._asks(name, wanted, Ask((name, None), bound, origin, reference=reference))
        else:
            for override in overrides:
                within = bound_of(str(override.specifier))
                ask = Ask((name, None), within, override.origin, reference=override.reference, override=True)
                yield from self._asks(name, override.extras or wanted, ask)

    def _asks(self, name: NormalizedName, extras: Sequence[NormalizedName], ask: Ask) -> Iterator[Ask]:
        yield ask
        for extra in extras:
            self._extras.setdefault(name, set()).add(extra)
            yield replace(ask, identifier=(name, extra))
