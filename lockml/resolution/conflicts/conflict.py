"""Finds the fewest lines that make a conflict, and the changes that resolve it, each tried by resolving."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from lockml.common.display import escape, redact
from lockml.common.errors import NoResolutionError
from lockml.common.settings import setting
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.conflicts.leads import lead_lines, python_remedies
from lockml.resolution.conflicts.lines import ShownLine, shorten
from lockml.resolution.conflicts.quickxplain import Change, InconclusiveError, Line, TrialResolver
from lockml.resolution.explanation import ConflictError
from lockml.resolution.model import Policy, ProjectSelection, ProvidedMode, parse_exemptions

__all__ = ["explain_conflict"]

_MAX_CONFLICTS: Final = 3
_MAX_DATES: Final = 3
_MAX_TOGETHER: Final = 8
_OTHER_MODES: Final[Mapping[ProvidedMode, str]] = {
    "prefer": "installs another release over that of the base image",
    "override": "uses the release of the base image, whatever version is required",
}


def explain_conflict(error: NoResolutionError, trials: TrialResolver) -> NoResolutionError:
    """Return *error* with the lines that conflict and the changes that resolve them, which *trials* finds."""
    if error.gave_up:
        return error
    trials.last = error if isinstance(error, ConflictError) else None
    lines = list(_RemedyFinder(trials, error.explanation).lines())
    text = "\n".join(line.text for line in lines)
    return NoResolutionError(text, hint=error.hint, brief="\n".join(shorten(lines)))


class _RemedyFinder:
    """The conflicts that *trials* find, with what resolves each; *explanation* is shown if they find none."""

    def __init__(self, trials: TrialResolver, explanation: str) -> None:
        self._trials = trials
        self._explanation = explanation
        self._suggested: set[str] = set()
        self._partly = False
        self._joint: list[str] | None = None

    def lines(self) -> Iterator[ShownLine]:
        """Yield the conflicts that have no line in common, each with what resolves it, then what resolves all."""
        remaining = self._trials.lines
        for number in range(_MAX_CONFLICTS):
            core = self._trials.find_core(remaining)
            conflict = self._trials.explain(core) if core else None
            if conflict is None:
                if number == 0:
                    yield from (
                        ShownLine(line, detail=at > 0) for at, line in enumerate(self._explanation.splitlines())
                    )
                break
            first, *body = conflict.explanation.splitlines()
            yield ShownLine(first if number == 0 else "  there is another conflict:")
            yield from (ShownLine(line, detail=True) for line in body)
            yield from (ShownLine(escape(line)) for line in self._conflict_lines(core, conflict))
            remaining = [line for line in remaining if line not in core]
            if self._is_settled(remaining):
                break
        else:
            yield ShownLine("  other lines conflict too; resolve these first to see them")
        joint = self._joint_changes() if self._partly else []
        if joint:
            yield ShownLine(self._together())
            yield from (ShownLine(escape(f"    {change}")) for change in joint)

    def _is_settled(self, remaining: Sequence[Line]) -> bool:
        """Say whether *remaining* lines resolve, or it is not known."""
        with suppress(InconclusiveError):
            return self._trials.resolve(remaining) is not None
        return True

    def _conflict_lines(self, core: Sequence[Line], conflict: ConflictError) -> Iterator[str]:
        lines = ", ".join(map(str, core))
        overrides = self._overrides_at_fault(core)
        beside = f", with the override {', '.join(map(_with_origin, overrides))}" if overrides else ""
        if len(core) == 1:
            yield f"  this line alone cannot be met{beside}: {lines}"
        else:
            yield f"  these lines alone conflict{beside}: {lines}"
        if core[0].requirement.specifier.is_unsatisfiable():
            yield "  its bounds exclude each other"
        yield from self._remedy_lines(core, conflict, overrides)

    def _remedy_lines(
        self, core: Sequence[Line], conflict: ConflictError, overrides: Sequence[Requirement]
    ) -> Iterator[str]:
        all_lines = self._trials.lines
        changes = self._changes(core, all_lines)
        others = [f"{override.origin}: remove the override {override}" for override in overrides]
        others += [*self._policy_remedies(conflict, all_lines), *self._hash_remedies(core, all_lines)]
        others += python_remedies(conflict, core, self._trials, settled=bool(changes or others))
        everywhere = [str(change) for change in changes if change.everywhere]
        here = [str(change) for change in changes if not change.everywhere]
        remedies = [remedy for remedy in (*everywhere, *others) if remedy not in self._suggested]
        self._suggested.update(remedies)
        if remedies:
            yield (
                "  any of these changes makes everything resolve:"
                if len(remedies) > 1
                else "  this change would resolve it:"
            )
            yield from (f"    {remedy}" for remedy in remedies)
        elif everywhere or others:
            yield "  a change listed above also resolves this"
        if here:
            yield f"  for this target, but not for the others, {_changes(here)} would resolve it:"
            yield from (f"    {remedy}" for remedy in here)
        leads = list(lead_lines(conflict, self._trials, settled=bool(changes or others)))
        yield from leads
        if not changes:
            yield from self._partial_remedy_lines(core, conflict, led_on=bool(others or leads))

    def _partial_remedy_lines(self, core: Sequence[Line], conflict: ConflictError, *, led_on: bool) -> Iterator[str]:
        """Yield what only several changes resolve, or what resolves this conflict alone.

        *led_on* says whether anything else was suggested.
        """
        together = self._trials.find_joint_changes(core, self._trials.lines)
        alone = [str(change) for change in self._changes(core, core)] if not together else []
        if together:
            yield self._together()
            yield from (f"    {change}" for change in together)
        elif alone:
            self._partly = True
            others = "perhaps not others" if self._trials.gave_up else "not others"
            yield f"  {_changes(alone)} would resolve this conflict, but {others}:"
            yield from (f"    {change}" for change in alone)
        elif self._joint_changes():
            self._partly = True
        elif not led_on and not self._trials.gave_up:
            named = any("--" in rejection.reason for each in conflict.rejected.values() for rejection in each.values())
            options = ", nor does any option named above alone" if named else ""
            which = "this line" if len(core) == 1 else "one of these lines"
            yield f"  no change of {which} alone would resolve it{options}"

    def _together(self) -> str:
        """Return the head of several changes; where a trial was inconclusive, a single one may do as well."""
        only = "" if self._trials.gave_up else " only"
        return f"  everything resolves{only} with all of these changes:"

    def _joint_changes(self) -> list[str]:
        """Return the few changes of lines that resolve all conflicts at once, [] if that takes many or is not known."""
        if self._joint is None:
            together = self._trials.find_joint_changes(self._trials.lines, self._trials.lines)
            self._joint = [str(change) for change in together if 1 < len(together) <= _MAX_TOGETHER]
        return self._joint

    def _changes(self, core: Sequence[Line], lines: Sequence[Line]) -> list[Change]:
        return [change for line in core if (change := self._trials.find_change(line, lines)) is not None]

    def _overrides_at_fault(self, core: Sequence[Line]) -> list[Requirement]:
        """Return the overrides without which *core* would resolve."""
        at_fault: list[Requirement] = []
        overrides = self._trials.requirement_set.overrides
        for override in overrides:
            with suppress(InconclusiveError):
                without = [other for other in overrides if other is not override]
                if self._trials.resolve(core, overrides=without) is not None:
                    at_fault.append(override)
        return at_fault

    def _hash_remedies(self, core: Sequence[Line], lines: Sequence[Line]) -> Iterator[str]:
        """Yield the lines that can be met once other files are allowed."""
        for line in core:
            if line.requirement.hashes:
                bare = replace(line, requirement=replace(line.requirement, hashes=frozenset()))
                if self._resolves([bare if other is line else other for other in lines], self._trials.policy):
                    replaced = f"replace the hashes of {line.requirement} with those of the file"
                    yield f"{line.requirement.origin}: {replaced}, if you trust it"

    def _provided_remedies(self, lines: Sequence[Line]) -> Iterator[str]:
        """Yield the other modes for what the image has that resolve the conflict."""
        policy = self._trials.policy
        for mode in _OTHER_MODES if policy.provided.releases and policy.provided.mode == "keep" else ():
            if self._resolves(lines, replace(policy, provided=replace(policy.provided, mode=mode))):
                yield f"{setting('provided-mode', mode)}, which {_OTHER_MODES[mode]}"

    def _policy_remedies(self, conflict: ConflictError, lines: Sequence[Line]) -> Iterator[str]:
        """Yield the options that reject releases and that, changed, resolve the conflict."""
        rejected = [
            (f"{name} {version}", name, rejection)
            for name, rejections in conflict.rejected.items()
            for version, rejection in rejections.items()
        ]
        kinds = {rejection.kind for _, _, rejection in rejected}
        policy = self._trials.policy
        yield from self._provided_remedies(lines)
        if "prerelease" in kinds and self._resolves(lines, replace(policy, stable_only=False)):
            newest = next(release for release, _, rejection in rejected if rejection.kind == "prerelease")
            yield f"omit {setting('no-pre')}, which rejects {newest}"
        if "newer" in kinds:
            yield from self._date_remedies(lines, [(release, rejection) for release, _, rejection in rejected])
        for name in dict.fromkeys(name for _, name, rejection in rejected if rejection.kind == "binary"):
            if name in policy.only_binary and self._resolves(
                lines, replace(policy, only_binary=_without(policy.only_binary, name))
            ):
                yield f"{setting('only-binary')} without {name}"
            if name in policy.no_binary and self._resolves(
                lines, replace(policy, no_binary=_without(policy.no_binary, name))
            ):
                yield f"{setting('no-binary')} without {name}"
        if "build" in kinds:
            builds = self._trials.find_builds(lines)
            if builds:
                option = setting("allow-build", ",".join(each.name for each in builds))
                needs = "it needs" if len(builds) == 1 else "they need"
                named = ", ".join(each.release for each in builds)
                yield f"{option}, which builds {named}; what {needs} is known only after that"
        for release, name, rejection in rejected:
            version = release.rpartition(" ")[2]
            if rejection.kind == "yanked" and self._resolves([*lines, self._pinned(name, version)], policy):
                yield f"add the line {name}=={version}, which pins the yanked release"

    def _pinned(self, name: NormalizedName, version: str) -> Line:
        """Return a line of the user's that pins *version*."""
        origin = self._trials.lines[0].requirement.origin
        specifier = SpecifierSet(f"=={version}")
        pin = Requirement(name=name, extras=(), specifier=specifier, marker=None, origin=origin)
        return Line(pin, constraint=False)

    def _date_remedies(self, lines: Sequence[Line], rejected: Sequence[tuple[str, Rejection]]) -> Iterator[str]:
        """Yield the earliest --exclude-newer that resolves, none where the upload times of files are not known."""
        dated = sorted(
            ((rejection.uploaded, release) for release, rejection in rejected if rejection.uploaded is not None),
            key=lambda item: item[0],
        )
        for uploaded, release in dated[:_MAX_DATES]:
            after = (uploaded + timedelta(seconds=1)).replace(microsecond=0)
            if self._resolves(lines, replace(self._trials.policy, exclude_newer=after)):
                yield f"{setting('exclude-newer', after.strftime('%Y-%m-%dT%H:%M:%SZ'))}, which allows {release}"
                break
        yield from self._exemption_remedies(lines, rejected)

    def _exemption_remedies(self, lines: Sequence[Line], rejected: Sequence[tuple[str, Rejection]]) -> Iterator[str]:
        """Yield which exemptions of the date resolve, where an index does not say when files were uploaded."""
        policy = self._trials.policy
        untimed = [
            (release, rejection)
            for release, rejection in rejected
            if rejection.kind == "newer" and rejection.uploaded is None
        ]
        for release, rejection in untimed[:1]:
            project = release.partition(" ")[0]
            words = [project, *([f"index:{redact(rejection.origin)}"] if rejection.origin else [])]
            for word in words:
                exempt = parse_exemptions((*policy.exempt.words, word))
                if self._resolves(lines, replace(policy, exempt=exempt)):
                    yield f"{setting('exclude-newer-except', word)}, which allows {project}"

    def _resolves(self, lines: Sequence[Line], policy: Policy) -> bool:
        with suppress(InconclusiveError):
            return self._trials.resolve(lines, policy=policy) is not None
        return False


def _without(selection: ProjectSelection, name: NormalizedName) -> ProjectSelection:
    return ProjectSelection(names=selection.names - {name})


def _changes(shown: Sequence[str]) -> str:
    return "this change" if len(shown) == 1 else "any of these changes"


def _with_origin(requirement: Requirement) -> str:
    return f"{requirement} ({requirement.origin})"
