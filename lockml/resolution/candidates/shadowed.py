"""Finds newer releases that the first index hides, on indexes that were not asked."""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.target import Target
from lockml.index.locations import IndexLocation
from lockml.index.model import Project
from lockml.index.pages.elsewhere import ElsewhereReader, ShadowedPage, taking_words
from lockml.index.protocol import FileIndex
from lockml.requirements.model import RequirementSet
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.dependencies import dependency_applies
from lockml.resolution.candidates.elsewhere import newest_fitting
from lockml.resolution.model import Pin, Policy, Resolution

__all__ = ["Shadowed", "begin_reading", "shadow_warnings", "shadowed"]

_MOST_TOLD: Final = 5


class Shadowed(Struct, frozen=True, kw_only=True):
    """A *pin* of the first index that has its project, of which the *page* of a later one has a *newer* release."""

    pin: Pin
    newer: Version
    page: ShadowedPage


def begin_reading(
    resolutions: Sequence[Resolution], project: Callable[[NormalizedName], Project | None], reader: ElsewhereReader
) -> Callable[[], Sequence[ShadowedPage]]:
    """Begin to read, beside all else, what later indexes list of the pins; return what awaits it.

    *project* returns what the first index that has it lists.
    """
    pins = [pin for each in resolutions for pin in each.pins]
    firsts = {pin.name: found for pin in pins if pin.source is None and (found := project(pin.name)) is not None}
    named_by: dict[NormalizedName, set[str]] = {}
    for pin in pins:
        for name in pin.dependencies if pin.source is None else ():
            named_by.setdefault(name, set()).add(pin.index_url)
    return reader.begin(firsts, named_by)


def shadowed(
    resolution: Resolution, asked: RequirementSet, pages: Sequence[ShadowedPage], index: FileIndex, policy: Policy
) -> list[Shadowed]:
    """Return which of *pages* have a newer release that fits than the first index has; the oldest is not tried first.

    Builds with a local version, as torch's for a CUDA, are chosen by their index, and count as of another kind.
    """
    pinned = {pin.name: pin for pin in resolution.pins if pin.source is None and pin.version.local is None}
    wanted = ({page.first.name for page in pages} & pinned.keys()) - asked.hashed_names
    bounds = _bounds(resolution, asked, wanted, index, policy)
    found: list[Shadowed] = []
    for page in pages if policy.strategy == "highest" else ():
        pin = pinned.get(page.first.name)
        if pin is not None and pin.name in bounds and page.first.index_url == pin.index_url:
            newer = _newer(page, pin, bounds[pin.name], resolution.target, policy)
            found += [Shadowed(pin=pin, newer=newer, page=page)] if newer is not None else []
    return found


def _newer(page: ShadowedPage, pin: Pin, bounds: Sequence[Bound], target: Target, policy: Policy) -> Version | None:
    """Return the newest release of the later page within *bounds*, if it is newer than all that fits of the first."""

    def within(version: Version) -> bool:
        return all(bound.admits(version) for bound in bounds)

    ours = newest_fitting(page.first, within, target, policy)
    least = max(pin.version, ours) if ours is not None else pin.version
    return newest_fitting(
        page.later, lambda version: version > least and version.local is None and within(version), target, policy
    )


def _bounds(
    resolution: Resolution, asked: RequirementSet, wanted: Collection[NormalizedName], index: FileIndex, policy: Policy
) -> dict[NormalizedName, list[Bound]]:
    """Return what the lines of *asked* and all that is pinned require of each of *wanted*."""
    environment = resolution.target.environment
    found: dict[NormalizedName, list[Bound]] = {name: [] for name in wanted}
    overridden = {line.name: line for line in asked.overrides if line.applies_to(environment)}
    lines = [*resolution.requirements, *asked.constraints, *overridden.values()]
    for line in lines:
        free = line.name not in overridden or line in overridden.values() or line in asked.constraints
        if line.name in found and free and line.applies_to(environment):
            found[line.name].append(parse_bound(str(line.specifier)))
    for pin in resolution.pins if not policy.as_is else ():
        if not set(pin.dependencies).isdisjoint(wanted):
            metadata = pin.source.metadata if pin.source is not None else index.metadata(pin.files[0])
            for needed in metadata.requires_dist:
                applies = any(dependency_applies(needed, resolution.target, extra) for extra in (None, *pin.extras))
                if needed.name in found and needed.name not in overridden and applies:
                    found[needed.name].append(parse_bound(needed.specifier))
    return found


def shadow_warnings(found: Sequence[Shadowed], places: Sequence[IndexLocation]) -> list[str]:
    """Return a warning for each pair of indexes that *found* has, with the options that take the newer releases."""
    pairs: dict[tuple[str, str], dict[NormalizedName, Shadowed]] = {}
    for each in found:
        pair = each.pin.index_url, each.page.later.index_url
        pairs.setdefault(pair, {}).setdefault(each.pin.name, each)
    warnings: list[str] = []
    for (first, later), by_name in pairs.items():
        shown = [f"{name} {each.newer} ({each.pin.version} is locked)" for name, each in sorted(by_name.items())]
        more = f" and {len(shown) - _MOST_TOLD} more" if len(shown) > _MOST_TOLD else ""
        words = taking_words(next(iter(by_name.values())).page.location, places, sorted(by_name))
        which = "a newer release" if len(shown) == 1 else "newer releases"
        warnings.append(
            f"{first} is asked before {later}, which has {which} that would fit: "
            f"{', '.join(shown[:_MOST_TOLD])}{more}; to use {'it' if len(shown) == 1 else 'them'}: {words}"
        )
    return warnings
