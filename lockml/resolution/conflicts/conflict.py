"""A conflict in; the fewest lines that make it, and the changes that would end it, out, each tried by resolving."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.progress import Progress, silent
from lockml.common.target import Target
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.candidates.release import Refusal
from lockml.resolution.conflicts.quickxplain import Change, Line, Trials, UnknownError
from lockml.resolution.explanation import ConflictError
from lockml.resolution.model import Policy, Preferences, ProjectSelection, Resolution
from lockml.resolution.resolver import resolve

__all__ = ["explained", "resolve_or_explain"]

_MAX_CONFLICTS: Final = 3
_MAX_DATES: Final = 3
_MAX_TOGETHER: Final = 4


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
        trials = Trials(asked, target, index, policy=policy, targets=(target,), progress=progress)
        raise explained(error, trials) from error


def explained(error: NoResolutionError, trials: Trials) -> NoResolutionError:
    """Return *error* with the lines that conflict and with what would end it; that was resolved with *trials*."""
    if error.gave_up:
        return error
    return NoResolutionError("\n".join(_Telling(trials, error.explanation).lines()), hint=error.hint)


class _Telling:
    """Puts together what is told of the conflicts that *trials* find; *usual* is told where they find none."""

    def __init__(self, trials: Trials, usual: str) -> None:
        self._trials = trials
        self._usual = usual

    def lines(self) -> Iterator[str]:
        """Yield the conflicts that have no line in common, each with what would end it."""
        remaining = self._trials.lines
        for number in range(_MAX_CONFLICTS):
            core = self._trials.core(remaining)
            conflict = self._trials.conflict(core) if core else None
            if conflict is None:
                if number == 0:
                    yield from self._usual.splitlines()
                return
            head, *body = conflict.explanation.splitlines()
            yield from [head, *body] if number == 0 else body
            yield from map(escape, self._told(core, conflict))
            remaining = [line for line in remaining if line not in core]
            with suppress(UnknownError):
                if self._trials.resolve(remaining) is None:
                    yield "  there is another conflict:"
                    continue
            return

    def _told(self, core: Sequence[Line], conflict: ConflictError) -> Iterator[str]:
        named = ", ".join(map(str, core))
        overrides = self._overrides_of(core)
        beside = f", with the override {', '.join(map(_placed, overrides))}" if overrides else ""
        if len(core) == 1:
            yield f"  this line alone cannot be met{beside}: {named}"
        else:
            yield f"  these lines alone conflict{beside}: {named}"
        if core[0].requirement.specifier.is_unsatisfiable():
            yield "  its bounds exclude each other"
        yield from self._remedies(core, conflict, overrides)

    def _remedies(
        self, core: Sequence[Line], conflict: ConflictError, overrides: Sequence[Requirement]
    ) -> Iterator[str]:
        everything = self._trials.lines
        changes = self._changes(core, everything)
        others = [*(f"{_place(each)}: leave the override {each} out" for each in overrides)]
        others += [*self._by_policy(conflict, everything), *self._by_hash(core, everything)]
        everywhere = [str(change) for change in changes if change.everywhere]
        here = [str(change) for change in changes if not change.everywhere]
        if everywhere or others:
            told = [*everywhere, *others]
            yield "  any of these changes makes everything resolve:" if len(told) > 1 else "  this would resolve:"
            yield from (f"    {each}" for each in told)
        if here:
            yield "  for this target alone, but not for the others, this would do:"
            yield from (f"    {each}" for each in here)
        if changes or others:
            return
        together = self._trials.changes_together(core, everything)
        if together:
            yield "  only together these changes make everything resolve:"
            yield from (f"    {each}" for each in together)
            return
        alone = [str(change) for change in self._changes(core, core)]
        all_together = self._trials.changes_together(everything, everything)
        if alone:
            yield "  to end this conflict, which is not the only one:"
            yield from (f"    {each}" for each in alone)
        if 1 < len(all_together) <= _MAX_TOGETHER:
            yield "  only together these changes make everything resolve:"
            yield from (f"    {each}" for each in all_together)
        elif not alone:
            yield "  no change of one of these lines alone would resolve it"

    def _changes(self, core: Sequence[Line], lines: Sequence[Line]) -> list[Change]:
        return [change for line in core if (change := self._trials.change(line, lines)) is not None]

    def _overrides_of(self, core: Sequence[Line]) -> list[Requirement]:
        """Return the overrides without which *core* would resolve."""
        found: list[Requirement] = []
        overrides = self._trials.asked.overrides
        for override in overrides:
            with suppress(UnknownError):
                without = [each for each in overrides if each is not override]
                if self._trials.resolve(core, overrides=without) is not None:
                    found.append(override)
        return found

    def _by_hash(self, core: Sequence[Line], lines: Sequence[Line]) -> Iterator[str]:
        """Yield the lines that do once other files are allowed."""
        for line in core:
            if line.requirement.hashes:
                bare = replace(line, requirement=replace(line.requirement, hashes=frozenset()))
                if self._does([bare if each is line else each for each in lines], self._trials.policy):
                    yield f"{_place(line.requirement)}: other hashes behind {line.requirement}"

    def _by_policy(self, conflict: ConflictError, lines: Sequence[Line]) -> Iterator[str]:
        """Yield which options would let in what they refuse, each tried."""
        refused = [
            (f"{name} {version}", name, refusal)
            for name, refusals in conflict.refused.items()
            for version, refusal in refusals.items()
        ]
        kinds = {refusal.kind for _, _, refusal in refused}
        policy = self._trials.policy
        if "prerelease" in kinds and self._does(lines, replace(policy, prereleases=True)):
            newest = next(release for release, _, refusal in refused if refusal.kind == "prerelease")
            yield f"--pre, which lets {newest} in"
        if "newer" in kinds:
            yield from self._later(lines, [(release, refusal) for release, _, refusal in refused])
        for name in dict.fromkeys(name for _, name, refusal in refused if refusal.kind == "binary"):
            if name in policy.only_binary and self._does(
                lines, replace(policy, only_binary=_without(policy.only_binary, name))
            ):
                yield f"--only-binary without {name}"
            if name in policy.no_binary and self._does(
                lines, replace(policy, no_binary=_without(policy.no_binary, name))
            ):
                yield f"--no-binary without {name}"
        for release, name, refusal in refused:
            version = release.rpartition(" ")[2]
            if refusal.kind == "yanked" and self._does([*lines, self._pinned(name, version)], policy):
                yield f"a line {name}=={version}, which pins what was yanked"

    def _pinned(self, name: NormalizedName, version: str) -> Line:
        """Return a line of the user's that pins *version*."""
        origin = self._trials.lines[0].requirement.origin
        specifier = SpecifierSet(f"=={version}")
        pin = Requirement(name=name, extras=(), specifier=specifier, marker=None, origin=origin)
        return Line(pin, constraint=False)

    def _later(self, lines: Sequence[Line], refused: Sequence[tuple[str, Refusal]]) -> Iterator[str]:
        """Yield the earliest --exclude-newer that would do."""
        dated = sorted(
            ((refusal.uploaded, release) for release, refusal in refused if refusal.uploaded is not None),
            key=lambda item: item[0],
        )
        for uploaded, release in dated[:_MAX_DATES]:
            after = (uploaded + timedelta(seconds=1)).replace(microsecond=0)
            if self._does(lines, replace(self._trials.policy, exclude_newer=after)):
                yield f"--exclude-newer {after.strftime('%Y-%m-%dT%H:%M:%SZ')}, which lets {release} in"
                return

    def _does(self, lines: Sequence[Line], policy: Policy) -> bool:
        with suppress(UnknownError):
            return self._trials.resolve(lines, policy=policy) is not None
        return False


def _without(selection: ProjectSelection, name: NormalizedName) -> ProjectSelection:
    return ProjectSelection(names=selection.names - {name})


def _place(requirement: Requirement) -> str:
    return str(requirement.origin)


def _placed(requirement: Requirement) -> str:
    return f"{requirement} ({requirement.origin})"
