"""Raises each pin of a solution that can be raised without making another worse.

The search takes the best release of a project that fits what it knew of the others then. A conflict that is none any
more at the end leaves behind what it went back to. So each pin is looked at once more. Better is what the finder offers
before the pinned release: a newer one, or an older one where the lowest are asked for; nothing comes before what an
earlier lock has. What the project needs may get better with it, or be added; all else stays, and where that excludes
the release, as it nearly always does, no more is looked at.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import takewhile
from typing import Final

import resolvelib
from msgspec import Struct
from packaging.utils import NormalizedName

from lockml.common.progress import silent
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.release import Release
from lockml.resolution.provider import Candidate, Identifier, LockProvider, SearchRequirement
from lockml.resolution.search import Nogoods, reachable, search

__all__ = ["Improved", "improve"]

_MOST_SEARCHES: Final = 64
_MOST_READ: Final = 64  # releases that the search had not looked at
_MOST_READ_OF_ONE: Final = 4
_ROUNDS: Final = 1_000
_ANY: Final = parse_bound("")


class Improved(Struct, frozen=True):
    """The *mapping* of the pins, and the projects of which better releases are left *untried*, as it was too much."""

    mapping: dict[Identifier, Candidate]
    untried: tuple[NormalizedName, ...]


def improve(
    requirements: Sequence[SearchRequirement],
    mapping: Mapping[Identifier, Candidate],
    provider: LockProvider,
    finder: CandidateFinder,
    nogoods: Nogoods,
) -> Improved:
    """Return *mapping*, which meets *requirements*, with no pin for which a better release would do.

    The *nogoods* are those that the search of the same *provider* learned.
    """
    improvement = _Improvement(requirements, provider, finder, nogoods)
    solution = _Solution(requirements, mapping, provider)
    changed = True
    while changed:
        changed = False
        for name in sorted(solution.pins):
            better = improvement.raised(name, solution) if name in solution.pins else None
            if better is not None:
                solution, changed = _Solution(requirements, better, provider), True
    return Improved(solution.mapping, tuple(sorted(improvement.untried)))


class _Solution:
    """Pins as a graph: who asks what of whom."""

    def __init__(
        self, requirements: Sequence[SearchRequirement], mapping: Mapping[Identifier, Candidate], provider: LockProvider
    ) -> None:
        self.mapping = dict(mapping)
        self.pins = {name: candidate.release for (name, _), candidate in mapping.items()}
        self.identifiers: dict[NormalizedName, list[Identifier]] = {}
        self.asked: dict[NormalizedName, list[tuple[NormalizedName | None, SearchRequirement]]] = {}
        self.needs: dict[NormalizedName, set[NormalizedName]] = {name: set() for name in self.pins}
        for requirement in requirements:
            self.asked.setdefault(requirement.identifier[0], []).append((None, requirement))
        for identifier, candidate in mapping.items():
            name = identifier[0]
            self.identifiers.setdefault(name, []).append(identifier)
            for requirement in provider.dependencies[candidate]:
                needed = requirement.identifier[0]
                if needed != name:
                    self.asked.setdefault(needed, []).append((name, requirement))
                    self.needs[name].add(needed)
        self._closures: dict[frozenset[NormalizedName], frozenset[NormalizedName]] = {}
        self._in_circles = self._find_circles()

    def closure(self, names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
        """Return *names* and all that their pins need in the end."""
        key = frozenset(names)
        found = self._closures.get(key)
        if found is None:
            reached: set[NormalizedName] = set()
            waiting = list(key)
            while waiting:
                name = waiting.pop()
                if name not in reached:
                    reached.add(name)
                    waiting += self.needs.get(name, ())
            found = self._closures[key] = frozenset(reached)
        return found

    def needed_by(self, name: NormalizedName) -> Set[NormalizedName]:
        """Return what of those that *name* needs in the end may need *name* in turn; nothing else may be omitted."""
        return self.closure([name]) if name in self._in_circles else frozenset()

    def outer(self, name: NormalizedName, free: Set[NormalizedName]) -> list[SearchRequirement]:
        """Return what the user and the pins that are not *free* ask of *name*."""
        return [requirement for parent, requirement in self.asked[name] if parent not in free]

    def _find_circles(self) -> set[NormalizedName]:
        """Return the projects that need each other, with those between two such circles."""
        left = set(self.needs)
        while True:
            needed = {other for name in left for other in self.needs[name]}
            ends = {name for name in left if name not in needed or left.isdisjoint(self.needs[name])}
            if not ends:
                return left
            left -= ends


class _Improvement:
    """Raises one pin at a time; *untried* are the projects for which the bounds were too narrow."""

    def __init__(
        self,
        requirements: Sequence[SearchRequirement],
        provider: LockProvider,
        finder: CandidateFinder,
        nogoods: Nogoods,
    ) -> None:
        self._nogoods = nogoods
        self._requirements = requirements
        self._provider = provider
        self._finder = finder
        self._searches = 0
        self._read: dict[NormalizedName, int] = {}
        self.untried: set[NormalizedName] = set()

    def raised(self, name: NormalizedName, solution: _Solution) -> dict[Identifier, Candidate] | None:
        """Return *solution* with a better release of *name*, None where there is none."""
        for release in self._ahead(name, solution, solution.needed_by(name)):
            candidates = [self._provider.candidate(release, extra) for _, extra in solution.identifiers[name]]
            if not self._may_read(name, candidates):
                self.untried.add(name)
                return None
            better = self._with(candidates, solution)
            if better is not None:
                return better
        return None

    def _ahead(self, name: NormalizedName, solution: _Solution, free: Set[NormalizedName]) -> Iterator[Release]:
        """Yield what is offered before the pin of *name* within what the pins ask that are not *free*."""
        current = solution.pins[name]
        if current.provided is not None or current.source is not None:
            return
        asked = solution.outer(name, free)
        offered = self._offered(name, asked)
        first = next(iter(offered), current)
        if first is current:
            return
        nobody_asks = len(asked) == len(solution.asked[name])  # of a pre-release that was asked for before
        if nobody_asks or any(release is current for release in offered):
            yield from takewhile(lambda release: release is not current, offered)

    def _offered(self, name: NormalizedName, requirements: Sequence[SearchRequirement]) -> Iterable[Release]:
        pinned = name in self._finder.problem.pinned_by_user or any(each.exact for each in requirements)
        return self._finder.releases(name, _bounds(requirements), exact=pinned)

    def _may_read(self, name: NormalizedName, candidates: Sequence[Candidate]) -> bool:
        """Say whether *candidates* were read, or may be: how many more is bounded."""
        if all(candidate in self._provider.dependencies for candidate in candidates):
            return True
        read = self._read[name] = self._read.get(name, 0) + 1
        return read <= _MOST_READ_OF_ONE and sum(self._read.values()) <= _MOST_READ

    def _with(self, candidates: Sequence[Candidate], solution: _Solution) -> dict[Identifier, Candidate] | None:
        """Return *solution* with *candidates* of one release, None where it has no place for them."""
        name = candidates[0].release.name
        needed = [each for candidate in candidates for each in self._provider.get_dependencies(candidate)]
        if any(map(self._provider.is_dead, candidates)):
            return None
        free = solution.closure([name, *(requirement.identifier[0] for requirement in needed)])
        unmet = [each for each in needed if not self._is_met(each, candidates, solution)]
        if not all(self._may_be_met(each, solution, free) for each in unmet):
            return None
        if unmet or not all(each.bound.admits(candidates[0].release.version) for _, each in solution.asked[name]):
            return self._searched(candidates, solution, free)
        chosen = {candidate.identifier: candidate for candidate in candidates}
        return reachable(self._requirements, {**solution.mapping, **chosen}, self._provider)

    def _is_met(self, requirement: SearchRequirement, candidates: Sequence[Candidate], solution: _Solution) -> bool:
        own = requirement.identifier[0] == candidates[0].release.name
        pin = solution.mapping.get(requirement.identifier)
        if own:
            pin = next((each for each in candidates if each.identifier == requirement.identifier), None)
        return pin is not None and self._provider.is_satisfied_by(requirement, pin)

    def _may_be_met(self, requirement: SearchRequirement, solution: _Solution, free: Set[NormalizedName]) -> bool:
        """Say whether a pin, or a better release in its place, may meet *requirement*, as far as quickly known."""
        name = requirement.identifier[0]
        current = solution.pins.get(name)
        if requirement.impossible is not None or current is None:
            return requirement.impossible is None
        if self._provider.is_satisfied_by(requirement, self._provider.candidate(current, None)):
            return True  # an extra is missing
        return any(requirement.bound.admits(each.version) for each in self._ahead(name, solution, free))

    def _searched(
        self, candidates: Sequence[Candidate], solution: _Solution, free: Set[NormalizedName]
    ) -> dict[Identifier, Candidate] | None:
        """Return what a search finds that may better what is *free* and must take *candidates*, None for nothing.

        What a better release needs besides is found to be free on the way.
        """
        name = candidates[0].release.name
        known: Set[NormalizedName] = frozenset()
        while not free <= known:
            known = free
            self._searches += 1
            if self._searches > _MOST_SEARCHES:
                self.untried.add(name)
                return None
            ahead = {other: tuple(self._ahead(other, solution, free)) for other in free & solution.pins.keys()}
            ahead[name] = (candidates[0].release,)
            narrowed = _NarrowedProvider(self._provider, solution.pins, ahead, name)
            roots = [SearchRequirement(candidate.identifier, _ANY) for candidate in candidates]
            roots += [each for other in sorted(free & solution.asked.keys()) for each in solution.outer(other, free)]
            found = self._found(name, narrowed, roots)
            if found is not None:
                others = {each: pin for each, pin in solution.mapping.items() if each[0] not in free}
                return reachable(self._requirements, {**others, **found}, self._provider)
            free = solution.closure([*free, *narrowed.asked])
        return None

    def _found(
        self, name: NormalizedName, provider: "_NarrowedProvider", roots: Sequence[SearchRequirement]
    ) -> dict[Identifier, Candidate] | None:
        nogoods = self._nogoods.copy()
        try:
            state = search(provider, roots, rounds=_ROUNDS, progress=silent, nogoods=nogoods)
            return reachable(roots, state.mapping, provider)
        except resolvelib.ResolutionImpossible:
            return None
        except resolvelib.ResolutionTooDeep:
            self.untried.add(name)
            return None


class _NarrowedProvider(LockProvider):
    """The same *provider*, but what is pinned has no other releases than the pin and what is *ahead* of it.

    The pin comes first, so that no more changes than has to; the project *changed* does not have it any more. *asked*
    are the projects that anything but the pins needs.
    """

    def __init__(
        self,
        provider: LockProvider,
        pins: Mapping[NormalizedName, Release],
        ahead: Mapping[NormalizedName, tuple[Release, ...]],
        changed: NormalizedName,
    ) -> None:
        vars(self).update(vars(provider))
        self._pins = pins
        self._ahead = ahead
        self._changed = changed
        self._read = 0
        self.asked: set[NormalizedName] = set()

    def find_candidates(self, identifier: Identifier, requirements: Sequence[SearchRequirement]) -> Iterator[Candidate]:
        """Yield what meets all *requirements* on the project, with or without extras, what to try first first."""
        name, extra = identifier
        current = self._pins.get(name)
        if current is None:
            yield from super().find_candidates(identifier, requirements)
            return
        own = () if name == self._changed else (current,)
        for release in (*own, *self._ahead.get(name, ())):
            candidate = self.candidate(release, extra)
            if self._is_alive(candidate) and all(self.is_satisfied_by(each, candidate) for each in requirements):
                yield candidate

    def get_dependencies(self, candidate: Candidate) -> Sequence[SearchRequirement]:
        """Return what *candidate* requires on the target; raises ResolutionTooDeep where too many were looked at."""
        self._read += candidate not in self.dependencies
        if self._read > _MOST_READ:
            raise resolvelib.ResolutionTooDeep(self._read)
        found = super().get_dependencies(candidate)
        if self._pins.get(candidate.release.name) is not candidate.release:
            self.asked.update(requirement.identifier[0] for requirement in found)
        return found


def _bounds(requirements: Iterable[SearchRequirement]) -> list[Bound]:
    return [requirement.bound for requirement in requirements]
