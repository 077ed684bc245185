"""Resolves a `RequirementSet` for a `Target`; resolvelib does the search."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import resolvelib
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.errors import LockmlError, NoResolutionError
from lockml.common.progress import Progress, silent
from lockml.common.references import FolderReference
from lockml.common.target import Target
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.dependencies import dependency_applies
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.merged_lines import allowed_hashes, group_by_name, merge_lines, require_few_projects
from lockml.resolution.candidates.problem import Problem
from lockml.resolution.improvement import Improved, improve
from lockml.resolution.model import Obstacle, PassedOver, Pin, Policy, Preferences, ProvidedRelease, Resolution
from lockml.resolution.passed_over import compare_with_hopeful, newest_unusable
from lockml.resolution.prefetch import Prefetcher
from lockml.resolution.provider import Candidate, Identifier, LockProvider, SearchRequirement
from lockml.resolution.references import open_references
from lockml.resolution.search import Nogoods, reachable, search
from lockml.resolution.unbuilt import AssumingIndex, RememberingIndex, TooMuchToReadError, TrialIndex
from lockml.resolution.warnings import Solved, find_warnings, required_extras

if TYPE_CHECKING:
    from lockml.resolution.explanation import ConflictError

__all__ = ["UnexplainedConflictError", "resolve"]

_HOPEFUL_ROUNDS: Final = 5_000


def resolve(
    requirement_set: RequirementSet,
    target: Target,
    index: Index,
    *,
    policy: Policy,
    preferences: Preferences,
    progress: Progress = silent,
) -> Resolution:
    """Return pins that satisfy all of *requirement_set* on *target*; the same for any order of the requirements.

    Raises NoResolutionError with an explanation, NotFoundError for requirements on projects that no index has,
    RequirementError for direct references that hold nothing usable, PackageIndexError where the index does not answer.
    """
    lines = _applicable(requirement_set.requirements, target)
    all_roots = tuple(sorted(lines, key=lambda line: (line.name, str(line), str(line.origin))))
    roots = merge_lines(all_roots)
    require_few_projects(roots)
    remembering = index if isinstance(index, TrialIndex | RememberingIndex) else RememberingIndex(index)
    problem = _build_problem(requirement_set, roots, target, remembering, policy, preferences)
    solved = _solve_at_any_price(roots, problem, progress)
    passed_over = _passed_over(solved, roots, progress)
    return Resolution(
        target=target,
        pins=solved.pins,
        requirements=all_roots,
        warnings=(*find_warnings(solved), *map(str, passed_over)),
        passed_over=passed_over,
        provided=solved.provided,
    )


class UnexplainedConflictError(Exception):
    """Nothing satisfies the requirements of a trial; *explain* works out why, which is mostly not needed.

    Internal: never reaches the user; `TrialResolver` has the last one explained if that is shown.
    """

    def __init__(self, explain: "Callable[[], ConflictError]") -> None:
        super().__init__("nothing satisfies the requirements of a trial")
        self.explain = explain


class _TooStrictError(Exception):
    """Nothing satisfies the requirements, but a laxer *problem* admits something that was excluded.

    Internal: never reaches the user; `_solve_at_any_price` then solves that problem.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def _solve_at_any_price(roots: Sequence[Requirement], problem: Problem, progress: Progress) -> Solved:
    """Return what meets *roots*: releases without an extra, or pre-releases that no line names, if nothing else does.

    Raises NoResolutionError. A trial only finds out whether there is an answer, and tries everything at once.
    """
    if problem.trial:
        problem = replace(problem, any_prerelease=True)
    while True:
        try:
            return _solve(roots, problem, progress)
        except _TooStrictError as error:
            problem = error.problem


def _solve(roots: Sequence[Requirement], problem: Problem, progress: Progress) -> Solved:
    """Return what meets *roots*; raises NoResolutionError, or _TooStrictError where less could be asked."""
    finder = CandidateFinder(problem)
    prefetcher = Prefetcher(problem, finder.screen)
    prefetcher.fetch_expected()
    for root in roots:
        for extra in (None, *root.extras):
            prefetcher.fetch_project(root.name, extra, parse_bound(str(root.specifier)), by_user=True)
    _require_projects(roots, problem)
    names = sorted({root.name for root in roots})
    provider = LockProvider(finder, {name: index for index, name in enumerate(names)}, prefetcher)
    requirements = [
        requirement
        for root in roots
        for requirement in provider.requirements(
            root.name, root.extras, parse_bound(str(root.specifier)), root.origin, root.reference
        )
    ]
    nogoods = Nogoods()
    mapping = reachable(requirements, _search(requirements, provider, finder, progress, nogoods), provider)
    improved = Improved(mapping, ())
    if not problem.trial:  # whose pins are not kept
        improved = improve(requirements, mapping, provider, finder, nogoods)
    mapping = improved.mapping
    pins = _build_pins(mapping, provider, problem.target)
    return Solved(
        pins=pins,
        provided=_provided(mapping),
        requirements=tuple(requirements),
        mapping=mapping,
        provider=provider,
        finder=finder,
        untried=improved.untried,
    )


