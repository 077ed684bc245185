"""Compare the lock's target with the Python and the platform of the subject."""

from typing import Final, Literal

from packaging.version import Version

from lockml.common.errors import LockError
from lockml.common.platforms import platform_of_machine
from lockml.common.pythons import IMPLEMENTATIONS
from lockml.common.target import Libc, Target, parse_platform
from lockml.drift.model import Drift
from lockml.drift.remedies import Remedies, Remedy
from lockml.inventory.environment.find import UNSUPPORTED
from lockml.inventory.model import Problem, PythonEnvironment, Subject
from lockml.lock.model import Lock
from lockml.lock.select import fits_environment, fits_python

_OTHERS: Final = "it needs other wheels, and markers may select other packages"

__all__ = ["compare_base_image", "compare_platform", "foreign_ground_drifts", "serving_target"]


def serving_target(lock: Lock, environment: PythonEnvironment, file: str) -> Target:
    """Return the target of *lock* closest to *environment*; for a lock without targets, that of the environment.

    Raises LockError if the lock names no target and the platform of the environment is unknown.
    """
    if lock.targets and not environment.python:
        return lock.targets[0]
    if lock.targets:
        return max(lock.targets, key=lambda target: _likeness(target, environment))
    platform = platform_of_machine(environment.machine)
    if platform is None or environment.libc is None:
        raise LockError(file, "names no target, and the platform of the subject is unknown")
    version = Version(environment.python)
    exact = len(version.release) > 2
    return Target(
        python=version if exact else Version(f"{version}.0"),
        exact=exact,
        platform=parse_platform(platform),
        libc=environment.libc,
        free_threaded=environment.free_threaded is True,
    )


def _likeness(target: Target, environment: PythonEnvironment) -> tuple[bool, ...]:
    found, locked = environment.libc, target.libc
    return (
        target.platform.system == "linux",
        _is_same_build(target, environment) and _serves_python(target, environment.python) is not False,
        target.platform.machine == environment.machine,
        found is not None and locked is not None and found.family == locked.family,
        found is not None and locked is not None and not _older(found, locked),
    )


def compare_platform(
    target: Target, environment: PythonEnvironment, remedies: Remedies
) -> tuple[list[Drift], list[Problem]]:
    """Return how the Python and the platform of *environment* differ from *target*, and what is unknown."""
    drifts: list[Drift] = []
    problems: list[Problem] = []
    unknown, other = _unknown_python(target, environment), _other_python(target, environment)
    if other is not None:
        found_python = environment.python_text
        remedy = remedies.python(target.python_text, found_python)
        drifts.append(_ground_drift("python", target.python_text, found_python, other, remedy, environment.prefix))
    elif unknown is not None:
        problems.append(Problem(path=environment.prefix, reason=unknown))
    for locked, found, detail in _platform_differences(target, environment):
        if found is None and environment.alone:
            continue  # any Python may use these packages
        if found is None:
            problems.append(Problem(path=environment.prefix, reason=detail))
        else:
            remedy = remedies.platform(str(target.platform) + (f" with {target.libc}" if target.libc else ""))
            drifts.append(_ground_drift("platform", locked, found, detail, remedy, None))
    return drifts, problems


def foreign_ground_drifts(
    lock: Lock, environment: PythonEnvironment, target: Target, remedies: Remedies
) -> list[Drift]:
    """Return at most one drift: that another tool's *lock* does not support the Python or platform of *environment*.

    *target* is that Python and platform.
    """
    wanted = lock.pylock.requires_python
    if wanted is not None and not fits_python(lock, target):
        detail = "the lock does not support this Python: it needs other wheels, and markers may select other packages"
        remedy = remedies.python(str(wanted), environment.python_text)
        return [_ground_drift("python", str(wanted), environment.python_text, detail, remedy, environment.prefix)]
    if fits_environment(lock, target, lock.format):
        return []
    locked = " or ".join(map(str, lock.pylock.environments or ()))
    detail = "the lock supports no platform like this"
    return [_ground_drift("platform", locked, str(target), detail, remedies.platform(locked), None)]


