"""A conflict in; the fewest lines that make it, and the changes that would end it, out, each tried by resolving.

The smallest set is found as QuickXplain does: Junker, "QuickXplain: Preferred Explanations and Relaxations for
Over-Constrained Problems", 2004.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from packaging.specifiers import SpecifierSet

from lockml.display import escape
from lockml.errors import NoResolutionError, NotFoundError
from lockml.ports import Index
from lockml.progress import Progress, Step, silent
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from lockml.target import Target

__all__ = ["resolve_or_explain"]

_MAX_TRIALS: Final = 60
_TRIAL_ROUNDS: Final = 1_000


def resolve_or_explain(
    asked: RequirementSet,
    target: Target,
    index: Index,
    *,
    policy: Policy,
    preferences: Preferences,
    progress: Progress = silent,
) -> Resolution:
    """Resolve as `resolve` does; a NoResolutionError then also tells which lines conflict and what would end it."""
    try:
        return resolve(asked, target, index, policy=policy, preferences=preferences, progress=progress)
    except NoResolutionError as error:
        if error.gave_up:
            raise
        trials = _Trials(asked, target, index, policy, progress)
        core = trials.core()
        lines = [trials.explanation(core) or error.explanation, *map(escape, _told(core, trials))]
        raise NoResolutionError("\n".join(lines), hint=error.hint) from error


def _told(core: Sequence["_Line"], trials: "_Trials") -> Iterator[str]:
    if not core:
        return
    named = ", ".join(map(str, core))
    yield f"  this line alone cannot be met: {named}" if len(core) == 1 else f"  these lines alone conflict: {named}"
    changes = [change for line in core if (change := trials.change(line, trials.lines)) is not None]
    if changes:
        yield "  any of these changes makes everything resolve:" if len(changes) > 1 else "  this would resolve:"
    else:
        changes = [change for line in core if (change := trials.change(line, core)) is not None]
        if changes:
            yield "  to end this conflict, which is not the only one:"
    yield from (f"    {change}" for change in changes)


@dataclass(frozen=True, slots=True)
class _Line:
    """A requirement, or a constraint, as a part of what was asked."""

    requirement: Requirement
    constraint: bool

    def __str__(self) -> str:
        kind = "constraint, " if self.constraint else ""
        return f"{self.requirement} ({kind}{self.requirement.origin})"


class _UnknownError(Exception):
    """A trial took too long, so that nothing is known."""


class _Trials:
    """Resolves parts and variations of what was asked."""

    def __init__(self, asked: RequirementSet, target: Target, index: Index, policy: Policy, progress: Progress) -> None:
        self._asked = asked
        self._target = target
        self._index = index
        self._policy = policy
        self._progress = progress
        self._count = 0
        self._last: str | None = None
        requirements = [_Line(each, constraint=False) for each in asked.requirements]
        self.lines = [*requirements, *(_Line(each, constraint=True) for each in asked.constraints)]

    def core(self) -> list[_Line]:
        """Return a smallest set of lines that conflict, in the order of their places; [] where it is not known."""
        lines = [line for line in self.lines if line.requirement.applies_to(self._target.environment)]
        try:
            return sorted(self._reduce([], lines, changed=False), key=_place)
        except _UnknownError:
            return []

    def explanation(self, core: Sequence[_Line]) -> str | None:
        """Return why *core* conflicts, without the lines that have no part in it; None where it is not known."""
        with suppress(_UnknownError):
            self._resolve(core)
        return self._last if core else None

    def change(self, line: _Line, lines: Sequence[_Line]) -> str | None:
        """Return how *line* could change so that *lines* resolve, None where no version of it would do."""
        free = replace(line, requirement=replace(line.requirement, specifier=SpecifierSet(), reference=None))
        try:
            resolution = self._resolve([free if each is line else each for each in lines])
        except _UnknownError:
            return None
        if resolution is None:
            return None
        name, origin = line.requirement.name, line.requirement.origin
        version = next((pin.version for pin in resolution.pins if pin.name == name), None)
        return f"{origin}: let {name} {version} in, where it says {line.requirement}"

    def _reduce(self, background: Sequence[_Line], lines: Sequence[_Line], *, changed: bool) -> list[_Line]:
        """Return what of *lines* is needed for a conflict beside *background*."""
        if changed and self._resolve(background) is None:
            return []
        if len(lines) <= 1:
            return list(lines)
        middle = len(lines) // 2
        first, second = lines[:middle], lines[middle:]
        of_second = self._reduce([*background, *first], second, changed=True)
        of_first = self._reduce([*background, *of_second], first, changed=bool(of_second))
        return [*of_first, *of_second]

    def _resolve(self, lines: Sequence[_Line]) -> Resolution | None:
        """Return the resolution of *lines* alone, None where there is none; raises _UnknownError for a long search."""
        self._count += 1
        if self._count > _MAX_TRIALS:
            raise _UnknownError
        self._progress(Step(doing="Looking for the cause", done=self._count))
        asked = replace(
            self._asked,
            requirements=tuple(line.requirement for line in lines if not line.constraint),
            constraints=tuple(line.requirement for line in lines if line.constraint),
        )
        policy, none = replace(self._policy, max_rounds=_TRIAL_ROUNDS), Preferences()
        try:
            return resolve(asked, self._target, self._index, policy=policy, preferences=none)
        except NoResolutionError as error:
            if error.gave_up:
                raise _UnknownError from error
            self._last = error.explanation
            return None
        except NotFoundError:
            return None  # a project that only a direct reference has


def _place(line: _Line) -> tuple[bool, str, int, str]:
    origin = line.requirement.origin
    return line.constraint, origin.file, origin.line or 0, str(line.requirement)
