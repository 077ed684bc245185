"""Finds newer releases that were passed over, compared with the resolution that builds might give.

What may be wrong in silence otherwise: the newest release of a project, or something that it needs, has to be built or
cannot be read, and an old one that is long out of use is the next that can be chosen.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.model import DynamicMetadataError, MetadataError
from lockml.requirements.model import Requirement
from lockml.resolution.candidates.release import Release
from lockml.resolution.model import Obstacle, PassedOver, Pin, Resolution

__all__ = ["compare_with_hopeful", "is_older_series", "newest_unusable", "refuse_older_series"]


def compare_with_hopeful(
    pins: Sequence[Pin], hopeful: Sequence[Pin], obstacles: Mapping[tuple[NormalizedName, Version], Obstacle]
) -> Iterator[PassedOver]:
    """Yield what of *pins* is newer in the *hopeful* ones and would come of something that has one of *obstacles*."""
    hoped = {pin.name: pin for pin in hopeful}
    chosen = {(pin.name, pin.version) for pin in pins}
    for pin in pins:
        newer = hoped.get(pin.name)
        if newer is None or pin.source is not None or newer.version <= pin.version:
            continue
        needed = _needed_by(newer, hoped)
        met = [obstacles.get((each.name, each.version)) for each in needed if (each.name, each.version) not in chosen]
        found = tuple(obstacle for obstacle in met if obstacle is not None)
        if found:
            yield PassedOver(name=pin.name, chosen=pin.version, newer=newer.version, obstacles=found)


def newest_unusable(
    pinned: Mapping[NormalizedName, Version], unusable: Mapping[Release, MetadataError]
) -> Iterator[PassedOver]:
    """Yield of each project the newest release that is *unusable* itself, if that is newer than what is *pinned*."""
    newest: dict[NormalizedName, Release] = {}
    for release in unusable:
        chosen = pinned.get(release.name)
        if release.source is None and chosen is not None and release.version > chosen:
            newest[release.name] = max(release, newest.get(release.name, release), key=lambda each: each.version)
    for name, release in newest.items():
        error = unusable[release]
        build = isinstance(error, DynamicMetadataError)
        obstacle = Obstacle(
            name=name, version=release.version, reason=str(error), build=build, unfit=release.unfit if build else ""
        )
        yield PassedOver(name=name, chosen=pinned[name], newer=release.version, obstacles=(obstacle,))


def _needed_by(pin: Pin, pins: Mapping[NormalizedName, Pin]) -> list[Pin]:
    """Return *pin* and all that it needs in the end, by name."""
    reached: dict[NormalizedName, Pin] = {}
    waiting = [pin]
    while waiting:
        current = waiting.pop()
        if current.name not in reached:
            reached[current.name] = current
            waiting += [pins[name] for name in current.dependencies if name in pins]
    return [pin, *(reached[name] for name in sorted(reached) if name != pin.name)]


def is_older_series(version: Version, newest: Version) -> bool:
    """Say whether *version* is before the series of *newest*: its release up to the first number that is not zero."""
    length = next((index for index, number in enumerate(newest.release, 1) if number), len(newest.release))
    own = (*version.release, *([0] * length))[:length]
    return (version.epoch, own) < (newest.epoch, newest.release[:length])


def refuse_older_series(
    resolutions: Iterable[Resolution],
    constraints: Iterable[Requirement],
    existing_pins: Mapping[Target, Mapping[NormalizedName, Version]],
    accepted: Collection[NormalizedName],
) -> None:
    """Raise NoResolutionError where a line of the user's without bounds gets an older series than there is.

    What the *existing_pins* of a target hold is not newly chosen, and projects that are *accepted* may be old.
    """
    bounded = {constraint.name for constraint in constraints}
    older: dict[str, PassedOver] = {}
    for resolution in resolutions:
        lines = _lines_by_name(resolution.requirements)
        for each in resolution.passed_over:
            own = lines.get(each.name, [])
            free = own and each.name not in bounded and not any(line.specifier or line.reference for line in own)
            new = existing_pins.get(resolution.target, {}).get(each.name) != each.chosen
            refused = free and new and each.name not in accepted and not each.unfit
            if refused and is_older_series(each.chosen, each.newer):
                older.setdefault(f"{own[0]} ({own[0].origin}): {each}", each)
    if older:
        raise _older_series_error(older)


def _lines_by_name(lines: Iterable[Requirement]) -> dict[NormalizedName, list[Requirement]]:
    by_name: dict[NormalizedName, list[Requirement]] = {}
    for line in lines:
        by_name.setdefault(line.name, []).append(line)
    return by_name


def _older_series_error(older: Mapping[str, PassedOver]) -> NoResolutionError:
    """Return the error that names what to build for all of *older* at once."""
    head = "only releases of an older series can be chosen, and no line asks for one"
    builds = sorted({name for each in older.values() for name in each.builds})
    names = sorted({each.name for each in older.values()})
    accept = f"use the old releases with {' '.join(setting('accept-older', name) for name in names)}"
    build = (
        f"run the build backends that know more with {setting('allow-build', ','.join(builds))}, or " if builds else ""
    )
    lines = [head, *(f"  {escape(text)}" for text in older)]
    return NoResolutionError("\n".join(lines), hint=f"{build}{accept}")
