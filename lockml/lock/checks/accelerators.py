"""The accelerators of locked packages, what does not fit together, and the lowest driver."""

from collections.abc import Iterable

from msgspec.structs import replace
from packaging.pylock import Package

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.target import Target
from lockml.index.accelerators.findings import find_findings, minimum_driver
from lockml.index.accelerators.model import NO_GROUND, Declared, Finding, Ground, Part, Stack
from lockml.lock.model import Lock
from lockml.lock.select import select_packages

__all__ = ["driver_fact", "locked_parts", "refuse_misfits", "stack_findings", "stack_of"]


def locked_parts(packages: Iterable[Package]) -> tuple[Part, ...]:
    """Return *packages* as parts; the build of a repository or a folder is unknown."""
    return tuple(
        Part(
            name=str(package.name),
            version=str(package.version or ""),
            plain=package.vcs is None and package.directory is None,
        )
        for package in packages
    )


def stack_of(parts: tuple[Part, ...], target: Target, declared: Declared, ground: Ground = NO_GROUND) -> Stack:
    """Return *parts* on *target*."""
    platform = target.platform
    return Stack(parts=parts, ground=ground, declared=declared, system=platform.system, machine=platform.machine)


def stack_findings(lock: Lock, declared: Declared, ground: Ground, file: str) -> tuple[Finding, ...]:
    """Return the findings in the packages of *lock*, named *file*, for each of its targets, each once."""
    declared = declared if declared.accelerator else replace(declared, accelerator=lock.accelerator)
    found: list[Finding] = []
    for target in lock.targets:
        parts = _with_provided(locked_parts(select_packages(lock, target, file)), lock)
        found += find_findings(stack_of(parts, target, declared, ground))
    return tuple(dict.fromkeys(found))


def _with_provided(parts: tuple[Part, ...], lock: Lock) -> tuple[Part, ...]:
    """Return *parts* with those of the base image that they run with."""
    names = {part.name for part in parts}
    brought = (each for each in lock.provided.packages if each.name not in names)
    return (*parts, *(Part(name=str(each.name), version=each.version, plain=not each.owner) for each in brought))


def refuse_misfits(lock: Lock, declared: Declared, file: str) -> tuple[str, ...]:
    """Return warnings about *lock*, named *file*, with its base image and the *declared* hosts.

    Raises NoResolutionError for packages that do not run or do not fit together.
    """
    image = lock.base_image
    ground = Ground(cuda=image.cuda, requires=image.requires) if image is not None else NO_GROUND
    found = stack_findings(lock, declared, ground, file)
    refused = [each for each in found if each.refuses]
    if refused:
        hint = refused[0].remedy if len(refused) == 1 else None
        texts = [escape(each.text if hint else each.sentence) for each in refused]
        raise NoResolutionError("\n".join(texts), hint=hint)
    return tuple(each.sentence for each in found)


def driver_fact(packages: Iterable[Package]) -> dict[str, object]:
    """Return the value for the lowest driver that runs *packages*, by its key; {} if none needs one."""
    driver = minimum_driver(locked_parts(packages))
    return {"minimum-driver": driver} if driver else {}
