"""A `RequirementSet`, a `Target` and an `Index` in, a `Resolution` out; resolvelib does the search."""

from collections.abc import Iterator, Mapping, Sequence

import resolvelib
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.errors import NoResolutionError, NotFoundError
from lockml.common.progress import Progress, silent
from lockml.common.target import Target
from lockml.index.protocol import Index
from lockml.requirements.model import Requirement, RequirementSet
from lockml.resolution.candidates.bounds import Bound, bound_of
from lockml.resolution.candidates.finder import Choices
from lockml.resolution.dependencies import needs
from lockml.resolution.model import Pin, Policy, Preferences, Resolution
from lockml.resolution.prefetch import Ahead
from lockml.resolution.provider import Ask, Candidate, Identifier, LockProvider
from lockml.resolution.references import open_references
from lockml.resolution.search import search

__all__ = ["resolve"]


def resolve(
    asked: RequirementSet,
    target: Target,
    index: Index,
    *,
    policy: Policy,
    preferences: Preferences,
    progress: Progress = silent,
) -> Resolution:
    """Return pins that satisfy everything *asked* on *target*; the same for any order of the requirements.

    Raises NoResolutionError with an explanation, NotFoundError for requirements on projects that no index has,
    RequirementError for direct references that hold nothing usable, PackageIndexError where the index does not answer.
    """
    roots = tuple(sorted(_applying(asked.requirements, target), key=lambda r: (r.name, str(r), str(r.origin))))
    choices = _choices(asked, roots, target, index, policy, preferences)
    try:
        return _resolved(roots, choices, progress)
    except _LackingError:
        pass
    choices = replace(_choices(asked, roots, target, index, policy, preferences), own_bounds={})
    return _resolved(roots, choices, progress)  # better a release without an extra, and a warning, than none


class _LackingError(Exception):
    """Nothing satisfies the requirements as long as releases without an extra that the user asks for are rejected.

    Internal: never reaches the user; `resolve` then lets such releases in.
    """


def _resolved(roots: Sequence[Requirement], choices: Choices, progress: Progress) -> Resolution:
    """Return what meets *roots*; raises NoResolutionError, or _LackingError where less could be asked."""
    ahead = Ahead(choices)
    ahead.begin_expected()
    for root in roots:
        for extra in (None, *root.extras):
            ahead.begin(root.name, extra, bound_of(str(root.specifier)), always=True)
    _require_known(roots, choices)
    names = sorted({root.name for root in roots})
    provider = LockProvider(choices, {name: place for place, name in enumerate(names)}, ahead)
    asks = [
        ask
        for root in roots
        for ask in provider.asks(root.name, root.extras, bound_of(str(root.specifier)), root.origin, root.reference)
    ]
    mapping = _reached(asks, _found(asks, provider, choices, progress), provider)
    pins = _pins(mapping, provider, choices.target)
    warnings = _warnings(pins, choices, provider, mapping)
    return Resolution(target=choices.target, pins=pins, requirements=tuple(roots), warnings=warnings)


def _found(
    asks: Sequence[Ask], provider: LockProvider, choices: Choices, progress: Progress
) -> Mapping[Identifier, Candidate]:
    """Return the pins that the search finds; raises NoResolutionError, or _LackingError where less could be asked."""
    rounds = choices.policy.max_rounds
    try:
        return search(provider, asks, rounds=rounds, progress=progress).mapping
    except resolvelib.ResolutionImpossible as error:
        if choices.lacking:
            raise _LackingError from error
        from lockml.resolution.explanation import explain

        raise explain(tuple(error.causes), choices, provider, asks) from error
    except resolvelib.ResolutionTooDeep as error:
        raise NoResolutionError(
            f"gave up after {rounds} rounds without an answer", hint="bound more of the requirements", gave_up=True
        ) from error


def _choices(
    asked: RequirementSet,
    roots: Sequence[Requirement],
    target: Target,
    index: Index,
    policy: Policy,
    preferences: Preferences,
) -> Choices:
    overrides = {name: tuple(_applying(many, target)) for name, many in _by_name(asked.overrides).items()}
    constraints = _applying(asked.constraints, target)
    overriding = [each for many in overrides.values() for each in many]
    return Choices(
        index=index,
        target=target,
        policy=policy,
        preferences=preferences,
        constraints=_by_name(constraints),
        prerelease_names=asked.prerelease_names,
        direct=frozenset(root.name for root in roots),
        pinned_by_user=frozenset(
            each.name for each in (*roots, *asked.overrides) if bound_of(str(each.specifier)).pins
        ),
        hashes=asked.hashes,
        overrides=overrides,
        referenced=open_references((*roots, *constraints, *overriding), target, index),
        own_bounds=_own_bounds(roots),
    )


