"""Warns of what is unusual about the result of a search and does not prevent it."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.settings import setting
from lockml.index.model import CoreMetadata
from lockml.resolution.candidates.bounds import parse_bound
from lockml.resolution.candidates.dependencies import dependency_applies
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.unread_metadata import describe_unread
from lockml.resolution.model import Pin, ProvidedRelease
from lockml.resolution.provider import Candidate, Identifier, LockProvider, SearchRequirement

__all__ = ["Solved", "find_warnings", "required_extras"]

_MOST_NAMED = 4  # pre-releases, extras or projects in one warning


class Solved(Struct, kw_only=True):
    """What a search found, and what it knows of what it did not choose; *mapping* has the candidates of the pins.

    *untried* are the projects of which better releases may fit, as trying all was too much.
    """

    pins: tuple[Pin, ...]
    provided: tuple[ProvidedRelease, ...]
    requirements: tuple[SearchRequirement, ...]
    mapping: dict[Identifier, Candidate]
    provider: LockProvider
    finder: CandidateFinder
    untried: tuple[NormalizedName, ...] = ()


def find_warnings(solved: Solved) -> Iterator[str]:
    """Yield what is unusual about the pins of *solved*, and what they change for the base image."""
    yield from _prerelease_warnings(solved)
    extras = required_extras(solved.mapping)
    for pin in solved.pins:
        yield from _pin_warnings(pin, solved, extras[pin.name])
    metadata = {f"{pin.name} {pin.version}": _metadata(pin, solved) for pin in solved.pins}
    yield from describe_unread(metadata)
    yield from _image_warnings(solved)
    yield from _missing_projects(solved)
    for name in solved.untried:
        age = "older" if solved.finder.problem.tries_oldest_first(name) else "newer"
        yield f"{name} may have {age} releases that fit: there are too many to try"


def required_extras(mapping: Mapping[Identifier, Candidate]) -> dict[NormalizedName, list[NormalizedName]]:
    """Return the extras that are asked for of each project, sorted."""
    required: dict[NormalizedName, list[NormalizedName]] = {}
    for name, extra in sorted(mapping, key=lambda identifier: (identifier[0], identifier[1] or "")):
        required.setdefault(name, []).extend(() if extra is None else (extra,))
    return required


def _metadata(pin: Pin, solved: Solved) -> CoreMetadata:
    return solved.provider.metadata(solved.mapping[pin.name, None].release)


def _pin_warnings(pin: Pin, solved: Solved, extras: Iterable[NormalizedName]) -> Iterator[str]:
    if pin.yanked is not None:
        yield f"{pin.name} {pin.version} was yanked: {pin.yanked or 'no reason given'}"
    target = solved.finder.problem.target
    built = pin.build.python if pin.build is not None else None
    if built is not None and not built.startswith(f"{target.environment['python_version']}."):
        text = f"{pin.name} {pin.version} was built by Python {built} to learn what it needs"
        yield f"{text}, and may need other things for {target}"
    project = solved.finder.project(pin.name) if pin.source is None else None
    if project is not None and project.status != "active":
        reason = f" ({project.status_reason})" if project.status_reason else ""
        yield f"{pin.name} is {project.status} on its index{reason}"
    offered = _metadata(pin, solved).provides_extra
    others = f"; it has {_few(sorted(offered))}" if offered else ""
    for extra in extras:
        if extra not in offered:
            yield f"{pin.name} {pin.version} has no extra {extra!r}{others}"


def _missing_projects(solved: Solved) -> Iterator[str]:
    """Yield which newer release of a pin was passed over because it needs a project that no index has."""
    unknown = solved.finder.rejections.unknown_projects
    pinned = {pin.name: pin for pin in solved.pins if pin.source is None}
    newest: dict[NormalizedName, tuple[Version, NormalizedName]] = {}
    for candidate, needed in solved.provider.dependencies.items() if unknown else ():
        release, pin = candidate.release, pinned.get(candidate.release.name)
        missing = min(unknown.intersection(requirement.identifier[0] for requirement in needed), default=None)
        if pin is not None and missing and release.version > newest.get(pin.name, (pin.version, ""))[0]:
            newest[pin.name] = (release.version, missing)
    for name, (version, missing) in sorted(newest.items()):
        yield f"{name} {version} is passed over for {pinned[name].version}: it needs {missing}, which no index has"


def _prerelease_warnings(solved: Solved) -> Iterator[str]:
    """Yield one warning for all pre-releases that no line of the user's names, with who asks for them."""
    problem = solved.finder.problem
    unnamed = [
        pin
        for pin in solved.pins
        if pin.version.is_prerelease and pin.source is None and pin.name not in problem.prerelease_names
    ]
    if not unnamed or problem.policy.prereleases:
        return
    alone: dict[str, str] = {}
    by_reason: dict[str, list[str]] = {}
    for pin in unnamed:
        of_several, alone[f"{pin.name} {pin.version}"] = _why_prerelease(pin, solved)
        by_reason.setdefault(of_several, []).append(f"{pin.name} {pin.version}")
    shown = [f"{_few(pins)}, {reason if len(pins) > 1 else alone[pins[0]]}" for reason, pins in by_reason.items()]
    one = len(unnamed) == 1
    subject, them = ("a pre-release is", "it") if one else (f"{len(unnamed)} pre-releases are", "them")
    yield f"{subject} locked that no line of yours names ({setting('no-pre')} rejects {them}): {'; '.join(shown)}"


def _few(words: list[str]) -> str:
    left = len(words) - _MOST_NAMED
    return ", ".join(words[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _why_prerelease(pin: Pin, solved: Solved) -> tuple[str, str]:
    """Return who names a pre-release of the project, else why there was no other choice: of several, and of one."""
    for candidate in solved.mapping.values():
        for requirement in solved.provider.dependencies.get(candidate, ()):
            if requirement.identifier[0] == pin.name and requirement.specifier.prereleases:
                return f"as {candidate} asks for them", f"as {candidate} asks for {requirement}"
    if solved.finder.problem.preferences.versions.get(pin.name) == pin.version:
        return "as the lock had them", "as the lock had it"
    project = solved.finder.project(pin.name)
    if project is not None and project.only_prereleases:
        return "as their projects have no other releases", "as its project has no other releases"
    return "as no other releases fit", "as no other release fits"


def _image_warnings(solved: Solved) -> Iterator[str]:
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
        yield f"{name} {pinned[name]} is locked, and is not what the base image's {_few(sorted(needing))} needs"
