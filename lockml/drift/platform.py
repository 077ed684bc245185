"""Compare the lock's target with the Python and the platform of the subject."""

from typing import Literal

from packaging.version import Version

from lockml.common.errors import LockError
from lockml.common.target import Libc, Target, parse_platform
from lockml.drift.model import Drift
from lockml.drift.remedies import Remedies
from lockml.inventory.model import Problem, PythonEnvironment, Subject
from lockml.lock.model import Lock

__all__ = ["compare_base_image", "compare_platform", "foreign_ground_drifts", "serving_target"]


def serving_target(lock: Lock, environment: PythonEnvironment, file: str) -> Target:
    """Return the target of *lock* that is nearest to *environment*; for a lock without targets, what is there.

    Raises LockError where the lock names no target and the platform of the environment is unknown.
    """
    if lock.targets and not environment.python:
        return lock.targets[0]
    if lock.targets:
        return max(lock.targets, key=lambda target: _likeness(target, environment))
    if environment.machine is None or environment.libc is None:
        raise LockError(file, "names no target, and the platform of the subject is unknown")
    version = Version(environment.python)
    exact = len(version.release) > 2
    return Target(
        python=version if exact else Version(f"{version}.0"),
        exact=exact,
        platform=parse_platform(f"linux/{environment.machine}"),
        libc=environment.libc,
    )


def _likeness(target: Target, environment: PythonEnvironment) -> tuple[bool, ...]:
    found, locked = environment.libc, target.libc
    return (
        target.platform.system == "linux",
        _serves_python(target, environment.python) is not False,
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
    served = _serves_python(target, environment.python) if environment.python else None
    if environment.alone and not environment.python:
        reason = "the Python that these packages are for is unknown: nothing in them says it, and the lock has several"
        problems.append(Problem(path=environment.prefix, reason=reason))
    elif served is None and environment.alone:
        pass  # a folder of packages is for every patch release
    elif served is None:
        problems.append(Problem(path=environment.prefix, reason="the patch release of its Python is unknown"))
    elif not served:
        detail = "another Python runs here: other wheels suit it, and markers may choose other packages"
        fix = remedies.python(target.python_text, environment.python)
        drifts.append(_ground_drift("python", target.python_text, environment.python, detail, fix, environment.prefix))
    for locked, found, detail in _platform_differences(target, environment):
        if found is None and environment.alone:
            continue  # it is whatever Python uses these packages
        if found is None:
            problems.append(Problem(path=environment.prefix, reason=detail))
        else:
            fix = remedies.platform(str(target.platform) + (f" with {target.libc}" if target.libc else ""))
            drifts.append(_ground_drift("platform", locked, found, detail, fix, None))
    return drifts, problems


def foreign_ground_drifts(
    lock: Lock, environment: PythonEnvironment, target: Target, remedies: Remedies
) -> list[Drift]:
    """Return how *lock*, of another tool, does not serve the Python or the platform of *environment*, at most one.

    *target* is that Python and platform.
    """
    wanted = lock.pylock.requires_python
    if wanted is not None and not wanted.contains(target.python, prereleases=True):
        detail = "the lock does not serve this Python: other wheels suit it, and markers may choose other packages"
        fix = remedies.python(str(wanted), environment.python)
        return [_ground_drift("python", str(wanted), environment.python, detail, fix, environment.prefix)]
    served = lock.pylock.environments
    if not served or any(marker.evaluate(target.environment, context="lock_file") for marker in served):
        return []
    locked, detail = " or ".join(map(str, served)), "the lock serves none like this environment"
    return [_ground_drift("platform", locked, str(target), detail, remedies.platform(locked), None)]


def _ground_drift(
    kind: Literal["python", "platform"], locked: str, found: str, detail: str, fix: str, path: str | None
) -> Drift:
    return Drift(kind=kind, name=kind, locked=locked, found=found, path=path, detail=detail, fix=fix)


def compare_base_image(lock: Lock, subject: Subject, remedies: Remedies) -> Drift | str | None:
    """Return how the image of *subject* is not built on the base image of *lock*, a text where that is unknown."""
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
        fix=remedies.base_image(base.reference),
    )


def _platform_differences(target: Target, environment: PythonEnvironment) -> list[tuple[str, str | None, str]]:
    """Return (locked, found, detail) of each difference; found is None where it is unknown."""
    differences: list[tuple[str, str | None, str]] = []
    if target.platform.system != "linux":
        return [(str(target.platform), "linux", "the lock serves another system")]
    machine = target.platform.machine
    if environment.dangling:
        differences.append((machine, None, f"its python leads to {environment.program}, which is not there"))
    elif environment.machine is None:
        differences.append((machine, None, "the processor that its Python is built for is unknown"))
    elif environment.machine != machine:
        differences.append((machine, environment.machine, "Python is built for another processor"))
    found, locked = environment.libc, target.libc
    if found is None:
        differences.append((str(locked), None, "the C library of its system is unknown"))
    elif locked is not None and found.family != locked.family:
        differences.append((str(locked), str(found), "another C library: the locked wheels do not run on it"))
    elif locked is not None and _older(found, locked):
        detail = "an older C library than was locked for: wheels built for the newer one do not load"
        differences.append((str(locked), str(found), detail))
    return differences


def _serves_python(target: Target, python: str) -> bool | None:
    """Return whether *python* is the target's, None where *python* lacks the patch release that it needs."""
    version = Version(python)
    if version.release[:2] != target.python.release[:2]:
        return False
    if not target.exact:
        return True
    return version == target.python if len(version.release) > 2 else None


def _older(found: Libc, locked: Libc) -> bool:
    return (found.major, found.minor) < (locked.major, locked.minor)