def _provided(mapping: dict[Identifier, Candidate]) -> tuple[ProvidedRelease, ...]:
    """Return which of the image's own releases stand for a pin, with the extras that are asked of them."""
    required = required_extras(mapping)
    found = {
        name: replace(candidate.release.provided, extras=tuple(required[name]))
        for (name, _), candidate in mapping.items()
        if candidate.release.provided is not None
    }
    return tuple(each for _, each in sorted(found.items()))


def _search(
    requirements: Sequence[SearchRequirement],
    provider: LockProvider,
    finder: CandidateFinder,
    progress: Progress,
    nogoods: Nogoods,
) -> Mapping[Identifier, Candidate]:
    """Return the pins that the search finds; raises NoResolutionError, or _TooStrictError."""
    rounds = finder.problem.policy.max_rounds
    try:
        return search(provider, requirements, rounds=rounds, progress=progress, nogoods=nogoods).mapping
    except resolvelib.ResolutionImpossible as error:
        laxer = _laxer(finder)
        if laxer is not None:
            raise _TooStrictError(laxer) from error
        from lockml.resolution.explanation import explain

        explained = partial(explain, tuple(error.causes), finder, provider, requirements)
        if finder.problem.trial:
            raise UnexplainedConflictError(explained) from error
        raise explained() from error
    except resolvelib.ResolutionTooDeep as error:
        raise NoResolutionError(
            f"gave up after {rounds} rounds without an answer", hint="add bounds to more requirements", gave_up=True
        ) from error


def _laxer(finder: CandidateFinder) -> Problem | None:
    """Return the problem that admits more, None if nothing is excluded that could be admitted."""
    problem = finder.problem
    if finder.rejections.lacking_extras:  # better a release without an extra, and a warning, than none
        return replace(problem, user_bounds={})
    if finder.rejections.withheld and not problem.any_prerelease:
        return replace(problem, any_prerelease=True)
    return None


def _build_problem(
    requirement_set: RequirementSet,
    roots: Sequence[Requirement],
    target: Target,
    index: RememberingIndex | TrialIndex,
    policy: Policy,
    preferences: Preferences,
) -> Problem:
    overrides = {
        name: tuple(merge_lines(_applicable(lines, target)))
        for name, lines in group_by_name(requirement_set.overrides).items()
    }
    constraining = _applicable(requirement_set.constraints, target)
    constraints = merge_lines(constraining)
    overriding = [line for lines in overrides.values() for line in lines]
    policy = _without_own(policy, (*roots, *overriding))
    return Problem(
        index=index,
        target=target,
        policy=policy,
        preferences=preferences,
        constraints=group_by_name(constraints),
        prerelease_names=requirement_set.prerelease_names,
        named_by_user=frozenset(root.name for root in roots),
        pinned_by_user=frozenset(
            line.name for line in (*roots, *requirement_set.overrides) if parse_bound(str(line.specifier)).pins
        ),
        overrides=overrides,
        allowed_hashes=allowed_hashes([*_hashed(requirement_set, target), *constraining]),
        references=open_references((*roots, *constraints, *overriding), target, index),
        user_bounds=_user_bounds(roots),
        judgements=index.judgements,
        trial=isinstance(index, TrialIndex),
    )


def _hashed(requirement_set: RequirementSet, target: Target) -> Iterator[Requirement]:
    """Yield the lines whose hashes count on *target*: overrides replace the requirements on their projects."""
    overriding = _applicable(requirement_set.overrides, target)
    replaced = {line.name for line in requirement_set.overrides}
    yield from overriding
    yield from (line for line in _applicable(requirement_set.requirements, target) if line.name not in replaced)


def _without_own(policy: Policy, lines: Sequence[Requirement]) -> Policy:
    """Return *policy* without what the image has of the user's own projects, which *lines* name by their folders."""
    own = {line.name for line in lines if isinstance(line.reference, FolderReference)}
    if own.isdisjoint(policy.provided.releases):
        return policy
    releases = {name: release for name, release in policy.provided.releases.items() if name not in own}
    return replace(policy, provided=replace(policy.provided, releases=releases))


def _user_bounds(roots: Sequence[Requirement]) -> dict[tuple[NormalizedName, NormalizedName | None], frozenset[Bound]]:
    """Return all bounds of the user's on the project of each extra that they ask for."""
    bounds = {
        name: frozenset(parse_bound(str(line.specifier)) for line in lines)
        for name, lines in group_by_name(roots).items()
    }
    return {(root.name, extra): bounds[root.name] for root in roots for extra in root.extras}


