"""Requirements in, the pins that resolvelib finds for them out.

resolvelib takes one project after the other and goes back where nothing is left for one. What it goes back over it
decides by the names in the conflict, so it tries over what has no part in it, and at times jumps over what has one
(its issue 206). Here it goes back to the last pin that has a part in the conflict, and remembers which pins exclude
each other: conflict-directed backjumping with learned nogoods (Prosser 1993, Dechter 1990). No solution is passed over.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import resolvelib
from resolvelib.resolvers import Criterion, RequirementsConflicted, Resolution
from resolvelib.structs import State

from lockml.progress import Progress, Step
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


class _Nogood(NamedTuple):
    """Pins that exclude a candidate, together, and the criteria that say why."""

    pins: frozenset[Candidate]
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
        self._nogoods: dict[Candidate, list[_Nogood]] = {}
        self._displacing: set[tuple[Candidate, Candidate]] = set()
        self._dead_end = _Nogood(frozenset(), ())

    def _is_current_pin_satisfying(self, name: Identifier, criterion: Criterion[Ask, Candidate]) -> bool:
        pin = self._states[-1].mapping.get(name)
        if pin is None:
            return False
        known = self._satisfied.get(criterion)
        if known is None or known[0] is not pin:
            known = self._satisfied[criterion] = (pin, super()._is_current_pin_satisfying(name, criterion))
        return known[1]

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
            nogood = self._known(candidate) or self._pin(name, candidate)
            if nogood is None:
                return []
            excluded[candidate] = nogood
        pins = {pin for nogood in excluded.values() for pin in nogood.pins}
        why = tuple(dict.fromkeys(criterion for nogood in excluded.values() for criterion in nogood.why))
        own = (state.criteria[name],)
        told = own if all(map(self._provider.is_dead, excluded)) else why  # the dead have reasons of their own
        self._dead_end = _Nogood(frozenset(pins | self._holding(name, asked, excluded)), told)
        return list(why or own)

    def _pin(self, name: Identifier, candidate: Candidate) -> _Nogood | None:
        """Pin *candidate* and return None, or return what excludes it, which is remembered."""
        state = self.state
        criteria = state.criteria.copy()
        for ask in self._p.get_dependencies(candidate=candidate):
            try:
                self._add_to_criteria(criteria, ask, parent=candidate)
            except RequirementsConflicted as error:
                return self._learn(candidate, self._excluding(candidate, ask.identifier, criteria, error.criterion))
        displaced = self._displaced(candidate)
        for ask, pin in displaced:
            if pin is candidate or (candidate, pin) in self._displacing:
                others = frozenset({pin} - {candidate})
                return self._learn(candidate, _Nogood(others, (criteria[ask.identifier],)))
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
        """Return a nogood of *candidate* that holds with what is pinned now."""
        mapping = self._states[-1].mapping
        for nogood in self._nogoods.get(candidate, ()):
            if all(mapping.get(pin.identifier) is pin for pin in nogood.pins):
                return nogood
        return None

    def _learn(self, candidate: Candidate, nogood: _Nogood) -> _Nogood:
        known = [each for each in self._nogoods.get(candidate, ()) if not nogood.pins <= each.pins]
        self._nogoods[candidate] = [*known, nogood]
        return nogood

    def _excluding(
        self, candidate: Candidate, name: Identifier, criteria: _Criteria, why: Criterion[Ask, Candidate]
    ) -> _Nogood:
        """Return the fewest pins, the earliest where there is a choice, with which *candidate* cannot be.

        *why* is the criterion of *name* that nothing meets, as *criteria* do not have it yet.
        """
        asked = [*why.information, *_informations(criteria, name, without=name)]
        own = [each for each in asked if each.parent is None or each.parent is candidate]
        if not self._offers(name, own):
            return _Nogood(frozenset(), (why,))
        parents = self._in_order({each.parent for each in asked if each.parent is not None} - {candidate})
        for parent in parents:
            if not self._offers(name, [*own, *(each for each in asked if each.parent is parent)]):
                return _Nogood(frozenset({parent}), (why,))
        kept = list(parents)
        for parent in reversed(parents):
            fewer = [other for other in kept if other is not parent]
            if not self._offers(name, [*own, *(each for each in asked if each.parent in fewer)]):
                kept = fewer
        return _Nogood(frozenset(kept), (why,))

    def _holding(
        self, name: Identifier, asked: Sequence[Information], excluded: Collection[Candidate]
    ) -> set[Candidate]:
        """Return few pins that ask for *name* in such a way that nothing but what is *excluded* is left."""
        kept = list(asked)
        for parent in reversed(self._in_order({each.parent for each in asked if each.parent is not None})):
            fewer = [each for each in kept if each.parent is not parent]
            still_asked = any(each.requirement.identifier == name for each in fewer)
            asks = [each.requirement for each in fewer]
            if still_asked and all(candidate in excluded for candidate in self._provider.matching(name, asks)):
                kept = fewer
        return {each.parent for each in kept if each.parent is not None}

    def _offers(self, name: Identifier, asked: Sequence[Information]) -> bool:
        return any(True for _ in self._provider.matching(name, [each.requirement for each in asked]))

    def _in_order(self, candidates: Collection[Candidate]) -> list[Candidate]:
        """Return *candidates* in the order in which they were pinned."""
        places = {pin: place for place, pin in enumerate(self._states[-1].mapping.values())}
        return sorted(candidates, key=lambda candidate: places.get(candidate, -1))

    def _backjump(self, causes: list[Information]) -> bool:  # noqa: ARG002 - resolvelib's signature
        """Go back to before the last pin that has a part in the dead end, and remember what excludes it."""
        pins, why = self._dead_end
        if not pins:
            return False
        *others, last = self._in_order(pins)
        self._learn(last, _Nogood(frozenset(others), why))
        while self._states[-1].mapping.get(last.identifier) is last:
            self._states.pop()
        self._push_new_state()
        return True


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
