"""Resolves a `RequirementSet` for several targets, with one version of a project where one serves all."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.errors import NoResolutionError
from lockml.common.progress import Progress, silent
from lockml.common.target import Target
from lockml.index.protocol import Index
from lockml.requirements.model import RequirementSet
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from lockml.resolution.unbuilt import RememberingIndex

__all__ = ["resolve_targets"]


def resolve_targets(
    requirement_set: RequirementSet,
    preferences: Mapping[Target, Preferences],
    index: Index,
    *,
    policy: Policy,
    progress: Progress = silent,
) -> tuple[Resolution, ...]:
    """Return a resolution for each target of *preferences*, in its order.

    Each target first prefers the pins of those before it. Where versions still differ, all targets are tried with the
    lowest of them, first for all such projects at once and then one by one, and what brings the versions together is
    kept. Raises NoResolutionError for the first target that fails, with what would
    end the conflict on all of them, and otherwise as `resolve` does.
    """
    alignment = _TargetAlignment(requirement_set, preferences, RememberingIndex(index), policy, progress)
    best = alignment.resolve_in_turn()
    differing = _differing(best)
    if differing:
        best = alignment.improve(best, differing)
        for name in sorted(_differing(best)):
            versions = _differing(best).get(name)
            if versions is not None:
                best = alignment.improve(best, {name: versions})
    return best


class _TargetAlignment(Struct, frozen=True):
    """Resolves the same requirements on all targets; the fields are what each attempt needs."""

    requirement_set: RequirementSet
    preferences: Mapping[Target, Preferences]
    index: RememberingIndex
    policy: Policy
    progress: Progress

    def resolve_in_turn(self) -> tuple[Resolution, ...]:
        """Resolve target by target, each preferring the pins of those before it."""
        pinned: dict[NormalizedName, Version] = {}
        resolutions: list[Resolution] = []
        for target, preferences in self.preferences.items():
            resolution = self._resolve(target, {**pinned, **preferences.versions}, preferences.expected)
            pinned = {**{pin.name: pin.version for pin in resolution.pins}, **pinned}
            resolutions.append(resolution)
        return tuple(resolutions)

    def improve(
        self, best: tuple[Resolution, ...], differing: Mapping[NormalizedName, frozenset[Version]]
    ) -> tuple[Resolution, ...]:
        """Return *best*, or an attempt with the lowest of *differing* if it has fewer versions in all."""
        lowest = {name: min(versions) for name, versions in differing.items()}
        attempt = tuple(
            self._resolve(resolution.target, {**{pin.name: pin.version for pin in resolution.pins}, **lowest})
            for resolution in best
        )
        return attempt if _spread(attempt) < _spread(best) else best

    def _resolve(
        self,
        target: Target,
        versions: Mapping[NormalizedName, Version],
        expected: Mapping[NormalizedName, Version] = MappingProxyType({}),
    ) -> Resolution:
        preferences = Preferences(versions=versions, expected=expected)
        try:
            return resolve(
                self.requirement_set,
                target,
                self.index,
                policy=self.policy,
                preferences=preferences,
                progress=self.progress,
            )
        except NoResolutionError as error:
            from lockml.resolution.conflicts.conflict import explain_conflict
            from lockml.resolution.conflicts.quickxplain import TrialResolver

            trials = TrialResolver(
                self.requirement_set,
                target,
                self.index,
                policy=self.policy,
                targets=tuple(self.preferences),
                progress=self.progress,
            )
            raise explain_conflict(error, trials) from error


def _versions(resolutions: Sequence[Resolution]) -> dict[NormalizedName, frozenset[Version]]:
    versions: dict[NormalizedName, frozenset[Version]] = {}
    for resolution in resolutions:
        for pin in resolution.pins:
            versions[pin.name] = versions.get(pin.name, frozenset()) | {pin.version}
    return versions


def _differing(resolutions: Sequence[Resolution]) -> dict[NormalizedName, frozenset[Version]]:
    return {name: versions for name, versions in _versions(resolutions).items() if len(versions) > 1}


def _spread(resolutions: Sequence[Resolution]) -> int:
    return sum(len(versions) for versions in _versions(resolutions).values())