def _applicable(requirements: Sequence[Requirement], target: Target) -> list[Requirement]:
    return [requirement for requirement in requirements if requirement.applies_to(target.environment)]


def _require_projects(roots: Sequence[Requirement], problem: Problem) -> None:
    at_hand = {*problem.references, *problem.policy.provided.releases}
    missing = [root for root in roots if root.name not in at_hand and problem.index.project(root.name) is None]
    if missing:
        from lockml.resolution.candidates.elsewhere import missing_projects  # only for a refusal

        raise missing_projects(missing, problem.index)


def _build_pins(mapping: dict[Identifier, Candidate], provider: LockProvider, target: Target) -> tuple[Pin, ...]:
    pins: list[Pin] = []
    as_is, required = provider.policy.as_is, required_extras(mapping)
    for (name, extra), candidate in sorted(mapping.items(), key=lambda item: item[0][0]):
        release = candidate.release
        if extra is not None or release.provided is not None:
            continue
        metadata = provider.metadata(release)
        extras = tuple(extra for extra in required[name] if extra in metadata.provides_extra)
        needed = {
            dependency.name
            for dependency in metadata.requires_dist
            if any(dependency_applies(dependency, target, extra) for extra in (None, *extras))
        }
        pins.append(
            Pin(
                name=name,
                version=release.version,
                extras=extras,
                files=release.files,
                dependencies=tuple(sorted(needed - {name} if not as_is else (needed & required.keys()) - {name})),
                requires_python=metadata.requires_python,
                index_url=release.index_url,
                yanked=release.yanked,
                source=release.source,
                build=metadata.build,
            )
        )
    return tuple(pins)


def _passed_over(solved: Solved, roots: Sequence[Requirement], progress: Progress) -> tuple[PassedOver, ...]:
    """Return which newer releases were not available, one of a project: another search finds out, if there may be any.

    That search takes what has to be built, or cannot be read, as if it needed nothing.
    """
    problem, index = solved.finder.problem, solved.finder.problem.index
    pinned = {pin.name: pin.version for pin in solved.pins}
    found = {each.name: each for each in _unfit_releases(solved)}
    in_the_way = any(
        release.own_metadata is None and (release.name not in pinned or release.version > pinned[release.name])
        for release in solved.provider.unusable
    )
    if in_the_way and isinstance(index, RememberingIndex):
        assuming = AssumingIndex(index, unreadable=True)
        policy = replace(problem.policy, max_rounds=min(problem.policy.max_rounds, _HOPEFUL_ROUNDS))
        try:
            hopeful = _solve(roots, replace(problem, index=assuming, policy=policy, trial=True), progress)
        except (
            LockmlError,
            TooMuchToReadError,
            UnexplainedConflictError,
            _TooStrictError,
        ):  # then the obvious is shown
            passed = newest_unusable(pinned, solved.provider.unusable)
        else:
            releases = [candidate.release for candidate in hopeful.mapping.values()]
            unfit = {(release.name, release.version): release.unfit for release in releases}
            obstacles = {key: replace(each, unfit=unfit.get(key, "")) for key, each in assuming.obstacles.items()}
            passed = compare_with_hopeful(solved.pins, hopeful.pins, obstacles)
        found |= {each.name: each for each in passed}
    return tuple(found[name] for name in sorted(found))


def _unfit_releases(solved: Solved) -> Iterator[PassedOver]:
    """Yield the newest release of each project that all requirements admit and that has no wheel for the target."""
    finder = solved.finder
    for pin in solved.pins if not finder.problem.preferences.lowest else ():
        unfit = {
            version: rejection
            for version, rejection in finder.rejections.of_project(pin.name).items()
            if rejection.kind == "wheel" and version > pin.version and pin.source is None
        }
        if not unfit:
            continue
        bounds = [*finder.screen.constraints(pin.name), *_bounds_on(pin.name, solved)]
        project = finder.project(pin.name)
        for version in sorted(unfit, reverse=True):
            entries = project.releases.get(version, ()) if project is not None else ()
            if all(bound.admits(version) for bound in bounds) and any(entry.yanked is None for entry in entries):
                reason = str(unfit[version])
                obstacle = Obstacle(
                    name=pin.name, version=version, reason=reason, unfit=unfit[version].detail or reason
                )
                yield PassedOver(name=pin.name, chosen=pin.version, newer=version, obstacles=(obstacle,))
                break


def _bounds_on(name: NormalizedName, solved: Solved) -> list[Bound]:
    """Return what the roots and all that is pinned require of *name*."""
    dependencies = solved.provider.dependencies
    pinned = (requirement for candidate in solved.mapping.values() for requirement in dependencies[candidate])
    return [
        requirement.bound
        for requirement in (*solved.requirements, *pinned)
        if requirement.identifier[0] == name and requirement.identifier[1] is None
    ]
