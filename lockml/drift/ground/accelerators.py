"""Find installed accelerator packages that no driver can run, or that do not fit each other."""

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace
from packaging.pylock import Package

from lockml.common.target import Target
from lockml.drift.model import Drift, Remark
from lockml.drift.remedies import Remedy
from lockml.index.accelerators.findings import find_findings
from lockml.index.accelerators.model import Finding, Part, Stack
from lockml.inventory.model import InstalledDistribution, Inventory
from lockml.lock.checks.accelerators import locked_parts, stack_of
from lockml.lock.model import Lock

__all__ = ["accelerator_findings", "parts_of"]


def accelerator_findings(
    lock: Lock,
    inventory: Inventory,
    target: Target,
    packages: Collection[Package],
    proven: Collection[str],
) -> Iterator[Drift | Remark]:
    """Yield the mismatches in *inventory*: drift if they are refusals, else remarks.

    *packages* are locked for *target*, and *proven* those of them whose bytes are the lock's.
    """
    declared = replace(inventory.declared, accelerator=lock.accelerator)
    parts = parts_of(inventory)
    locked = tuple(part for part in locked_parts(packages) if part.name not in proven)
    stack = stack_of(parts, target, declared, inventory.ground)
    versions = {part.name: part.version for part in locked_parts(packages)}
    for finding in find_findings(replace(stack, locked=_comparable(locked, stack))):
        if finding.refuses:
            yield _drift(finding, versions)
        else:
            yield Remark(subject="accelerator", text=finding.sentence)


def parts_of(inventory: Inventory) -> tuple[Part, ...]:
    """Return the imported copy of each project, the first on the import path."""
    builds = {part.name: part for part in inventory.builds}
    found: dict[str, Part] = {}
    for each in _first(inventory.environment.distributions):
        part = builds.get(each.name)
        same = part is not None and part.version == each.version
        found.setdefault(each.name, part if part is not None and same else _plain_part(each))
    return tuple(found.values())


def _first(distributions: Iterable[InstalledDistribution]) -> Iterator[InstalledDistribution]:
    return (each for each in distributions if not each.dist_info.startswith("~"))


def _plain_part(distribution: InstalledDistribution) -> Part:
    return Part(name=str(distribution.name), version=distribution.version, plain=distribution.owner is None)


def _comparable(locked: tuple[Part, ...], stack: Stack) -> tuple[Part, ...]:
    """Return the *locked* packages that say what they are built for.

    Another build of the same version comes from another index, which may be intended, unless CUDA libraries are locked
    next to it.
    """
    has_libraries = any(part.name.startswith("nvidia-") for part in locked)
    there = {part.name: part.version for part in stack.parts}
    return tuple(part for part in locked if has_libraries or there.get(part.name) != part.version)


def _drift(finding: Finding, versions: dict[str, str]) -> Drift:
    return Drift(
        kind="accelerator",
        name=finding.name,
        locked=versions.get(finding.name),
        found=" ".join(filter(None, (finding.version, f"({finding.rule.replace('-', ' ')})"))),
        path=None,
        detail=finding.text,
        remedy=Remedy(verb="other", about=(), origin=None, text=finding.remedy),
    )
