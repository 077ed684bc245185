"""An independent judge of resolutions: on `packaging` alone, by walking the requirements and by searching them all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

__all__ = ["Release", "better_release", "faults_of", "satisfiable"]


@dataclass(frozen=True, slots=True)
class Release:
    """What a release requires, and whether the target may install it."""

    requires: tuple[str, ...]
    installable: bool


Universe = Mapping[str, Mapping[Version, Release]]


def faults_of(
    pins: Mapping[str, Version], asked: Sequence[str], universe: Universe, environment: Mapping[str, str]
) -> list[str]:
    """Return what is wrong with *pins*: requirements not met, pins that nothing needs or that do not install."""
    faults: list[str] = []
    needed: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in asked]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        version = pins.get(name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"{requirement} is not met by {version}")
            continue
        release = universe[name][version]
        if not release.installable:
            faults.append(f"{name} {version} cannot be installed")
        for wanted in ("", *map(canonicalize_name, requirement.extras)):
            if (name, wanted) not in needed:
                needed.add((name, wanted))
                waiting += [(Requirement(text), wanted) for text in release.requires]
    faults += [f"nothing needs {name}" for name in sorted(set(pins) - {name for name, _ in needed})]
    return faults


def satisfiable(asked: Sequence[str], universe: Universe, environment: Mapping[str, str]) -> bool:
    """Say whether any pins at all satisfy *asked*, by depth-first search over every release."""

    def search(pins: Mapping[str, Version], waiting: Sequence[tuple[Requirement, str]]) -> bool:
        if not waiting:
            return True
        (requirement, extra), *rest = waiting
        if requirement.marker and not requirement.marker.evaluate({**environment, "extra": extra}):
            return search(pins, rest)
        name = canonicalize_name(requirement.name)
        releases = universe.get(name, {})
        for version in [pins[name]] if name in pins else releases:
            if releases[version].installable and requirement.specifier.contains(version, prereleases=True):
                wanted = ("", *map(canonicalize_name, requirement.extras))
                more = [(Requirement(text), extra) for extra in wanted for text in releases[version].requires]
                seen = [item for item in more if name not in pins or item[1]]
                if search({**pins, name: version}, [*rest, *seen]):
                    return True
        return False

    return search({}, [(Requirement(text), "") for text in asked])


def better_release(
    pins: Mapping[str, Version], asked: Sequence[str], universe: Universe, environment: Mapping[str, str]
) -> str | None:
    """Return a newer release than one of *pins* that fits, where only what it needs gets newer too; None for none."""
    for name, pin in pins.items():
        for version in [version for version in universe[name] if version > pin]:
            newer = {**pins, name: version}
            free = needed_by(name, pins, universe, environment) | needed_by(name, newer, universe, environment)
            left: dict[str, Mapping[Version, Release]] = {}
            for other, releases in universe.items():
                own = pins.get(other)
                left[other] = {
                    each: release
                    for each, release in releases.items()
                    if own is None or each == own or (each > own and other in free)
                }
            left[name] = {version: universe[name][version]}
            if satisfiable([*asked, name], left, environment):
                return f"{name} {version}"
    return None


def needed_by(name: str, pins: Mapping[str, Version], universe: Universe, environment: Mapping[str, str]) -> set[str]:
    """Return *name* and what it needs in the end, with any of its extras."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in reached or current not in pins:
            continue
        reached.add(current)
        for text in universe[current][pins[current]].requires:
            requirement = Requirement(text)
            without = {**environment, "extra": ""}
            if requirement.marker is None or "extra" in text or requirement.marker.evaluate(without):
                waiting.append(canonicalize_name(requirement.name))
    return reached
