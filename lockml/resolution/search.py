"""Requirements in, the pins that resolvelib finds for them out.

resolvelib takes one project after the other and goes back where nothing is left for one. What it goes back over it
decides by the names in the conflict, so it tries over what has no part in it, and at times jumps over what has one
(its issue 206). Here it goes back to the last pin that has a part in the conflict, and remembers which pins exclude
each other: conflict-directed backjumping with learned nogoods (Prosser 1993, Dechter 1990). No solution is passed over.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import resolvelib
from resolvelib.resolvers import Criterion, RequirementsConflicted, Resolution
from resolvelib.structs import RequirementInformation, State

from lockml.common.progress import Progress, Step
from lockml.resolution.provider import Ask, Candidate, Identifier, Information, LockProvider

if TYPE_CHECKING:
    from resolvelib.providers import Preference

__all__ = ["search"]

_Criteria = dict[Identifier, Criterion[Ask, Candidate]]


def search(
    provider: LockProvider, asks: Sequence[Ask], *, rounds: int, progress: Progress
) -> State[Ask, Candidate, Identifier]:
    """Return the state that meets *asks*, found within *rounds* pins.

    Raises resolvelib's ResolutionImpossible with the causes, and ResolutionTooDeep.
    """
    return _Search(provider, progress).resolve(asks, max_rounds=rounds)


Fact = tuple[Identifier, object]
"""That something is pinned which asks so: its identifier and the key of an ask, or the candidate itself for its pin."""


class _Nogood(NamedTuple):
    """Facts that cannot all be, and the criteria that say why.

    Where asks alone conflict, they are the facts, so that one nogood speaks of every release that asks the same.
    """

    facts: frozenset[Fact]
    why: tuple[Criterion[Ask, Candidate], ...]


class _Search(Resolution[Ask, Candidate, Identifier]):
    """resolvelib's search with other ways back; it also judges no criterion twice, which it does in every round.

    A criterion never changes once it is made; another requirement makes another one.
    """

    def __init__(self, provider: LockProvider, progress: Progress) -> None:
        super().__init__(provider, _Reporter(progress))
        self._optimistic_backjumping_ratio = 0.0
        self._provider = provider
        self._satisfied: dict[Criterion[Ask, Candidate], tuple[Candidate, bool]] = {}
        self._preferences: dict[Criterion[Ask, Candidate], Preference] = {}
        self._nogoods: dict[Fact, list[_Nogood]] = {}
        self._facts: dict[Candidate, frozenset[Fact]] = {}
        self._displacing: set[tuple[Candidate, Candidate]] = set()
        self._dead_end = _Nogood(frozenset(), ())

    def _is_current_pin_satisfying(self, name: Identifier, criterion: Criterion[Ask, Candidate]) -> bool:
        pin = self._states[-1].mapping.get(name)
        if pin is None:
            return not criterion.information
        known = self._satisfied.get(criterion)
        if known is None or known[0] is not pin:
            known = self._satisfied[criterion] = (pin, super()._is_current_pin_satisfying(name, criterion))
        return known[1]

    def _remove_information_from_criteria(self, criteria: _Criteria, parents: Collection[Identifier]) -> None:
        """Forget what pins ask that no longer do, and the pins with it.

        resolvelib leaves the pins: one that does again later would stay without what it asks.
        """
        super()._remove_information_from_criteria(criteria, parents)
        for name in parents:
            self.state.mapping.pop(name, None)

    def _get_preference(self, name: Identifier) -> "Preference":
        criterion = self._states[-1].criteria[name]
        known = self._preferences.get(criterion)
        if known is None:
            known = self._preferences[criterion] = super()._get_preference(name)
        return known

    def _attempt_to_pin_criterion(self, name: Identifier) -> list[Criterion[Ask, Candidate]]:
        """Pin the first candidate that nothing excludes, and return []; else why each is excluded.

        What criteria keep as candidates may be narrower than what they ask by now, so that is asked anew.
        """
        state = self.state
        asked = list(_informations(state.criteria, name))
        excluded: dict[Candidate, _Nogood] = {}
        for candidate in self._provider.matching(name, [each.requirement for each in asked]):
            known = self._known(candidate)
            nogood = known or self._pin(name, candidate)
            if nogood is None:
                return []
            excluded[candidate] = self._restated(candidate, known) if known is not None else nogood
        facts = {fact for nogood in excluded.values() for fact in nogood.facts if fact[0] != name}
        why = tuple(dict.fromkeys(criterion for nogood in excluded.values() for criterion in nogood.why))
        own = (state.criteria[name],)
        told = own if all(map(self._provider.is_dead, excluded)) else why  # the dead have reasons of their own
        self._dead_end = _Nogood(frozenset(facts | self._holding(name, asked, excluded)), told)
        return list(why or own)

    def _pin(self, name: Identifier, candidate: Candidate) -> _Nogood | None:
        """Pin *candidate* and return None, or return what excludes it, which is remembered."""
        state = self.state
        criteria = state.criteria.copy()
        for ask in self._p.get_dependencies(candidate=candidate):
            try:
                self._add_to_criteria(criteria, ask, parent=candidate)
            except RequirementsConflicted as error:
                return self._learn(self._excluding(candidate, ask.identifier, criteria, error.criterion))
        displaced = self._displaced(candidate)
        for ask, pin in displaced:
            if pin is candidate or (candidate, pin) in self._displacing:
                facts = frozenset({(name, candidate if pin is candidate else _key(ask)), (pin.identifier, pin)})
                return self._learn(_Nogood(facts, (criteria[ask.identifier],)))
        self._displacing.update((candidate, pin) for _, pin in displaced)
        self._r.pinning(candidate=candidate)
        state.criteria.update(criteria)
        state.mapping.pop(name, None)  # the last pin is at the end
        state.mapping[name] = candidate
        return None

    def _displaced(self, candidate: Candidate) -> list[tuple[Ask, Candidate]]:
        """Return what of *candidate* the pins do not meet, itself among them.

        resolvelib then chooses those projects anew, which keeps *candidate*. It may do so once with each pin: after
        that the two exclude each other, as they do, or each might displace the other without end.
        """
        pins = {**self.state.mapping, candidate.identifier: candidate}
        return [
            (ask, pin)
            for ask in self._p.get_dependencies(candidate=candidate)
            if (pin := pins.get(ask.identifier)) is not None
            and not self._p.is_satisfied_by(requirement=ask, candidate=pin)
        ]

    def _known(self, candidate: Candidate) -> _Nogood | None:
        """Return a nogood whose facts all hold with what is pinned now and *candidate*."""
        own = self._facts_of(candidate)
        for fact in own & self._nogoods.keys():
            for nogood in self._nogoods[fact]:
                if all(each in own if each[0] == candidate.identifier else self._holds(each) for each in nogood.facts):
                    return nogood
        return None

    def _restated(self, candidate: Candidate, nogood: _Nogood) -> _Nogood:
        """Return *nogood* with what *candidate* asks of the same project as one more reason: each release is told."""
        about = {each.requirement.identifier[0] for criterion in nogood.why for each in criterion.information}
        own = [
            RequirementInformation(ask, candidate)
            for ask in self._p.get_dependencies(candidate=candidate)
            if ask.identifier[0] in about and (candidate.identifier, _key(ask)) in nogood.facts
        ]
        return _Nogood(nogood.facts, (*nogood.why, Criterion((), own, []))) if own else nogood

    def _learn(self, nogood: _Nogood) -> _Nogood:
        for fact in nogood.facts:
            self._nogoods.setdefault(fact, []).append(nogood)
        return nogood

    def _holds(self, fact: Fact) -> bool:
        pin = self._states[-1].mapping.get(fact[0])
        return pin is not None and fact in self._facts_of(pin)

    def _facts_of(self, candidate: Candidate) -> frozenset[Fact]:
        """Return what holds where *candidate* is pinned."""
        facts = self._facts.get(candidate)
        if facts is None:
            name = candidate.identifier
            keys = [_key(ask) for ask in self._p.get_dependencies(candidate=candidate) if ask.impossible is None]
            facts = self._facts[candidate] = frozenset([(name, candidate), *((name, key) for key in keys)])
        return facts

    def _excluding(
        self, candidate: Candidate, name: Identifier, criteria: _Criteria, why: Criterion[Ask, Candidate]
    ) -> _Nogood:
        """Return the fewest facts, the earliest where there is a choice, that exclude *candidate*, with its own.

        *why* is the criterion of *name* that nothing meets, as *criteria* do not have it yet.
        """
        asked = [*why.information, *_informations(criteria, name, without=name)]
        own = [each for each in asked if each.parent is None or each.parent is candidate]
        if any(each.requirement.impossible for each in own):
            return _Nogood(frozenset({(candidate.identifier, candidate)}), (why,))
        kept: list[Information] = []
        if self._offers(name, own):
            others = self._in_order([each for each in asked if each not in own])
            alone = next((each for each in others if not self._offers(name, [*own, each])), None)
            kept = others if alone is None else [alone]
            for each in reversed(kept if alone is None else []):
                fewer = [other for other in kept if other is not each]
                if not self._offers(name, [*own, *fewer]):
                    kept = fewer
        return _Nogood(frozenset(_facts([*own, *kept])), (why,))

    def _holding(self, name: Identifier, asked: Sequence[Information], excluded: Collection[Candidate]) -> set[Fact]:
        """Return few facts that ask for *name* in such a way that nothing but what is *excluded* is left."""
        kept = list(asked)
        for each in reversed(self._in_order([each for each in asked if each.parent is not None])):
            fewer = [other for other in kept if other is not each]
            still_asked = any(other.requirement.identifier == name for other in fewer)
            asks = [other.requirement for other in fewer]
            if still_asked and all(candidate in excluded for candidate in self._provider.matching(name, asks)):
                kept = fewer
        return set(_facts(kept))

    def _offers(self, name: Identifier, asked: Sequence[Information]) -> bool:
        return any(True for _ in self._provider.matching(name, [each.requirement for each in asked]))

    def _in_order(self, asked: Sequence[Information]) -> list[Information]:
        """Return *asked* in the order in which those that ask were pinned."""
        places = {pin: place for place, pin in enumerate(self._states[-1].mapping.values())}
        return sorted(asked, key=lambda each: places.get(each.parent, -1) if each.parent is not None else -1)

    def _backjump(self, causes: list[Information]) -> bool:  # noqa: ARG002 - resolvelib's signature
        """Go back to before the last pin that has a part in the dead end, and remember what excludes it."""
        if not self._dead_end.facts:
            return False
        self._learn(self._dead_end)
        names = {name for name, _ in self._dead_end.facts}
        last = next(name for name in reversed(self._states[-1].mapping) if name in names)
        pin = self._states[-1].mapping[last]
        while self._states[-1].mapping.get(last) is pin:
            self._states.pop()
        self._push_new_state()
        return True


def _key(ask: Ask) -> object:
    """Return what two asks have in common that let the same in."""
    return ask.identifier, ask.bound, ask.reference


def _facts(asked: Iterable[Information]) -> Iterator[Fact]:
    for each in asked:
        if each.parent is not None:
            yield each.parent.identifier, _key(each.requirement)


def _informations(criteria: _Criteria, name: Identifier, *, without: Identifier | None = None) -> Iterator[Information]:
    """Yield what is asked of the project of *name*, with whatever extras, but not that *without*."""
    for identifier, criterion in criteria.items():
        if identifier[0] == name[0] and identifier != without:
            yield from criterion.information


class _Reporter(resolvelib.BaseReporter[Ask, Candidate, Identifier]):
    """Tells how many projects are pinned."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def pinning(self, candidate: Candidate) -> None:
        self._progress(Step(doing="Resolving", subject=str(candidate)))
