"""Find pins of a `Lock` with newer releases on an `Index`, and what holds them back."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property

from msgspec import Struct
from packaging.pylock import Package
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.durations import parse_age
from lockml.common.target import Target
from lockml.index.model import Dependency, DistributionFile, MetadataError, Project
from lockml.index.protocol import FileIndex
from lockml.lock.facts import OLD_NO_PRE
from lockml.lock.model import Lock
from lockml.lock.select import served_packages
from lockml.resolution.candidates.dependencies import dependency_applies
from lockml.resolution.candidates.release import Release, judge_release
from lockml.resolution.model import Policy, parse_exemptions, parse_selection

__all__ = ["Outdated", "find_outdated", "policy_of"]


class Outdated(Struct, frozen=True, kw_only=True):
    """A pin with a *newest* release that its target can install.

    *held_by* are the requirements that exclude that one, with their origin; () if `compile --upgrade` may choose it.
    """

    name: NormalizedName
    locked: Version
    newest: Version
    target: Target
    held_by: tuple[str, ...]


def policy_of(lock: Lock, now: datetime) -> Policy:
    """Return the part of the lock's policy that decides which releases count; an age is relative to *now*."""
    facts = (lock.pylock.tool or {}).get("lockml", {})
    table = facts.get("policy", {}) if isinstance(facts, Mapping) else {}
    newer = table.get("exclude-newer")
    exempt = table.get("exclude-newer-except")
    age = parse_age(newer) if isinstance(newer, str) else None
    return Policy(
        prereleases=table.get("prereleases") is True,
        stable_only=True in (table.get("no-pre"), table.get(OLD_NO_PRE)),
        exclude_newer=now - age if age else newer if isinstance(newer, datetime) else None,
        exempt=parse_exemptions(map(str, exempt) if isinstance(exempt, list) else ()),
        no_binary=parse_selection([str(table.get("no-binary", ""))]),
        only_binary=parse_selection([str(table.get("only-binary", ""))]),
    )


def find_outdated(lock: Lock, index: FileIndex, policy: Policy) -> tuple[Outdated, ...]:
    """Return the outdated pins, by name, each once for the first target that has it; raises PackageIndexError."""
    return tuple(_Search(lock, index, policy).outdated())


class _Search(Struct, frozen=True, dict=True):
    lock: Lock
    index: FileIndex
    policy: Policy

    @cached_property
    def served(self) -> Mapping[Target, Sequence[Package]]:
        """The packages for each target."""
        return {target: served_packages(self.lock, target) for target in self.lock.targets}

    def outdated(self) -> Iterator[Outdated]:
        pinned = [package for package in self.lock.pylock.packages if package.wheels or package.sdist]
        self.index.prefetch_projects(sorted({package.name for package in pinned}))
        for package in pinned:
            target = next((target for target, served in self.served.items() if package in served), None)
            project = self.index.project(package.name)
            if target is None or project is None or package.version is None:
                continue
            newest = self._newest(project, target, package.version)
            if newest is not None and newest.version > package.version:
                yield Outdated(
                    name=package.name,
                    locked=package.version,
                    newest=newest.version,
                    target=target,
                    held_by=(*self._holders(newest, target), *self._wants(newest, target)),
                )

    def _newest(self, project: Project, target: Target, locked: Version) -> Release | None:
        """Return the newest release that *target* can install; a pre-release only if one is locked."""
        none_else = project.only_prereleases and not self.policy.stable_only
        admitted = self.policy.prereleases or locked.is_prerelease or none_else
        for version in project.releases:
            if version.is_prerelease and not admitted:
                continue
            judged = judge_release(project, version, target, self.policy)
            if isinstance(judged, Release) and judged.yanked is None:
                return judged
        return None

    def _holders(self, newest: Release, target: Target) -> Iterator[str]:
        """Yield which requirements of the inputs and of other packages exclude *newest*."""
        for asked in self.lock.requirements:
            requirement = Requirement(asked.requirement)
            applies = requirement.marker is None or requirement.marker.evaluate({**target.environment, "extra": ""})
            if applies and _excludes(requirement.name, requirement.specifier, newest):
                yield f"{requirement.name}{requirement.specifier} ({asked.origin})"
        parents = [package for package in self.served[target] if _asks(package, newest.name)]
        files = {package.name: file for package in parents if (file := self._locked_file(package, target)) is not None}
        self.index.prefetch_metadata(files.values())
        for package in parents:
            for needed in self._requires(files.get(package.name), target, extras=True):
                if _excludes(needed.name, SpecifierSet(needed.specifier), newest):
                    yield f"{needed.name}{needed.specifier} ({package.name} {package.version})"

    def _wants(self, newest: Release, target: Target) -> Iterator[str]:
        """Yield the requirements of *newest* that the pins do not meet."""
        pins = {package.name: package.version for package in self.served[target]}
        for needed in self._requires(newest.files[0], target, extras=False):
            pin = pins.get(needed.name)
            if pin is not None and not SpecifierSet(needed.specifier).contains(pin, prereleases=True):
                yield f"it needs {needed.name}{needed.specifier}, but {pin} is locked"

    def _requires(self, file: DistributionFile | None, target: Target, *, extras: bool) -> Sequence[Dependency]:
        """Return what *file* needs on *target*, with *extras* including all of its extras."""
        try:
            metadata = self.index.metadata(file) if file is not None else None
        except MetadataError:
            return ()
        if metadata is None:
            return ()
        wanted = (None, *(metadata.provides_extra if extras else ()))
        return [
            each for each in metadata.requires_dist if any(dependency_applies(each, target, extra) for extra in wanted)
        ]

    def _locked_file(self, package: Package, target: Target) -> DistributionFile | None:
        """Return the locked file as the index lists it today, None if it no longer does."""
        project = self.index.project(package.name) if package.version is not None else None
        if project is None or package.version is None or package.version not in project.releases:
            return None
        judged = judge_release(project, package.version, target, Policy())
        return judged.files[0] if isinstance(judged, Release) else None


def _asks(package: Package, name: NormalizedName) -> bool:
    return any(needed["name"] == name for needed in package.dependencies or ())


def _excludes(name: str, specifier: SpecifierSet, release: Release) -> bool:
    named = canonicalize_name(name) == release.name
    return named and not specifier.contains(release.version, prereleases=True)
