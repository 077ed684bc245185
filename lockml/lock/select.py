"""A `Lock` and a `Target` in, the packages that installers take from it for that target out (PEP 751)."""

from packaging.pylock import Package, PylockSelectError
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.common.target import Target
from lockml.lock.model import Lock

__all__ = ["pinned_versions", "select_packages", "serves"]


def select_packages(lock: Lock, target: Target, file: str) -> tuple[Package, ...]:
    """Return the packages of *lock* for *target*, in its order; raises LockError where *file* does not serve it."""
    environment = {**target.environment, "extra": ""}
    try:
        chosen = lock.pylock.select(environment=environment, tags=tuple(target.tag_ranks))  # type: ignore[arg-type]
        return tuple(package for package, _ in chosen)
    except (PylockSelectError, ValueError) as error:
        raise LockError(file, f"does not serve {target}: {error}", hint="lock for this target too") from error


def pinned_versions(lock: Lock, target: Target) -> dict[NormalizedName, Version]:
    """Return the versions that the lock pins where *target*'s markers hold, whether or not it serves the target."""
    return {
        package.name: package.version
        for package in lock.pylock.packages
        if package.version is not None and serves(package, target)
    }


def serves(package: Package, target: Target) -> bool:
    """Say whether the marker of *package* holds on *target*."""
    return package.marker is None or package.marker.evaluate(target.environment, context="lock_file")
