"""A conflict in; what leads on beside changes of lines out: another Python, a line to add, another index."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.pythons import KNOWN_MINORS
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.resolution.candidates.elsewhere import newest_fitting
from lockml.resolution.conflicts.quickxplain import InconclusiveError, Line, TrialResolver
from lockml.resolution.explanation import ConflictError

__all__ = ["lead_lines", "python_remedies"]

_MOST_PYTHONS: Final = 6
_MOST_LINES: Final = 5
_MOST_NEW_IF_SETTLED: Final = 16  # releases that one trial looks at


def python_remedies(
    conflict: ConflictError, core: Sequence[Line], trials: TrialResolver, *, settled: bool
) -> list[str]:
    """Return the nearest other Python that everything resolves for, where a release is not for that of the target.

    Where something else has *settled* it, less is read for that.
    """
    target = trials.target
    rejections = [rejection for each in conflict.rejected.values() for rejection in each.values()]
    unfit = any(each.kind in ("python", "wheel") or (each.kind == "build" and each.detail) for each in rejections)
    if trials.others or target.tags or target.implementation != "cpython" or not unfit:
        return []
    own = target.python.minor
    others = sorted(set(KNOWN_MINORS) - {own}, key=lambda minor: (abs(minor - own), -minor))
    with suppress(InconclusiveError):
        for minor in others[:_MOST_PYTHONS]:
            other = replace(target, python=Version(f"3.{minor}.0"), exact=False, free_threaded=False)
            if _resolves(core, other, trials, settled=settled) and _resolves(
                trials.lines, other, trials, settled=settled
            ):
                return [f"{setting('python', f'3.{minor}')}, or a base image that has it"]
    return []


def _resolves(lines: Sequence[Line], target: Target, trials: TrialResolver, *, settled: bool) -> bool:
    """Say whether *lines* resolve for *target*; raises InconclusiveError, only of what little was read if *settled*."""
    if settled:
        return trials.resolve(lines, target=target, index=trials.index(_MOST_NEW_IF_SETTLED)) is not None
    with suppress(InconclusiveError):
        return trials.resolve(lines, target=target) is not None
    return False


def lead_lines(conflict: ConflictError, trials: TrialResolver, *, settled: bool) -> Iterator[str]:
    """Yield what may end *conflict* and is not tried, as that would fetch what no line of the user's leads to.

    *settled* says whether something else ends it.
    """
    added = [
        f"    {rejection.detail}, as {name} {version} needs it from there"
        for name, rejections in conflict.rejected.items()
        for version, rejection in rejections.items()
        if rejection.kind == "address"
    ]
    if added:
        yield "  a line of your own may name the address, and this may do:"
        yield from added[:_MOST_LINES]
    found = [line for name in [*conflict.bounds][:_MOST_LINES] for line in _elsewhere(name, conflict, trials)]
    yield from found
    if not (added or found or settled):
        yield from _other_target(conflict)


def _elsewhere(name: NormalizedName, conflict: ConflictError, trials: TrialResolver) -> Iterator[str]:
    """Yield which other index of the user's has a release of *name* within the bounds, and how to take it."""
    elsewhere = trials.elsewhere(name)
    asked = elsewhere.asked[-1] if elsewhere.asked else "another index"
    if elsewhere.unasked:
        unasked = ", ".join(elsewhere.unasked)
        yield f"  not asked for {name}, as the name may be private to {asked}: {unasked}"
    for other in elsewhere.others:
        version = newest_fitting(other.project, conflict.bounds[name].admit, trials.target, trials.policy)
        if version is not None:
            yield f"  {other.project.index_url} has {name} {version}, and is not asked for it: {asked} comes first"
            yield f"    to take it from there: {other.words}"


def _other_target(conflict: ConflictError) -> Iterator[str]:
    """Yield that nothing but another target would do, where no file is for this one."""
    for rejections in conflict.rejected.values():
        unfit = [rejection for rejection in rejections.values() if rejection.kind == "wheel"]
        if unfit and all(each.kind in ("wheel", "prerelease", "yanked") for each in rejections.values()):
            options = f"{setting('python')}, {setting('platform')}, {setting('libc')}"
            yield f"  only another target would do ({options}), or a marker that leaves the line out for this one"
            return
