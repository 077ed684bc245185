"""A `RequirementSet`, a `Target` and an `Index` in, a `Resolution` out; resolvelib does the search."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import resolvelib
from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.errors import LockmlError, NoResolutionError, NotFoundError
from lockml.common.progress import Progress, silent
from lockml.common.references import FolderReference
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.merged_lines import group_by_name, merge_lines
from lockml.resolution.candidates.problem import Problem
from lockml.resolution.candidates.unread_metadata import describe_unread
from lockml.resolution.dependencies import dependency_applies
from lockml.resolution.model import PassedOver, Pin, Policy, Preferences, ProvidedRelease, Resolution
from lockml.resolution.passed_over import compare_with_hopeful, newest_unusable
from lockml.resolution.prefetch import Prefetcher
from lockml.resolution.provider import Candidate, Identifier, LockProvider, SearchRequirement
from lockml.resolution.references import open_references
from lockml.resolution.search import search
from lockml.resolution.unbuilt import AssumingIndex, Obstacle, RememberingIndex, TrialIndex

__all__ = ["resolve"]

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
    remembering = index if isinstance(index, TrialIndex | RememberingIndex) else RememberingIndex(index)
    problem = _build_problem(requirement_set, roots, target, remembering, policy, preferences)
    try:
        solved = _solve(roots, problem, progress)
    except _LackingExtraError:  # better a release without an extra, and a warning, than none
        solved = _solve(roots, replace(problem, user_bounds={}), progress)
    passed_over = _passed_over(solved, roots, progress)
    warnings = _warnings(solved.pins, solved.finder, solved.provider, solved.mapping)
    warnings = (*warnings, *_image_warnings(solved))
    return Resolution(
        target=target,
        pins=solved.pins,
        requirements=all_roots,
        warnings=(*warnings, *map(str, passed_over)),
        passed_over=passed_over,
        provided=solved.provided,
    )


class _LackingExtraError(Exception):
    """Nothing satisfies the requirements as long as releases without an extra that the user asks for are rejected.

    Internal: never reaches the user; `resolve` then lets such releases in.
    """


class _Solved(Struct, kw_only=True):
    """What a search found, and what it knows of what it did not choose; *mapping* has the candidates of the pins."""

    pins: tuple[Pin, ...]
    provided: tuple[ProvidedRelease, ...]
    requirements: tuple[SearchRequirement, ...]
    mapping: dict[Identifier, Candidate]
    provider: LockProvider
    finder: CandidateFinder


def _solve(roots: Sequence[Requirement], problem: Problem, progress: Progress) -> _Solved:
    """Return what meets *roots*; raises NoResolutionError, or _LackingExtraError where less could be asked."""
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
    mapping = _reachable(requirements, _search(requirements, provider, finder, progress), provider)
    pins = _build_pins(mapping, provider, problem.target)
    return _Solved(
        pins=pins,
        provided=_provided(mapping),
        requirements=tuple(requirements),
        mapping=mapping,
        provider=provider,
        finder=finder,
    )


def _provided(mapping: dict[Identifier, Candidate]) -> tuple[ProvidedRelease, ...]:
    """Return which of the image's own releases stand for a pin, with the extras that are asked of them."""
    required = _required_extras(mapping)
    found = {
        name: replace(candidate.release.provided, extras=tuple(required[name]))
        for (name, _), candidate in mapping.items()
        if candidate.release.provided is not None
    }
    return tuple(each for _, each in sorted(found.items()))


def _search(
    requirements: Sequence[SearchRequirement], provider: LockProvider, finder: CandidateFinder, progress: Progress
) -> Mapping[Identifier, Candidate]:
    """Return the pins that the search finds; raises NoResolutionError, or _LackingExtraError."""
    rounds = finder.problem.policy.max_rounds
    try:
        return search(provider, requirements, rounds=rounds, progress=progress).mapping
    except resolvelib.ResolutionImpossible as error:
        if finder.rejections.lacking_extras:
            raise _LackingExtraError from error
        from lockml.resolution.explanation import explain

        raise explain(tuple(error.causes), finder, provider, requirements) from error
    except resolvelib.ResolutionTooDeep as error:
        raise NoResolutionError(
            f"gave up after {rounds} rounds without an answer", hint="bound more of the requirements", gave_up=True
        ) from error


def _build_problem(
    requirement_set: RequirementSet,
    roots: Sequence[Requirement],
    target: Target,
    index: Index,
    policy: Policy,
    preferences: Preferences,
) -> Problem:
    overrides = {
        name: tuple(merge_lines(_applicable(lines, target)))
        for name, lines in group_by_name(requirement_set.overrides).items()
    }
    constraints = merge_lines(_applicable(requirement_set.constraints, target))
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
        allowed_hashes=requirement_set.hashes,
        references=open_references((*roots, *constraints, *overriding), target, index),
        user_bounds=_user_bounds(roots),
    )


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


def _reachable(
    requirements: Sequence[SearchRequirement], mapping: Mapping[Identifier, Candidate], provider: LockProvider
) -> dict[Identifier, Candidate]:
    """Return what of *mapping* *requirements* lead to: backtracking leaves pins behind that nothing needs any more.

    resolvelib would leave them out too, but it recurses without end where such pins need each other.
    """
    reached: dict[Identifier, Candidate] = {}
    waiting = list(requirements)
    while waiting:
        identifier = waiting.pop().identifier
        if identifier not in reached:
            reached[identifier] = mapping[identifier]
            waiting += provider.dependencies[mapping[identifier]]
    return reached


