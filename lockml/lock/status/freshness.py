"""What has changed since a `Lock` was made; no index is needed.

A change that the pins still satisfy does not count: the order of lines, a comment, a wider range.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.pylock import Package
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.errors import LockError
from lockml.common.references import Reference
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.index.built import built_table
from lockml.lock.checks.accelerator_choice import with_accelerator
from lockml.lock.checks.base_locks import deviations_from
from lockml.lock.facts import OLD_NO_PRE, index_facts, policy_table, recorded_bases
from lockml.lock.inputs import LockInputs, inputs_digest
from lockml.lock.model import TOOLS, BaseLock, Lock, ProvidedPackage, ProvidedPackages
from lockml.lock.references import source_of
from lockml.lock.select import select_packages
from lockml.requirements.model import Requirement, RequirementSet, UnnamedRequirement

__all__ = ["changes_since", "differing_provided", "unmet_since"]


def changes_since(lock: Lock, inputs: LockInputs, targets: Sequence[Target]) -> tuple[str, ...]:
    """Return what makes *lock* out of date, as sentences; () if it is up to date."""
    changes = [*_base_changes(lock, inputs), *_base_lock_changes(lock, inputs)]
    if lock.inputs == inputs_digest(inputs, targets):
        return tuple(changes)
    changes += _built_changes(lock, inputs)
    changes += _provided_changes(lock.provided, inputs.provided)
    changes += [*_target_changes(lock, targets), *_policy_changes(lock, inputs), *_project_changes(lock, inputs)]
    served = [target for target in targets if target in lock.targets]
    for target in served:
        changes += _pin_changes(lock, inputs, target)
    return tuple(dict.fromkeys(changes))


def unmet_since(lock: Lock, asked: RequirementSet) -> tuple[str, ...]:
    """Return which of *asked*, the current content of the input files of *lock*, its pins do not meet.

    The options are assumed to be the same. Requirements with a path or a URL are skipped, as are removed ones.
    """
    facts: Mapping[str, object] = (lock.pylock.tool or {}).get("lockml", {})
    policy = facts.get("policy", {})
    excluded = policy.get("excludes", ()) if isinstance(policy, Mapping) else ()
    overrides = facts.get("overrides", ())
    left_out = {canonicalize_name(str(name)) for name in excluded}
    if isinstance(overrides, list):
        left_out |= {canonicalize_name(ParsedRequirement(str(each)).name) for each in overrides}
    changes: list[str] = []
    asked = with_accelerator(asked, lock.accelerator, lock.targets)
    for target in lock.targets:
        packages = {package.name: package for package in select_packages(lock, target, "lock")}
        for root in asked.requirements:
            if root.reference is None and root.name not in left_out and root.applies_to(target.environment):
                changes += _root_changes(root, packages, lock)
        changes += _unmet_constraints(asked, target, packages, lock)
    return tuple(dict.fromkeys(changes))


def _unmet_constraints(
    asked: RequirementSet, target: Target, packages: Mapping[NormalizedName, Package], lock: Lock
) -> Iterator[str]:
    provided = _provided_beside(packages, lock) if lock.provided.packages else {}
    reached = _asked_before(packages, lock) if provided else frozenset()
    for constraint in asked.constraints:
        there = packages.get(constraint.name) or (provided.get(constraint.name) if constraint.name in reached else None)
        if there is not None and constraint.applies_to(target.environment) and not _meets(there, constraint, lock):
            yield f"{_named_pin(there)} does not meet the constraint {constraint} ({constraint.origin})"


def _base_changes(lock: Lock, inputs: LockInputs) -> Iterator[str]:
    before, now = lock.base_image, inputs.base_image
    if before is not None and now is not None and before.reference == now.reference:
        if before.layers != now.layers:
            yield f"base image {now.reference} has other layers"
    elif before != now:
        named = [each.reference if each is not None else "none" for each in (before, now)]
        yield f"base image changed: {named[0]} -> {named[1]}"


def _base_lock_changes(lock: Lock, inputs: LockInputs) -> Iterator[str]:
    """Yield which bases have changed, and where *lock* deviates from them."""
    known = {base.path: base for base in lock.bases}
    for base in recorded_bases(inputs.bases):
        old = known.pop(base.path, None)
        if old is None:
            yield f"{base.path} is a new base"
        elif old.sha256 != base.sha256:
            yield f"the packages of its base {base.path} have changed"
        elif old != base:
            yield f"{setting('relax')} or {setting('subset-of')} has changed for {base.path}"
    yield from (f"{path} is no longer a base" for path in known)
    for each in inputs.bases:
        yield from dict.fromkeys(deviations_from(each, lock))
        if each.lock.provided.selection:
            yield from (f"{each.path} {text}" for text in differing_provided(each, inputs.provided))


def differing_provided(base: BaseLock, provided: ProvidedPackages) -> Iterator[str]:
    """Yield which packages that *base* leaves to its image differ from those in *provided*."""
    mine = {each.name: each for each in provided.packages}
    for each in base.lock.provided.packages:
        there, named = mine.get(each.name), f"leaves {each.name} {each.version} to its base image"
        if there is None:
            yield f"{named}, but the lock on it does not"
        elif there.version != each.version:
            yield f"{named}, but the lock on it {there.name} {there.version}"
        elif there.record != each.record:
            yield f"{named}, but the lock on it the same version with other files"


def _provided_changes(before: ProvidedPackages, now: ProvidedPackages) -> Iterator[str]:
    """Yield which provided packages differ from those when the lock was made."""
    if before.selection != now.selection:
        named = [", ".join(each.selection) or "nothing" for each in (before, now)]
        yield f"the base image provided {named[0]}, and should now provide {named[1]}"
    if before.selection and now.selection and before.mode != now.mode:
        yield f"the mode of what the base image provides was {before.mode}, and is {now.mode}"
    known = {each.name: each for each in before.packages}
    for each in now.packages:
        old = known.get(each.name)
        if old is not None and old.version != each.version:
            yield f"the base image provides {each.name} {each.version}, not {old.version}"
        elif old is not None and old.record != each.record:
            yield f"the base image provides {each.name} {each.version} with other bytes"


def _target_changes(lock: Lock, targets: Sequence[Target]) -> Iterator[str]:
    if not lock.targets:
        yield "the lock was not made by lockml: it names no target"
        return
    for target in targets:
        if target not in lock.targets:
            yield f"target added: {target}{f' ({target.name})' if target.name else ''}"
    for target in lock.targets:
        if target not in targets:
            yield f"target removed: {target}{f' ({target.name})' if target.name else ''}"


def _policy_changes(lock: Lock, inputs: LockInputs) -> Iterator[str]:
    facts: Mapping[str, object] = (lock.pylock.tool or {}).get("lockml", {})
    overrides = sorted(map(str, inputs.asked.overrides))
    now: dict[str, object] = {**policy_table(inputs.policy), **({"overrides": overrides} if overrides else {})}
    now |= index_facts(inputs.indexes)
    policy = facts.get("policy", {})
    policy = policy if isinstance(policy, Mapping) else {}
    before = {"no-pre" if key == OLD_NO_PRE else key: policy[key] for key in policy}
    before["overrides"] = facts.get("overrides")
    before |= {key: facts.get(key) for key in ("index-url", "extra-index-urls", "indexes", "find-links", "no-index")}
    stated = facts.get("stated", {})
    for path, digest in sorted(inputs.stated.items()):
        if isinstance(stated, Mapping) and path in stated and stated[path] != digest:
            yield f"the metadata of {path} has changed"
    for key in sorted({*now, *before}):
        if now.get(key) != before.get(key):
            yield f"{key} was {_shown(before.get(key))}, is {_shown(now.get(key))}"


def _project_changes(lock: Lock, inputs: LockInputs) -> Iterator[str]:
    for name in inputs.asked.projects:
        if name not in lock.projects and lock.package(name) is None and name not in TOOLS:
            yield f"the lock does not name {name} as one of its own projects"


def _built_changes(lock: Lock, inputs: LockInputs) -> Iterator[str]:
    """Yield changes in the configuration of what the image builds, ignoring projects that nothing requires."""
    now = {each.name: built_table(each) for each in inputs.built}
    for each in lock.built:
        before, after = built_table(each), now.get(each.name)
        if after is None:
            yield f"{each.name} is locked as built in the image, but [[built]] no longer names it"
        elif after != before:
            keys = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
            yield f"[[built]] has changed for {each.name}: {', '.join(keys)}"
    for name in sorted(now):
        if not lock.is_built(name) and lock.package(name) is not None:
            yield f"{name} is not locked as built in the image, but [[built]] names it"


def _shown(value: object) -> str:
    return "not set" if value is None else str(value)


def _pin_changes(lock: Lock, inputs: LockInputs, target: Target) -> Iterator[str]:
    try:
        packages = {package.name: package for package in select_packages(lock, target, "lock")}
    except LockError as error:
        yield str(error.problem)
        return
    overridden = {override.name for override in inputs.asked.overrides}
    yield from _unmet_constraints(inputs.asked, target, packages, lock)
    roots, unnamed = _roots(inputs, target, packages)
    yield from (f"{each} ({each.origin}) is not locked" for each in unnamed)
    for root in roots:
        if root.name not in inputs.policy.excludes and root.name not in overridden:
            yield from _root_changes(root, packages, lock)
    asked = [*(root.name for root in roots), *_of_backends(lock, inputs)]
    for name in sorted(set(packages) - _reached(packages, asked, lock)):
        yield f"{_named_pin(packages[name])} is locked but no longer required"


def _roots(
    inputs: LockInputs, target: Target, packages: Mapping[NormalizedName, Package]
) -> tuple[list[Requirement], list[UnnamedRequirement]]:
    """Return the requirements for *target*, and those whose name the lock does not know."""
    by_source = {
        source.source_key: name for name, package in packages.items() if (source := source_of(package)) is not None
    }
    roots = [requirement for requirement in inputs.asked.requirements if requirement.applies_to(target.environment)]
    unknown: list[UnnamedRequirement] = []
    for unnamed in inputs.asked.unnamed:
        name = by_source.get(unnamed.reference.source_key)
        named = unnamed.named(name or canonicalize_name("unknown"))
        if named.applies_to(target.environment) and name is None:
            unknown.append(unnamed)
        elif named.applies_to(target.environment):
            roots.append(named)
    return roots, unknown


def _root_changes(root: Requirement, packages: Mapping[NormalizedName, Package], lock: Lock) -> Iterator[str]:
    there: Package | ProvidedPackage | None = packages.get(root.name)
    if there is None and root.name in _asked_before(packages, lock):  # else its dependencies are unknown
        there = _provided_beside(packages, lock).get(root.name)
    if there is None:
        yield f"{root} ({root.origin}) is not locked"
    elif not _meets(there, root, lock):
        yield f"{_named_pin(there)} does not meet {root} ({root.origin})"
    elif not set(root.extras) <= _locked_extras(lock).get(root.name, frozenset()):
        yield f"{root} ({root.origin}): the lock was made without these extras"


def _provided_beside(
    packages: Mapping[NormalizedName, Package], lock: Lock
) -> Mapping[NormalizedName, ProvidedPackage]:
    """Return the packages of the base image that no locked package replaces."""
    return {each.name: each for each in lock.provided.packages if each.name not in packages}


def _asked_before(packages: Mapping[NormalizedName, Package], lock: Lock) -> Collection[NormalizedName]:
    """Return the requirements that *lock* was made with, and what they need; () if the image provides nothing."""
    if not lock.provided.packages:
        return ()
    asked = [canonicalize_name(ParsedRequirement(each.requirement).name) for each in lock.requirements]
    return _reached(packages, asked, lock)


def _of_backends(lock: Lock, inputs: LockInputs) -> list[NormalizedName]:
    """Return the requirements of build backends in the lock: only a build could find them again."""
    files = {project.file for project in inputs.asked.dynamic}
    asked = (ParsedRequirement(each.requirement) for each in lock.requirements if each.origin in files)
    return [canonicalize_name(each.name) for each in asked]


def _named_pin(there: Package | ProvidedPackage) -> str:
    if isinstance(there, ProvidedPackage):
        return f"{there.name} {there.version} of the base image"
    return f"{there.name} {there.version}" if there.version is not None else there.name


def _locked_extras(lock: Lock) -> dict[NormalizedName, frozenset[str]]:
    """Return the extras of each project that the lock was made with."""
    extras: dict[NormalizedName, frozenset[str]] = {}
    for asked in lock.requirements:
        parsed = ParsedRequirement(asked.requirement)
        name = canonicalize_name(parsed.name)
        extras[name] = extras.get(name, frozenset()) | {canonicalize_name(extra) for extra in parsed.extras}
    return extras


def _meets(package: Package | ProvidedPackage, requirement: Requirement, lock: Lock) -> bool:
    if isinstance(package, ProvidedPackage):
        admitted = requirement.reference is None and requirement.specifier.contains(package.version, prereleases=True)
        return admitted or lock.provided.mode == "override"
    source = source_of(package)
    if requirement.reference is not None:
        return source is not None and _same_source(source, requirement.reference)
    return package.version is None or requirement.specifier.contains(package.version, prereleases=True)


def _same_source(locked: Reference, asked: Reference) -> bool:
    """Say whether both have the same source and are installed in the same way."""
    same_way = getattr(locked, "editable", False) == getattr(asked, "editable", False)
    return locked.source_key == asked.source_key and same_way


def _reached(
    packages: Mapping[NormalizedName, Package], roots: Sequence[NormalizedName], lock: Lock
) -> set[NormalizedName]:
    provided = _provided_beside(packages, lock)
    reached: set[NormalizedName] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        if name in packages:
            reached.add(name)
            waiting += [dependency["name"] for dependency in packages[name].dependencies or ()]
        elif name in provided:
            reached.add(name)
            waiting += provided[name].needs
    return reached
