"""Suggests what may resolve a conflict besides changes of lines: another Python, a line to add, another index."""

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
    """Return the nearest other Python for which everything resolves, if a release does not support the target's.

    If something else *settled* the conflict, fewer releases are read.
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
    """Say whether *lines* resolve for *target*; raises InconclusiveError if *settled*, as little is read then."""
    if settled:
        return trials.resolve(lines, target=target, index=trials.index(_MOST_NEW_IF_SETTLED)) is not None
    with suppress(InconclusiveError):
        return trials.resolve(lines, target=target) is not None
    return False


def lead_lines(conflict: ConflictError, trials: TrialResolver, *, settled: bool) -> Iterator[str]:
    """Yield what may resolve *conflict* and is not tried, as that would fetch what no line of the user's leads to.

    *settled* says whether something else resolves it.
    """
    added = [
        f"    {rejection.line}  (needed by {name} {version})"
        for name, rejections in conflict.rejected.items()
        for version, rejection in rejections.items()
        if rejection.kind == "address"
    ]
    if added:
        yield f"  adding {'this line' if len(added) == 1 else 'one of these lines'} may resolve it, if you trust it:"
        yield from added[:_MOST_LINES]
    found = [line for name in [*conflict.bounds][:_MOST_LINES] for line in _elsewhere(name, conflict, trials)]
    found += [line for name in [*conflict.bounds][:_MOST_LINES] for line in _index_of_build(name, conflict, trials)]
    yield from found
    if not (added or found or settled):
        yield from _other_target(conflict)


def _elsewhere(name: NormalizedName, conflict: ConflictError, trials: TrialResolver) -> Iterator[str]:
    """Yield which other index of the user's has a release of *name* within the bounds, and how to use it."""
    elsewhere = trials.elsewhere(name)
    asked = elsewhere.asked[-1] if elsewhere.asked else "another index"
    if elsewhere.unasked:
        unasked = ", ".join(elsewhere.unasked)
        yield f"  not asked for {name}, as its name may be private to {asked}: {unasked}"
    for other in elsewhere.others:
        version = newest_fitting(other.project, conflict.bounds[name].admit, trials.target, trials.policy)
        if version is not None:
            yield f"  {other.project.index_url} has {name} {version}, but {asked} takes precedence"
            yield f"    to use it: {other.words}"


def _index_of_build(name: NormalizedName, conflict: ConflictError, trials: TrialResolver) -> Iterator[str]:
    """Yield which index of PyTorch has the build that *name* is pinned to, as 2.1.0+cu118, if no index lists it."""
    from lockml.index.accelerators.builds import local_accelerator  # only for a refusal
    from lockml.index.accelerators.facts import facts

    bounds = (bound for alternatives in conflict.bounds[name].asked for bound in alternatives)
    for pinned in sorted({clause.version for bound in bounds for clause in bound if clause.operator in ("==", "===")}):
        accelerator = local_accelerator(pinned) if "+" in pinned else ""
        is_build = accelerator != "" and name in facts().family.members
        if is_build and not trials.lists(name, pinned):
            options = f"{setting('index', f'{accelerator}=URL')} {setting('index-only', f'{accelerator}={name}')}"
            yield f"  builds of {name} with +{accelerator} come from PyTorch's index {accelerator!r}: {options}"


def _other_target(conflict: ConflictError) -> Iterator[str]:
    """Yield that only another target would resolve it, if no file is for this one."""
    for rejections in conflict.rejected.values():
        unfit = [rejection for rejection in rejections.values() if rejection.kind == "wheel"]
        if unfit and all(each.kind in ("wheel", "prerelease", "yanked") for each in rejections.values()):
            options = f"{setting('python')}, {setting('platform')}, {setting('libc')}"
            yield f"  only another target ({options}), or a marker that excludes this one, would resolve it"
            return