def _applicable(requirements: Sequence[Requirement], target: Target) -> list[Requirement]:
    return [requirement for requirement in requirements if requirement.applies_to(target.environment)]


def _require_projects(roots: Sequence[Requirement], problem: Problem) -> None:
    at_hand = {*problem.references, *problem.policy.provided.releases}
    missing = [root for root in roots if root.name not in at_hand and problem.index.project(root.name) is None]
    if missing:
        subjects = ", ".join(f"{root.name!r} ({root.origin})" for root in missing)
        raise NotFoundError(
            subjects, "no index has a project of this name", hint=f"check the spelling and the {setting('index-url')}"
        )


def _build_pins(mapping: dict[Identifier, Candidate], provider: LockProvider, target: Target) -> tuple[Pin, ...]:
    pins: list[Pin] = []
    as_is, required = provider.policy.as_is, _required_extras(mapping)
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


def _required_extras(mapping: Mapping[Identifier, Candidate]) -> dict[NormalizedName, list[NormalizedName]]:
    """Return the extras that are asked for of each project, sorted."""
    required: dict[NormalizedName, list[NormalizedName]] = {}
    for name, extra in sorted(mapping, key=lambda identifier: (identifier[0], identifier[1] or "")):
        required.setdefault(name, []).extend(() if extra is None else (extra,))
    return required


def _warnings(
    pins: Sequence[Pin], finder: CandidateFinder, provider: LockProvider, mapping: dict[Identifier, Candidate]
) -> tuple[str, ...]:
    warnings: list[str] = []
    required = _required_extras(mapping)
    for pin in pins:
        if pin.yanked is not None:
            warnings.append(f"{pin.name} {pin.version} was yanked: {pin.yanked or 'no reason given'}")
        built = pin.build.python if pin.build is not None else None
        if built is not None and not built.startswith(f"{finder.problem.target.environment['python_version']}."):
            warnings.append(
                f"{pin.name} {pin.version} was built by Python {built} to learn what it needs, "
                f"and may need other things for {finder.problem.target}"
            )
        project = finder.project(pin.name) if pin.source is None else None
        if project is not None and project.status != "active":
            reason = f" ({project.status_reason})" if project.status_reason else ""
            warnings.append(f"{pin.name} is {project.status} on its index{reason}")
        offered = provider.metadata(mapping[pin.name, None].release).provides_extra
        warnings.extend(
            f"{pin.name} {pin.version} has no extra {extra!r}" for extra in required[pin.name] if extra not in offered
        )
    read = {f"{pin.name} {pin.version}": provider.metadata(mapping[pin.name, None].release) for pin in pins}
    return (*warnings, *describe_unread(read))


def _image_warnings(solved: _Solved) -> Iterator[str]:
    """Yield what the image's own releases lack of what is asked of them, and what of the image a pin breaks."""
    for each in solved.provided:
        for extra in each.extras:
            if extra not in each.metadata.provides_extra:
                yield f"{each.metadata.name} {each.metadata.version} of the base image has no extra {extra!r}"
    problem, pinned = solved.finder.problem, {pin.name: pin.version for pin in solved.pins}
    releases = problem.policy.provided.releases
    broken: dict[NormalizedName, list[str]] = {}
    for name, release in releases.items() if not problem.policy.as_is else ():
        for needed in release.metadata.requires_dist if name not in pinned else ():
            version, bound = pinned.get(needed.name), parse_bound(needed.specifier)
            before = releases.get(needed.name)
            lived_with = before is not None and not bound.admits(before.metadata.version)
            if version is None or lived_with or bound.admits(version):
                continue
            if dependency_applies(needed, problem.target, None):
                broken.setdefault(needed.name, []).append(f"{name} {release.metadata.version} ({needed.name}{bound})")
    for name, needing in sorted(broken.items()):
        yield f"{name} {pinned[name]} is locked, and is not what the base image's {', '.join(sorted(needing))} needs"


def _passed_over(solved: _Solved, roots: Sequence[Requirement], progress: Progress) -> tuple[PassedOver, ...]:
    """Return which newer releases were not to be had, one of a project: another search tells, where it may be so.

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
            hopeful = _solve(roots, replace(problem, index=assuming, policy=policy), progress)
        except (LockmlError, _LackingExtraError):  # then the obvious is told
            passed = newest_unusable(pinned, solved.provider.unusable)
        else:
            releases = [candidate.release for candidate in hopeful.mapping.values()]
            unfit = {(release.name, release.version): release.unfit for release in releases}
            obstacles = {key: replace(each, unfit=unfit.get(key, "")) for key, each in assuming.obstacles.items()}
            passed = compare_with_hopeful(solved.pins, hopeful.pins, obstacles)
        found |= {each.name: each for each in passed}
    return tuple(found[name] for name in sorted(found))


def _unfit_releases(solved: _Solved) -> Iterator[PassedOver]:
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


def _bounds_on(name: NormalizedName, solved: _Solved) -> list[Bound]:
    """Return what the roots and all that is pinned require of *name*."""
    dependencies = solved.provider.dependencies
    pinned = (requirement for candidate in solved.mapping.values() for requirement in dependencies[candidate])
    return [
        requirement.bound
        for requirement in (*solved.requirements, *pinned)
        if requirement.identifier[0] == name and requirement.identifier[1] is None
    ]
