"""Find the part of a lock that requirements need.

Nothing is resolved, and no index is contacted.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.pylock import Package
from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.display import escape
from lockml.common.errors import InputError, NoResolutionError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.lock.checks.allowed_files import allows_files
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseLock
from lockml.lock.references import source_of
from lockml.lock.select import served_packages
from lockml.requirements.model import Requirement

__all__ = ["needed_of"]


def needed_of(base: BaseLock, inputs: LockInputs, targets: Sequence[Target]) -> set[NormalizedName]:
    """Return the projects of *base* that *inputs* need on *targets*.

    Raises NoResolutionError for what *base* lacks, InputError for requirements without a name.
    """
    asked = inputs.asked
    unnamed = [*(str(each.origin) for each in asked.unnamed), *(each.file for each in asked.dynamic)]
    if unnamed:
        problem = f"has no project name, which is needed to find it in {base.path}"
        raise InputError(unnamed[0], problem, hint="write it as NAME @ ADDRESS")
    overridden = {override.name for override in asked.overrides}
    wanted = [each for each in asked.requirements if each.name not in overridden | inputs.policy.excludes]
    wanted += [each for each in asked.overrides if any(each.name == other.name for other in asked.requirements)]
    needed: set[NormalizedName] = set()
    for target in targets:
        applying = {each.name for each in _applicable(asked.overrides, target)}
        roots = [each.name for each in _applicable(wanted, target)]
        needed |= _reached(roots, _by_name(base, target), inputs, overridden - applying)
    bounds = [each for each in (*asked.constraints, *asked.overrides) if each.name in needed]
    faults = [fault for target in targets for fault in _faults(wanted, bounds, base, target)]
    if faults:
        hint = f"add it to the inputs of {base.path}, or use {setting('on')} instead of {setting('subset-of')}"
        raise NoResolutionError("\n".join(map(escape, dict.fromkeys(faults))), hint=hint)
    return needed


def _applicable(lines: Sequence[Requirement], target: Target) -> list[Requirement]:
    return [line for line in lines if line.applies_to(target.environment)]


def _by_name(base: BaseLock, target: Target) -> Mapping[NormalizedName, Package]:
    return {package.name: package for package in served_packages(base.lock, target)}


def _faults(
    roots: Sequence[Requirement], bounds: Sequence[Requirement], base: BaseLock, target: Target
) -> Iterator[str]:
    """Yield the requirements that *base* does not meet on *target*."""
    packages = _by_name(base, target)
    for root in _applicable(roots, target):
        there = packages.get(root.name)
        if there is None:
            yield f"{root} ({root.origin}): {base.path} does not have it for {target}"
        elif not _meets(there, root):
            yield f"{root} ({root.origin}): {base.path} has {there.name} {there.version or source_of(there)}"
        elif not allows_files(root, there, target):
            yield f"{root} ({root.origin}): {base.path} has files of it that these hashes do not allow"
        elif not set(root.extras) <= set(base.lock.extras.get(root.name, ())):
            yield f"{root} ({root.origin}): {base.path} has it without these extras"
    for bound in _applicable(bounds, target):
        there = packages.get(bound.name)
        if there is None:
            continue
        if not _meets(there, bound):
            yield f"{bound} ({bound.origin}): {base.path} has {there.name} {there.version or source_of(there)}"
        elif not allows_files(bound, there, target):
            yield f"{bound} ({bound.origin}): {base.path} has files of it that these hashes do not allow"


def _meets(package: Package, asked: Requirement) -> bool:
    if asked.reference is not None:
        source = source_of(package)
        return source is not None and source.source_key == asked.reference.source_key
    return package.version is None or asked.specifier.contains(package.version, prereleases=True)


def _reached(
    roots: Sequence[NormalizedName],
    packages: Mapping[NormalizedName, Package],
    inputs: LockInputs,
    dropped: Collection[NormalizedName],
) -> set[NormalizedName]:
    """Return the projects of *packages* to which *roots* lead, without those that overrides drop."""
    without = {*inputs.policy.excludes, *dropped}
    reached: set[NormalizedName] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in packages and name not in reached and name not in without:
            reached.add(name)
            needs = () if inputs.policy.as_is else packages[name].dependencies or ()
            waiting += [canonicalize_name(str(each["name"])) for each in needs]
    return reached