def _own_bounds(roots: Sequence[Requirement]) -> dict[tuple[NormalizedName, NormalizedName | None], frozenset[Bound]]:
    """Return all bounds of the user's on the project of each extra that they ask for."""
    bounds = {name: frozenset(bound_of(str(each.specifier)) for each in many) for name, many in _by_name(roots).items()}
    return {(root.name, extra): bounds[root.name] for root in roots for extra in root.extras}


def _reached(
    asks: Sequence[Ask], mapping: Mapping[Identifier, Candidate], provider: LockProvider
) -> dict[Identifier, Candidate]:
    """Return what of *mapping* is needed, *asks* first: backtracking leaves pins behind that nothing needs any more.

    resolvelib would leave them out too, but it recurses without end where such pins need each other.
    """
    reached: dict[Identifier, Candidate] = {}
    waiting = list(asks)
    while waiting:
        identifier = waiting.pop().identifier
        if identifier not in reached:
            reached[identifier] = mapping[identifier]
            waiting += provider.edges[mapping[identifier]]
    return reached


def _applying(requirements: Sequence[Requirement], target: Target) -> list[Requirement]:
    return [requirement for requirement in requirements if requirement.applies_to(target.environment)]


def _by_name(requirements: Sequence[Requirement]) -> dict[NormalizedName, tuple[Requirement, ...]]:
    named: dict[NormalizedName, tuple[Requirement, ...]] = {}
    for requirement in requirements:
        named[requirement.name] = (*named.get(requirement.name, ()), requirement)
    return named


def _require_known(roots: Sequence[Requirement], choices: Choices) -> None:
    missing = [
        root for root in roots if root.name not in choices.referenced and choices.index.project(root.name) is None
    ]
    if missing:
        places = ", ".join(f"{root.name!r} ({root.origin})" for root in missing)
        raise NotFoundError(
            places, "no index has a project of this name", hint="check the spelling and the --index-url"
        )


def _pins(mapping: dict[Identifier, Candidate], provider: LockProvider, target: Target) -> tuple[Pin, ...]:
    pins: list[Pin] = []
    for (name, extra), candidate in sorted(mapping.items(), key=lambda item: item[0][0]):
        if extra is not None:
            continue
        release = candidate.release
        metadata = provider.metadata(release)
        extras = tuple(extra for extra in _asked_extras(name, mapping) if extra in metadata.provides_extra)
        needed = {
            requirement.name
            for requirement in metadata.requires_dist
            if any(needs(requirement, target, active) for active in (None, *extras))
        }
        pins.append(
            Pin(
                name=name,
                version=release.version,
                extras=extras,
                files=release.files,
                dependencies=tuple(sorted(needed - {name})),
                requires_python=metadata.requires_python,
                index_url=release.index_url,
                yanked=release.yanked,
                source=release.source,
                build=metadata.build,
            )
        )
    return tuple(pins)


def _asked_extras(name: NormalizedName, mapping: Mapping[Identifier, Candidate]) -> list[NormalizedName]:
    return sorted(extra for project, extra in mapping if project == name and extra is not None)


def _warnings(
    pins: Sequence[Pin], choices: Choices, provider: LockProvider, mapping: dict[Identifier, Candidate]
) -> tuple[str, ...]:
    warnings: list[str] = []
    for pin in pins:
        if pin.yanked is not None:
            warnings.append(f"{pin.name} {pin.version} was yanked: {pin.yanked or 'no reason given'}")
        built = pin.build.python if pin.build is not None else None
        if built is not None and not built.startswith(f"{choices.target.environment['python_version']}."):
            warnings.append(
                f"{pin.name} {pin.version} was built by Python {built} to learn what it needs, "
                f"and may need other things for {choices.target}"
            )
        project = choices.project(pin.name) if pin.source is None else None
        if project is not None and project.status != "active":
            reason = f" ({project.status_reason})" if project.status_reason else ""
            warnings.append(f"{pin.name} is {project.status} on its index{reason}")
        offered = provider.metadata(mapping[pin.name, None].release).provides_extra
        warnings.extend(
            f"{pin.name} {pin.version} has no extra {extra!r}"
            for extra in _asked_extras(pin.name, mapping)
            if extra not in offered
        )
    return (*warnings, *_passed_over(pins, provider))


def _passed_over(pins: Sequence[Pin], provider: LockProvider) -> Iterator[str]:
    """Yield which newer releases than *pins* were tried and cannot be used: a page or a mirror may be at fault."""
    pinned = {pin.name: pin.version for pin in pins if pin.source is None}
    for release, reason in sorted(provider.unusable.items(), key=lambda each: (each[0].name, each[0].version)):
        version = pinned.get(release.name)
        if version is not None and release.version > version:
            yield f"{release.name} {release.version} is passed over for {version}: {reason}"