def _ground_drift(
    kind: Literal["python", "platform"], locked: str, found: str, detail: str, remedy: Remedy, path: str | None
) -> Drift:
    return Drift(kind=kind, name=kind, locked=locked, found=found, path=path, detail=detail, remedy=remedy)


def compare_base_image(lock: Lock, subject: Subject, remedies: Remedies) -> Drift | str | None:
    """Return how the image of *subject* is not built on the base image of *lock*, or a text if that is unknown."""
    base = lock.base_image
    if base is None:
        return None
    if not subject.layers:
        return "the subject does not say which image it is built on"
    same = 0
    for locked, found in zip(base.layers, subject.layers, strict=False):
        if locked != found:
            break
        same += 1
    if same == len(base.layers):
        return None
    return Drift(
        kind="base-image",
        name=base.reference,
        locked=base.layers[same],
        found=subject.layers[same] if same < len(subject.layers) else None,
        path=None,
        detail=f"the image is built on another base: {same} of its {len(base.layers)} layers are the locked ones",
        remedy=remedies.base_image(base.reference),
    )


def _platform_differences(target: Target, environment: PythonEnvironment) -> list[tuple[str, str | None, str]]:
    """Return (locked, found, detail) for each difference; found is None if it is unknown."""
    differences: list[tuple[str, str | None, str]] = []
    if target.platform.system != "linux":
        return [(str(target.platform), "linux", "the lock is for another system")]
    machine = target.platform.machine
    if environment.dangling:
        differences.append((machine, None, f"its python leads to {environment.program}, which does not exist"))
    elif environment.machine is None:
        differences.append((machine, None, "the architecture of its Python is unknown"))
    elif environment.machine != machine:
        differences.append((machine, environment.machine, "Python is built for another architecture"))
    found, locked = environment.libc, target.libc
    if locked is None:
        return differences  # its tags name no C library
    if found is None:
        differences.append((str(locked), None, "the C library of its system is unknown"))
    elif found.family != locked.family:
        differences.append((str(locked), str(found), "the locked wheels do not run on this C library"))
    elif _older(found, locked):
        detail = "the C library is older than the locked one: wheels built for the newer one do not load"
        differences.append((str(locked), str(found), detail))
    return differences


def _unknown_python(target: Target, environment: PythonEnvironment) -> str | None:
    """Return what is unknown about the Python of *environment* and decides whether it is the *target*'s."""
    if environment.alone and target.implementation != "cpython":
        return f"the lock is for {target.python_text}, and {UNSUPPORTED}"
    if environment.alone and not environment.python:
        return "the Python for these packages is unknown: nothing in them says it, and the lock has several"
    if environment.alone or (environment.python and _serves_python(target, environment.python) is not None):
        return None  # a folder of packages suits every patch release
    return "the patch release of its Python is unknown"


def _other_python(target: Target, environment: PythonEnvironment) -> str | None:
    """Return how the Python of *environment* is not the *target*'s, None if it is or may be."""
    if not environment.python or (environment.alone and target.implementation != "cpython"):
        return None
    if target.implementation != environment.implementation:
        return f"another Python runs here; the lock is for {IMPLEMENTATIONS[target.implementation]}: {_OTHERS}"
    if _serves_python(target, environment.python) is False:
        return f"another Python runs here: {_OTHERS}"
    if not _is_same_build(target, environment):
        build = "free-threaded build" if environment.free_threaded else "build with the GIL"
        return f"a {build} of Python runs here: compiled modules for the locked build do not load"
    return None


def _is_same_build(target: Target, environment: PythonEnvironment) -> bool:
    """Return whether *environment* has the *target*'s implementation and build, as far as that is known."""
    same = environment.free_threaded in (None, target.free_threaded)
    return target.implementation == environment.implementation and same


def _serves_python(target: Target, python: str) -> bool | None:
    """Return whether *python* is the target's, None if *python* lacks the patch release that it needs."""
    version = Version(python)
    if version.release[:2] != target.python.release[:2]:
        return False
    if not target.exact:
        return True
    return version == target.python if len(version.release) > 2 else None


def _older(found: Libc, locked: Libc) -> bool:
    return (found.major, found.minor) < (locked.major, locked.minor)
