"""Work out which installed distributions need which, from their Requires-Dist (PEP 508)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.inventory.model import InstalledDistribution, PythonEnvironment

__all__ = ["needed_by"]

_SYSTEM: Final = "linux"


def needed_by(environment: PythonEnvironment) -> Mapping[NormalizedName, tuple[NormalizedName, ...]]:
    """Return by name the installed distributions that each one needs, including for extras that others request.

    Of several copies of a project, the imported one counts. Lines that are no requirement, or have a marker that cannot
    be evaluated, are skipped.
    """
    first: dict[NormalizedName, InstalledDistribution] = {}
    for installed in environment.distributions:
        first.setdefault(installed.name, installed)
    stated = {name: tuple(_requirements(each)) for name, each in first.items()}
    markers = _markers(environment)
    extras: dict[NormalizedName, set[str]] = {name: {""} for name in first}
    needed: dict[NormalizedName, tuple[NormalizedName, ...]] = {}
    waiting = list(first)
    while waiting:
        name = waiting.pop()
        applying = [each for each in stated[name] if _applies(each, markers, extras[name])]
        names = (canonicalize_name(each.name) for each in applying)
        needed[name] = tuple(sorted({each for each in names if each in first and each != name}))
        for each in applying:
            asked = extras.get(canonicalize_name(each.name))
            wanted = {canonicalize_name(extra) for extra in each.extras}
            if asked is not None and not wanted <= asked:
                asked |= wanted
                waiting.append(canonicalize_name(each.name))
    return needed


def _requirements(each: InstalledDistribution) -> Iterator[Requirement]:
    for line in each.described.requires if each.described is not None else ():
        try:
            yield Requirement(line)
        except (InvalidRequirement, ValueError, RecursionError):
            continue


def _applies(requirement: Requirement, markers: Mapping[str, str], extras: set[str]) -> bool:
    marker = requirement.marker
    try:
        return marker is None or any(marker.evaluate({**markers, "extra": extra}) for extra in extras)
    except (ValueError, RecursionError):  # its values cannot be compared
        return False


def _markers(environment: PythonEnvironment) -> dict[str, str]:
    """Return the marker values of *environment* as far as its files show them: all subjects are Linux."""
    pypy = environment.implementation == "pypy"
    numbers: Sequence[str] = environment.python.split(".")
    return {
        "implementation_name": environment.implementation,
        "implementation_version": environment.python,
        "os_name": "posix",
        "platform_machine": environment.machine or "",
        "platform_python_implementation": "PyPy" if pypy else "CPython",
        "platform_release": "",
        "platform_system": _SYSTEM.capitalize(),
        "platform_version": "",
        "python_full_version": environment.python,
        "python_version": ".".join(numbers[:2]),
        "sys_platform": _SYSTEM,
    }
