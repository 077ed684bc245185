"""Finds pins that meet requirements, with resolvelib.

resolvelib takes one project after the other and goes back where nothing is left for one. What it goes back over it
decides by the names in the conflict, so it tries over what has no part in it, and at times jumps over what has one
(its issue 206). Here it goes back to the last pin that has a part in the conflict, and remembers which pins exclude
each other: conflict-directed backjumping with learned nogoods (Prosser 1993, Dechter 1990). No solution is passed over.

Private names of resolvelib are overridden and read: tests/resolution/test_search_contract.py lists them.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import resolvelib
from resolvelib.resolvers import Criterion, RequirementsConflicted, Resolution
from resolvelib.structs import RequirementInformation, State

from lockml.common.progress import Progress, Step
from lockml.resolution.provider import Candidate, Identifier, Information, LockProvider, SearchRequirement

if TYPE_CHECKING:
    from resolvelib.providers import Preference

__all__ = ["Fact", "Nogood", "Nogoods", "reachable", "search"]

_Criterion = Criterion[SearchRequirement, Candidate]
_Criteria = dict[Identifier, _Criterion]


def search(
    provider: LockProvider,
    requirements: Sequence[SearchRequirement],
    *,
    rounds: int,
    progress: Progress,
    nogoods: "Nogoods | None" = None,
) -> State[SearchRequirement, Candidate, Identifier]:
    """Return the state that meets *requirements*, found within *rounds* pins; what is learned is added to *nogoods*.

    Raises resolvelib's ResolutionImpossible with the causes, and ResolutionTooDeep.
    """
    return _Search(provider, progress, Nogoods() if nogoods is None else nogoods).resolve(
        requirements, max_rounds=rounds
    )


def reachable(
    requirements: Sequence[SearchRequirement], mapping: Mapping[Identifier, Candidate], provider: LockProvider
) -> dict[Identifier, Candidate]:
    """Return what of *mapping* *requirements* lead to: backtracking leaves pins behind that nothing needs any more.

    resolvelib would omit them too, but it recurses forever if such pins need each other.
    """
    reached: dict[Identifier, Candidate] = {}
    waiting = list(requirements)
    while waiting:
        identifier = waiting.pop().identifier
        if identifier not in reached:
            reached[identifier] = mapping[identifier]
            waiting += provider.dependencies[mapping[identifier]]
    return reached


_PATIENCE: Final = 16  # releases of a project that nothing can use, before others are looked at

Fact = tuple[Identifier, object]
"""That something is pinned: its identifier, and the key of what it requires, or the candidate itself for its pin."""


class Nogood(NamedTuple):
    """Facts that cannot all be, and the criteria that explain it.

    Where requirements alone conflict, they are the facts, so that one nogood speaks of every release that requires the
    same.
    """

    facts: frozenset[Fact]
    causes: tuple[_Criterion, ...]


class Nogoods:
    """What was learned, by fact; more than one search may add to it, one after the other.

    Which nogoods are alive, as their facts of other projects all hold, is looked at once until the pins `change`: most
    are not, and many candidates of a project are tried one after the other.
    """

    def __init__(self) -> None:
        self._learned: dict[Fact, list[Nogood]] = {}
        self._alive: dict[Fact, tuple[int, list[Nogood]]] = {}

    def copy(self) -> "Nogoods":
        """Return the same, to be added to by itself."""
        copied = Nogoods()
        copied._learned = {fact: [*learned] for fact, learned in self._learned.items()}
        return copied

    def learn(self, nogood: Nogood) -> Nogood:
        """Keep *nogood*, and return it."""
        for fact in nogood.facts:
            self._learned.setdefault(fact, []).append(nogood)
        return nogood

    def change(self) -> None:
        """Say that other candidates may be pinned than before."""
        self._alive.clear()

    def find(self, own: Collection[Fact], holds: Callable[[Fact], bool]) -> Nogood | None:
        """Return a nogood whose facts all are among *own*, those of one identifier, or hold with what is pinned now."""
        for fact in own:
            for nogood in self._alive_of(fact, holds) if fact in self._learned else ():
                if all(other in own for other in nogood.facts if other[0] == fact[0]):
                    return nogood
        return None

    def _alive_of(self, fact: Fact, holds: Callable[[Fact], bool]) -> list[Nogood]:
        learned = self._learned[fact]
        seen, alive = self._alive.get(fact, (0, []))
        if seen < len(learned):
            for nogood in learned[seen:]:
                if all(other[0] == fact[0] or holds(other) for other in nogood.facts):
                    alive.append(nogood)
            self._alive[fact] = len(learned), alive
        return alive


class _Search(Resolution[SearchRequirement, Candidate, Identifier]):
    """resolvelib's search with other ways back; it also judges no criterion twice, which it does in every round.

    A criterion never changes once it is made; another requirement makes another one.
    """

    def __init__(self, provider: LockProvider, progress: Progress, nogoods: Nogoods) -> None:
        super().__init__(provider, _Reporter(progress))
        self._optimistic_backjumping_ratio = 0.0
        self._provider = provider
        self._satisfied: dict[_Criterion, tuple[Candidate, bool]] = {}
        self._preferences: dict[_Criterion, Preference] = {}
        self._nogoods = nogoods
        self._facts: dict[Candidate, dict[Fact, None]] = {}
        self._postponed: set[Identifier] = set()
        self._displacing: set[tuple[Candidate, Candidate]] = set()
        self._dead_end = Nogood(frozenset(), ())

    def _is_current_pin_satisfying(self, name: Identifier, criterion: _Criterion) -> bool:
        pin = self._states[-1].mapping.get(name)
        if pin is None:
            return not criterion.information
        judged = self._satisfied.get(criterion)
        if judged is None or judged[0] is not pin:
            judged = self._satisfied[criterion] = (pin, super()._is_current_pin_satisfying(name, criterion))
        return judged[1]

    def _remove_information_from_criteria(self, criteria: _Criteria, parents: Collection[Identifier]) -> None:
        """Forget what pins require that no longer do, and the pins with it.

        resolvelib leaves the pins: one that does again later would stay without what it requires.
        """
        super()._remove_information_from_criteria(criteria, parents)
        for name in parents:
            self.state.mapping.pop(name, None)

    def _get_preference(self, name: Identifier) -> "Preference":
        criterion = self._states[-1].criteria[name]
        preference = self._preferences.get(criterion)
        if preference is None:
            preference = self._preferences[criterion] = super()._get_preference(name)
        return (name in self._postponed, preference) if self._postponed else preference

    def _attempt_to_pin_criterion(self, name: Identifier) -> list[_Criterion]:
        """Pin the first candidate that nothing excludes, and return []; else the causes why each is excluded.

        What criteria keep as candidates may be narrower than what they require by now, so that is looked up again.
        """
        state = self.state
        self._nogoods.change()
        information = list(_of_project(state.criteria, name))
        excluded: dict[Candidate, Nogood] = {}
        dead = 0
        for candidate in self._provider.find_candidates(name, [cause.requirement for cause in information]):
            if dead == _PATIENCE and self._postpones(name):
                return []
            learned = self._nogoods.find(self._facts_of(candidate), self._holds)
            nogood = learned or self._pin(name, candidate)
            if nogood is None:
                return []
            excluded[candidate] = self._restated(candidate, learned) if learned is not None else nogood
            dead += self._provider.is_dead(candidate)
        facts = {fact for nogood in excluded.values() for fact in nogood.facts if fact[0] != name}
        causes = tuple(dict.fromkeys(criterion for nogood in excluded.values() for criterion in nogood.causes))
        own = (state.criteria[name],)
        explained = own if all(map(self._provider.is_dead, excluded)) else causes  # the dead have reasons of their own
        self._dead_end = Nogood(frozenset(facts | self._narrowing_facts(name, information, excluded)), explained)
        return list(causes or own)

    def _postpones(self, name: Identifier) -> bool:
        """Put *name* off, many releases of which nothing can use, if another project is there to be chosen before.

        That may show with few of its releases what reading all those of *name* would show.
        """
        if name in self._postponed:
            return False
        state = self.state
        others = (other for other in state.criteria if other != name and other not in self._postponed)
        if all(self._is_current_pin_satisfying(other, state.criteria[other]) for other in others):
            return False
        self._postponed.add(name)
        return True

    def _pin(self, name: Identifier, candidate: Candidate) -> Nogood | None:
        """Pin *candidate* and return None, or return what excludes it, which is remembered."""
        state = self.state
        criteria = state.criteria.copy()
        for requirement in self._p.get_dependencies(candidate=candidate):
            try:
                self._add_to_criteria(criteria, requirement, parent=candidate)
            except RequirementsConflicted as error:
                return self._nogoods.learn(
                    self._excluding(candidate, requirement.identifier, criteria, error.criterion)
                )
        displaced = self._displaced(candidate)
        for requirement, pin in displaced:
            if pin is candidate or (candidate, pin) in self._displacing:
                own_fact = (name, candidate if pin is candidate else _key(requirement))
                facts = frozenset({own_fact, (pin.identifier, pin)})
                return self._nogoods.learn(Nogood(facts, (criteria[requirement.identifier],)))
        self._displacing.update((candidate, pin) for _, pin in displaced)
        self._r.pinning(candidate=candidate)
        state.criteria.update(criteria)
        state.mapping.pop(name, None)  # the last pin is at the end
        state.mapping[name] = candidate
        return None

    def _displaced(self, candidate: Candidate) -> list[tuple[SearchRequirement, Candidate]]:
        """Return what *candidate* requires and the pins do not meet, itself among them.

        resolvelib then chooses those projects again, which keeps *candidate*. It may do so once with each pin: after
        that the two exclude each other, as they do, or each might displace the other forever.
        """
        pins = {**self.state.mapping, candidate.identifier: candidate}
        return [
            (requirement, pin)
            for requirement in self._p.get_dependencies(candidate=candidate)
            if (pin := pins.get(requirement.identifier)) is not None
            and not self._p.is_satisfied_by(requirement=requirement, candidate=pin)
        ]

    def _restated(self, candidate: Candidate, nogood: Nogood) -> Nogood:
        """Return *nogood* with what *candidate* requires of the same project as one more cause: each release counts."""
        projects = {cause.requirement.identifier[0] for criterion in nogood.causes for cause in criterion.information}
        own = [
            RequirementInformation(requirement, candidate)
            for requirement in self._p.get_dependencies(candidate=candidate)
            if requirement.identifier[0] in projects and (candidate.identifier, _key(requirement)) in nogood.facts
        ]
        return Nogood(nogood.facts, (*nogood.causes, Criterion((), own, []))) if own else nogood

    def _holds(self, fact: Fact) -> bool:
        pin = self._states[-1].mapping.get(fact[0])
        return pin is not None and fact in self._facts_of(pin)

    def _facts_of(self, candidate: Candidate) -> dict[Fact, None]:
        """Return what holds where *candidate* is pinned, as keys, always in the same order."""
        facts = self._facts.get(candidate)
        if facts is None:
            name = candidate.identifier
            requirements = self._p.get_dependencies(candidate=candidate)
            keys = [_key(requirement) for requirement in requirements if requirement.impossible is None]
            facts = self._facts[candidate] = dict.fromkeys([(name, candidate), *((name, key) for key in keys)])
        return facts

    def _excluding(self, candidate: Candidate, name: Identifier, criteria: _Criteria, conflict: _Criterion) -> Nogood:
        """Return the fewest facts, the earliest where there is a choice, that exclude *candidate*, with its own.

        *conflict* is the criterion of *name* that nothing meets, as *criteria* do not have it yet.
        """
        information = [*conflict.information, *_of_project(criteria, name, without=name)]
        own = [cause for cause in information if cause.parent is None or cause.parent is candidate]
        if any(cause.requirement.impossible for cause in own):
            return Nogood(frozenset({(candidate.identifier, candidate)}), (conflict,))
        needed: list[Information] = []
        if self._has_candidates(name, own):
            others = self._by_pin([cause for cause in information if cause not in own])
            alone = next((cause for cause in others if not self._has_candidates(name, [*own, cause])), None)
            needed = others if alone is None else [alone]
            for cause in reversed(needed if alone is None else []):
                fewer = [other for other in needed if other is not cause]
                if not self._has_candidates(name, [*own, *fewer]):
                    needed = fewer
        return Nogood(frozenset(_facts_in([*own, *needed])), (conflict,))

    def _narrowing_facts(
        self, name: Identifier, information: Sequence[Information], excluded: Collection[Candidate]
    ) -> set[Fact]:
        """Return few facts that narrow *name* down so far that nothing but what is *excluded* is left."""
        needed = list(information)
        for cause in reversed(self._by_pin([cause for cause in information if cause.parent is not None])):
            fewer = [other for other in needed if other is not cause]
            still_required = any(other.requirement.identifier == name for other in fewer)
            requirements = [other.requirement for other in fewer]
            if still_required and all(
                candidate in excluded for candidate in self._provider.find_candidates(name, requirements)
            ):
                needed = fewer
        return set(_facts_in(needed))

    def _has_candidates(self, name: Identifier, information: Sequence[Information]) -> bool:
        return any(True for _ in self._provider.find_candidates(name, [cause.requirement for cause in information]))

    def _by_pin(self, information: Sequence[Information]) -> list[Information]:
        """Return *information* in the order in which those that require it were pinned."""
        indexes = {pin: index for index, pin in enumerate(self._states[-1].mapping.values())}
        return sorted(information, key=lambda cause: indexes.get(cause.parent, -1) if cause.parent is not None else -1)

    def _backjump(self, causes: list[Information]) -> bool:  # noqa: ARG002 - resolvelib's signature
        """Go back to before the last pin that has a part in the dead end, and remember what excludes it."""
        if not self._dead_end.facts:
            return False
        self._nogoods.learn(self._dead_end)
        names = {name for name, _ in self._dead_end.facts}
        last = next(name for name in reversed(self._states[-1].mapping) if name in names)
        pin = self._states[-1].mapping[last]
        while self._states[-1].mapping.get(last) is pin:
            self._states.pop()
        self._push_new_state()
        return True


def _key(requirement: SearchRequirement) -> object:
    """Return what two requirements have in common that let the same in."""
    return requirement.identifier, requirement.bound, requirement.reference


def _facts_in(information: Iterable[Information]) -> Iterator[Fact]:
    for cause in information:
        if cause.parent is not None:
            yield cause.parent.identifier, _key(cause.requirement)


def _of_project(criteria: _Criteria, name: Identifier, *, without: Identifier | None = None) -> Iterator[Information]:
    """Yield what is required of the project of *name*, with whatever extras, but not that *without*."""
    for identifier, criterion in criteria.items():
        if identifier[0] == name[0] and identifier != without:
            yield from criterion.information


class _Reporter(resolvelib.BaseReporter[SearchRequirement, Candidate, Identifier]):
    """Reports how many projects are pinned, of those that something asked for so far."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._pinned: set[str] = set()
        self._asked: set[str] = set()

    def adding_requirement(self, requirement: SearchRequirement, parent: Candidate | None) -> None:  # noqa: ARG002 - resolvelib's signature
        self._asked.add(requirement.identifier[0])

    def pinning(self, candidate: Candidate) -> None:
        self._pinned.add(candidate.identifier[0])
        self._progress(Step(doing="Pinned", subject=str(candidate), done=len(self._pinned), total=len(self._asked)))
