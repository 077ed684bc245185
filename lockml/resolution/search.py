"""Requirements in, the pins that resolvelib finds for them out; a conflict is made sure of before it is told.

resolvelib goes back over several pins at once where it takes those between to have no part in a conflict, and errs at
times (its issue 206: an older release that would do is jumped over). So what it finds impossible is searched again, one
pin back at a time, before it counts as impossible.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import resolvelib
from resolvelib.resolvers import Criterion, Resolution
from resolvelib.structs import State

from lockml.progress import Progress, Step
from lockml.resolution.provider import Ask, Candidate, Identifier, Information, LockProvider

if TYPE_CHECKING:
    from resolvelib.providers import Preference

__all__ = ["search"]


def search(
    provider: LockProvider, asks: Sequence[Ask], *, rounds: int, confirming: int, progress: Progress
) -> State[Ask, Candidate, Identifier]:
    """Return the state that meets *asks*, found within *rounds* pins.

    Raises resolvelib's ResolutionImpossible with the causes, made sure of with at most *confirming* pins more, and
    ResolutionTooDeep.
    """
    reporter = _Reporter(progress)
    try:
        return _Search(provider, reporter).resolve(asks, max_rounds=rounds)
    except resolvelib.ResolutionImpossible as impossible:
        try:
            return _StepByStep(provider, reporter).resolve(asks, max_rounds=confirming)
        except resolvelib.ResolutionError:
            raise impossible from None


class _Search(Resolution[Ask, Candidate, Identifier]):
    """resolvelib's search, which judges no criterion twice: it asks the same of all of them in every round.

    A criterion never changes once it is made; another requirement makes another one.
    """

    def __init__(self, provider: LockProvider, reporter: "_Reporter") -> None:
        super().__init__(provider, reporter)
        self._satisfied: dict[Criterion[Ask, Candidate], tuple[Candidate, bool]] = {}
        self._preferences: dict[Criterion[Ask, Candidate], Preference] = {}

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


class _StepByStep(_Search):
    """The same search, that goes back by one pin at a time and so passes nothing over."""

    def _backjump(self, causes: list[Information]) -> bool:  # noqa: ARG002 - resolvelib's signature
        while len(self._states) >= 3:
            del self._states[-1]  # where nothing fits
            broken = self._states.pop()
            name, candidate = broken.mapping.popitem()
            refused = [(key, list(criterion.incompatibilities)) for key, criterion in broken.criteria.items()]
            self._push_new_state()
            if self._patch_criteria([*refused, (name, [candidate])]):
                return True
        return False


class _Reporter(resolvelib.BaseReporter[Ask, Candidate, Identifier]):
    """Tells how many projects are pinned."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def pinning(self, candidate: Candidate) -> None:
        self._progress(Step(doing="Resolving", subject=str(candidate)))
