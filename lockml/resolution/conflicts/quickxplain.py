"""Resolves parts and variations of a requirement set, to find a conflict and its remedies.

The smallest set is found as QuickXplain does: Junker, "QuickXplain: Preferred Explanations and Relaxations for
Over-Constrained Problems", 2004.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from lockml.common.errors import NoResolutionError, NotFoundError
from lockml.common.progress import Progress, Step
from lockml.common.target import Target
from lockml.index.model import Elsewhere
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.explanation import ConflictError
from lockml.resolution.model import Obstacle, Policy, Preferences, Resolution
from lockml.resolution.resolver import UnexplainedConflictError, resolve
from lockml.resolution.unbuilt import AssumingIndex, RememberingIndex, TooMuchToReadError, TrialIndex

__all__ = ["Change", "InconclusiveError", "Line", "TrialResolver"]

_MAX_TRIALS: Final = 80
_TRIAL_ROUNDS: Final = 1_000
_MOST_NEW: Final = 64  # releases that one trial looks at first, and one more for each line
_MOST_NEW_IN_ALL: Final = 512
_MOST_NEW_TO_BUILD: Final = 256  # where what has to be built is taken to need nothing, there is little to go back for
_FEW: Final = 8  # lines, which are tried all
_MANY: Final = 60  # beyond so many releases the nearest is not looked for, as all of them may fail one after the other


class Line(Struct, frozen=True):
    """A requirement, or a constraint, as a part of a requirement set."""

    requirement: Requirement
    constraint: bool

    def __str__(self) -> str:
        kind = "constraint, " if self.constraint else ""
        return f"{self.requirement} ({kind}{self.requirement.origin})"


class Change(Struct, frozen=True):
    """A *line* changed to allow *version*, so that everything resolves: on all targets, or on the one that fails."""

    line: Line
    version: Version
    everywhere: bool

    def __str__(self) -> str:
        requirement = self.line.requirement
        return f"{requirement.origin}: change {requirement} to allow {requirement.name} {self.version}"


class InconclusiveError(Exception):
    """A trial took too long, so that nothing is known.

    Internal: never reaches the user; the explanation then omits what the trial was to show.
    """


class TrialResolver:
    """Resolves parts and variations of *requirement_set* for *targets*, of which *target* fails."""

    def __init__(
        self,
        requirement_set: RequirementSet,
        target: Target,
        index: Index,
        *,
        policy: Policy,
        targets: Sequence[Target],
        progress: Progress,
    ) -> None:
        self.requirement_set = requirement_set
        self.policy = policy
        self.target = target
        self.others = [other for other in targets if other != target]
        self._remembering = index if isinstance(index, RememberingIndex) else RememberingIndex(index)
        self._left = _MOST_NEW_IN_ALL
        self._progress = progress
        self._count = 0
        self.gave_up = False  # of a trial at least, nothing is known
        self._builds: dict[tuple[Line, ...], tuple[Obstacle, ...]] = {}
        self._joint_changes: dict[tuple[tuple[Line, ...], ...], list[Change]] = {}
        self._last: ConflictError | UnexplainedConflictError | None = None
        requirements = [Line(line, constraint=False) for line in requirement_set.requirements]
        self.lines = [*requirements, *(Line(line, constraint=True) for line in requirement_set.constraints)]

    @property
    def last(self) -> ConflictError | None:
        """The conflict of the last trial that met one, or that which the trials are to explain."""
        if isinstance(self._last, UnexplainedConflictError):
            self._last = self._last.explain()
        return self._last

    @last.setter
    def last(self, error: ConflictError | None) -> None:
        self._last = error

    def elsewhere(self, name: NormalizedName) -> Elsewhere:
        """Return what the indexes that were not asked for the project *name* list of it; they are asked now."""
        return self._remembering.elsewhere(name)

    def lists(self, name: NormalizedName, version: str) -> bool:
        """Say whether the index lists *version* of the project *name*."""
        project = self._remembering.project(name)
        return project is not None and _parse(version) in project.releases

    def find_core(self, lines: Sequence[Line]) -> list[Line]:
        """Return a smallest set of *lines* that conflict, in the order of their origins; [] if it is not known."""
        applicable = [line for line in lines if line.requirement.applies_to(self.target.environment)]
        try:
            return sorted(self._quickxplain([], self._suspects(applicable), changed=False), key=_origin_key)
        except InconclusiveError:
            return []

    def _suspects(self, lines: Sequence[Line]) -> Sequence[Line]:
        """Return those of *lines*, which conflicted *last*, that the explanation names, as long as they conflict too.

        They nearly always do, which saves trying nearly all of many lines.
        """
        while len(lines) > _FEW and self.last is not None:
            suspects = [line for line in lines if line.requirement.origin in self.last.origins]
            if not 0 < len(suspects) < len(lines) or self.resolve(suspects) is not None:
                break
            lines = suspects
        return lines

    def explain(self, lines: Sequence[Line]) -> ConflictError | None:
        """Return why *lines* conflict, None where they do not or it is not known."""
        with suppress(InconclusiveError):
            if self.resolve(lines) is None:
                return self.last
        return None

    def find_change(self, line: Line, lines: Sequence[Line]) -> Change | None:
        """Return how *line* could change so that *lines* resolve: the nearest version to what it allows that does."""
        best: Change | None = None
        try:
            if self._relaxed_version(line, lines, SpecifierSet(), lowest=False) is None:
                return None  # nor does less than anything
        except InconclusiveError:
            return None
        for specifier, lowest in self._relaxations(line.requirement):
            with suppress(InconclusiveError):
                version = self._relaxed_version(line, lines, specifier, lowest=lowest)
                if version is None:
                    continue
                change = Change(line, version, self._resolves_elsewhere(line, lines, version))
                if change.everywhere:
                    return change
                best = best or change
        return best

    def find_builds(self, lines: Sequence[Line]) -> tuple[Obstacle, ...]:
        """Return what has to be built so that *lines* may resolve on all targets, () where that is not known.

        What is built counts as if it needed nothing: only its build says what it needs.
        """
        key = tuple(lines)
        if key not in self._builds:
            self._builds[key] = self._find_builds(lines)
        return self._builds[key]

    def _find_builds(self, lines: Sequence[Line]) -> tuple[Obstacle, ...]:
        found: dict[NormalizedName, Obstacle] = {}
        for target in (self.target, *self.others):
            index = AssumingIndex(self._remembering, unreadable=False, most=_MOST_NEW_TO_BUILD)
            with suppress(InconclusiveError):
                resolution = self.resolve(lines, target=target, index=index)
                if resolution is None:
                    return ()
                pinned = [index.obstacles.get((pin.name, pin.version)) for pin in resolution.pins]
                found |= {each.name: each for each in pinned if each is not None}
        return tuple(found[name] for name in sorted(found))

    def find_joint_changes(self, core: Sequence[Line], lines: Sequence[Line]) -> list[Change]:
        """Return changes of several lines of *core* that only together make *lines* resolve, [] where none do."""
        key = (tuple(core), tuple(lines))
        if key not in self._joint_changes:
            self._joint_changes[key] = self._find_joint_changes(core, lines)
        return self._joint_changes[key]

    def _find_joint_changes(self, core: Sequence[Line], lines: Sequence[Line]) -> list[Change]:
        bounded = [line for line in core if line.requirement.specifier or line.requirement.reference]
        relaxed = {line: _relaxed(line, SpecifierSet()) for line in bounded}
        try:
            resolution = self.resolve([relaxed.get(line, line) for line in lines])
            versions = {pin.name: pin.version for pin in resolution.pins} if resolution is not None else {}
            changes = [
                Change(line, versions[line.requirement.name], everywhere=True)
                for line in bounded
                if line.requirement.name in versions
                and not line.requirement.specifier.contains(versions[line.requirement.name], prereleases=True)
            ]
            pinned = {change.line: _relaxed(change.line, SpecifierSet(f"=={change.version}")) for change in changes}
            changed = [pinned.get(line, line) for line in lines]
            targets = [self.target, *self.others] if len(changes) > 1 else []
            resolves = [self.resolve(changed, target=target) is not None for target in targets]
        except InconclusiveError:
            return []
        return changes if resolves and all(resolves) else []

    def index(self, most: int) -> TrialIndex:
        """Return the index for a trial that may look at *most* releases that were not looked at before."""
        return TrialIndex(self._remembering, most=most)

    def resolve(
        self,
        lines: Sequence[Line],
        *,
        target: Target | None = None,
        policy: Policy | None = None,
        overrides: Sequence[Requirement] | None = None,
        lowest: frozenset[NormalizedName] = frozenset(),
        index: TrialIndex | None = None,
    ) -> Resolution | None:
        """Return the resolution of *lines* alone, None where there is none; raises InconclusiveError."""
        self._count += 1
        if self._count > _MAX_TRIALS:
            self.gave_up = True
            raise InconclusiveError
        self._progress(Step(doing="Looking for the cause", done=self._count))
        requirement_set = replace(
            self.requirement_set,
            requirements=tuple(line.requirement for line in lines if not line.constraint),
            constraints=tuple(line.requirement for line in lines if line.constraint),
            overrides=self.requirement_set.overrides if overrides is None else tuple(overrides),
        )
        asked = index or self.index(self._may_read(lines))
        quick = replace(policy or self.policy, max_rounds=_TRIAL_ROUNDS)
        try:
            preferences = Preferences(lowest=lowest)
            chosen_target = target or self.target
            return resolve(requirement_set, chosen_target, asked, policy=quick, preferences=preferences)
        except UnexplainedConflictError as error:
            self._last = error
        except NotFoundError:
            pass  # a project that only a direct reference has
        except (NoResolutionError, TooMuchToReadError) as error:
            self.gave_up = True
            raise InconclusiveError from error
        finally:
            self._left -= asked.new if index is None else 0
        return None

    def _conflict(self, lines: Sequence[Line]) -> bool:
        """Say whether *lines* are known to conflict."""
        with suppress(InconclusiveError):
            return self.resolve(lines) is None
        return False

    def _may_read(self, lines: Sequence[Line]) -> int:
        """Return how many releases that were not looked at before a trial of *lines* may look at."""
        return max(0, min(self._left, _MOST_NEW + len(lines)))

    def _quickxplain(self, background: Sequence[Line], lines: Sequence[Line], *, changed: bool) -> list[Line]:
        """Return what of *lines* is needed for a conflict beside *background*.

        A part counts as one without conflict if that is not known: more lines than needed may be left.
        """
        if changed and self._conflict(background):
            return []
        if len(lines) <= 1:
            return list(lines)
        middle = len(lines) // 2
        first, second = lines[:middle], lines[middle:]
        of_second = self._quickxplain([*background, *first], second, changed=True)
        of_first = self._quickxplain([*background, *of_second], first, changed=bool(of_second))
        return [*of_first, *of_second]

    def _relaxations(self, requirement: Requirement) -> Iterator[tuple[SpecifierSet, bool]]:
        """Yield what to allow instead, and whether its oldest release is the nearest: above, below, anything."""
        if requirement.reference is not None:
            yield SpecifierSet(), False
        if not requirement.specifier:
            return
        project = self._remembering.project(requirement.name)
        releases = [version for version in (project.releases if project else ()) if not version.is_prerelease]
        admitted = [version for version in releases if requirement.specifier.contains(version)]
        named = [version for clause in requirement.specifier if (version := _parse(clause.version)) is not None]
        pivots = admitted or named
        if pivots:
            above, below = SpecifierSet(f">{max(pivots).public}"), SpecifierSet(f"<{min(pivots).public}")
            for specifier, lowest in ((above, True), (below, False)):
                if sum(map(specifier.contains, releases)) <= _MANY:
                    yield specifier, lowest
        yield SpecifierSet(), False

    def _relaxed_version(
        self, line: Line, lines: Sequence[Line], specifier: SpecifierSet, *, lowest: bool
    ) -> Version | None:
        relaxed = _relaxed(line, specifier)
        name = line.requirement.name
        oldest = frozenset({name}) if lowest else frozenset[NormalizedName]()
        newest_first = replace(self.policy, strategy="highest")
        changed = [relaxed if other is line else other for other in lines]
        resolution = self.resolve(changed, policy=newest_first, lowest=oldest)
        return next((pin.version for pin in resolution.pins if pin.name == name), None) if resolution else None

    def _resolves_elsewhere(self, line: Line, lines: Sequence[Line], version: Version) -> bool:
        """Say whether *lines* resolve on the other targets too once *line* allows just *version*."""
        pinned = _relaxed(line, SpecifierSet(f"=={version}"))
        changed = [pinned if other is line else other for other in lines]
        return all(self.resolve(changed, target=other) is not None for other in self.others)


def _relaxed(line: Line, specifier: SpecifierSet) -> Line:
    return replace(line, requirement=replace(line.requirement, specifier=specifier, reference=None))


def _parse(text: str) -> Version | None:
    try:
        return Version(text.removesuffix(".*"))
    except InvalidVersion:
        return None


def _origin_key(line: Line) -> tuple[bool, str, int, str]:
    origin = line.requirement.origin
    return line.constraint, origin.file, origin.line or 0, str(line.requirement)
