"""A `Lock` and a `Target` in, the packages that installers take from it for that target out (PEP 751)."""

import hashlib
import json
from collections.abc import Iterable

from packaging.pylock import Package, PackageSdist, PackageWheel, PylockSelectError
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.common.target import Target
from lockml.lock.model import Lock

__all__ = ["pinned_versions", "select_packages", "selection_digest", "serves", "usable_files"]


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


def usable_files(package: Package, target: Target) -> tuple[PackageWheel | PackageSdist, ...]:
    """Return the files of *package* that may be installed on *target*: its wheels that load there, else its sdist."""
    wheels = tuple(wheel for wheel in package.wheels or () if target.rank_of_wheel(wheel.filename) is not None)
    return wheels or ((package.sdist,) if package.sdist is not None else ())


def selection_digest(packages: Iterable[Package], target: Target) -> str:
    """Return the digest, ``sha256:…``, of what *packages*, selected for *target*, may install, in any order.

    Nothing else of the lock counts: not who asks for a package, nor where it is fetched, nor other targets.
    """
    pins = sorted(
        (
            {
                "name": package.name,
                "version": str(package.version) if package.version is not None else None,
                "files": sorted(sorted(file.hashes.items()) for file in usable_files(package, target)),
                "archive": sorted(package.archive.hashes.items()) if package.archive is not None else None,
                "commit": package.vcs.commit_id if package.vcs is not None else None,
                "directory": package.directory.path if package.directory is not None else None,
            }
            for package in packages
        ),
        key=json.dumps,
    )
    text = json.dumps(pins, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode('ascii')).hexdigest()}"
