"""A `Lock` and what is asked today in, what has changed since it was made out; no index is needed.

A change that the pins still satisfy is none: the order of lines, a comment, a range that was widened.
"""

from collections.abc import Iterator, Mapping, Sequence

from packaging.pylock import Package
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.display import redact
from lockml.errors import LockError
from lockml.lock.build import LockInputs, inputs_digest, policy_table
from lockml.lock.model import Lock
from lockml.lock.select import select_packages
from lockml.requirements.model import Requirement
from lockml.target import Target

__all__ = ["changes_since"]


def changes_since(lock: Lock, inputs: LockInputs, targets: Sequence[Target]) -> tuple[str, ...]:
    """Return what makes *lock* out of date, as sentences; () where it still serves."""
    if lock.inputs == inputs_digest(inputs, targets):
        return ()
    changes = [*_target_changes(lock, targets), *_policy_changes(lock, inputs)]
    served = [target for target in targets if target in lock.targets]
    for target in served:
        changes += _pin_changes(lock, inputs, target)
    return tuple(dict.fromkeys(changes))


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
    now["index-url"] = redact(inputs.index_url) if inputs.index_url else None
    now["extra-index-urls"] = [redact(url) for url in inputs.extra_index_urls] or None
    policy = facts.get("policy", {})
    before = {**(policy if isinstance(policy, Mapping) else {}), "overrides": facts.get("overrides")}
    before |= {key: facts.get(key) for key in ("index-url", "extra-index-urls")}
    for key in sorted({*now, *before}):
        if now.get(key) != before.get(key):
            yield f"{key} was {_told(before.get(key))}, is {_told(now.get(key))}"


def _told(value: object) -> str:
    return "not set" if value is None else str(value)


def _pin_changes(lock: Lock, inputs: LockInputs, target: Target) -> Iterator[str]:
    try:
        packages = {package.name: package for package in select_packages(lock, target, "lock")}
    except LockError as error:
        yield error.problem
        return
    overridden = {override.name for override in inputs.asked.overrides}
    for constraint in inputs.asked.constraints:
        package = packages.get(constraint.name)
        if package is not None and constraint.applies_to(target.environment) and not _meets(package, constraint):
            yield f"{package.name} {package.version} does not meet the constraint {constraint} ({constraint.origin})"
    roots = [requirement for requirement in inputs.asked.requirements if requirement.applies_to(target.environment)]
    known = _known_extras(lock)
    for root in roots:
        package = packages.get(root.name)
        if root.name in inputs.policy.excludes or root.name in overridden:
            continue
        if package is None:
            yield f"{root} ({root.origin}) is not locked"
        elif not _meets(package, root):
            yield f"{package.name} {package.version} does not meet {root} ({root.origin})"
        elif not set(root.extras) <= known.get(root.name, frozenset()):
            yield f"{root} ({root.origin}): the lock was made without these extras"
    for name in sorted(set(packages) - _reached(packages, [root.name for root in roots])):
        yield f"{name} {packages[name].version} is locked and no longer asked for"


def _known_extras(lock: Lock) -> dict[NormalizedName, frozenset[str]]:
    """Return the extras that were asked of each project when the lock was made."""
    extras: dict[NormalizedName, frozenset[str]] = {}
    for asked in lock.requirements:
        parsed = ParsedRequirement(asked.requirement)
        name = canonicalize_name(parsed.name)
        extras[name] = extras.get(name, frozenset()) | {canonicalize_name(extra) for extra in parsed.extras}
    return extras


def _meets(package: Package, requirement: Requirement) -> bool:
    return package.version is None or requirement.specifier.contains(package.version, prereleases=True)


def _reached(packages: Mapping[NormalizedName, Package], roots: Sequence[NormalizedName]) -> set[NormalizedName]:
    reached: set[NormalizedName] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in packages and name not in reached:
            reached.add(name)
            waiting += [dependency["name"] for dependency in packages[name].dependencies or ()]
    return reached
