"""Extract from a `Lock` what linting needs: versions, hashes, Pythons, the base image."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property

from msgspec import Struct
from packaging.pylock import Package
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from lockml.common.errors import LockError
from lockml.lock.model import Lock
from lockml.lock.select import select_packages, selection_digest, serves

__all__ = ["LockFacts", "lock_facts"]


class LockFacts(Struct, frozen=True, kw_only=True, dict=True):
    """What the lock *file* pins.

    *expected* are, for each target, the names in its requirement file; *pythons* are the targets' minor versions,
    ``3.11``, ``3.14t`` or ``pypy3.10``, () if it names no target; *build* covers the requirements of image builds.
    """

    file: str
    versions: Mapping[NormalizedName, frozenset[str]]
    hashes: Mapping[NormalizedName, frozenset[str]]
    expected: tuple[frozenset[NormalizedName], ...]
    pythons: tuple[str, ...]
    requires_python: SpecifierSet | None
    base_image: str | None
    lock: Lock
    build: "LockFacts | None" = None

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The labels of images built from it, one for each target with a different one."""
        found: list[str] = []
        for target in self.lock.targets:
            with suppress(LockError):  # an unselectable lock is reported at its installation
                found.append(selection_digest(select_packages(self.lock, target, self.file), target))
        return tuple(dict.fromkeys(found))

    def serves_python(self, python: str) -> bool:
        """Return whether the lock can be installed for the minor version *python*, such as ``3.11``."""
        if self.pythons:
            return python in self.pythons
        return self.requires_python is None or any(
            self.requires_python.contains(f"{python}.{patch}", prereleases=True) for patch in (0, 30)
        )


def lock_facts(lock: Lock, file: str) -> LockFacts:
    """Return what *lock*, read from *file*, pins."""
    versions: dict[NormalizedName, frozenset[str]] = {}
    hashes: dict[NormalizedName, frozenset[str]] = {}
    for package in lock.pylock.packages:
        version = {str(package.version)} if package.version is not None else set()
        versions[package.name] = versions.get(package.name, frozenset()) | version
        hashes[package.name] = hashes.get(package.name, frozenset()) | _hashes(package)
    hashed = [package for package in lock.pylock.packages if not (package.vcs or package.directory)]
    hashed = [package for package in hashed if not lock.is_built(package.name)]
    if lock.targets:
        expected = tuple(frozenset(p.name for p in hashed if serves(p, target)) for target in lock.targets)
    else:
        expected = (frozenset(package.name for package in hashed if package.marker is None),)
    return LockFacts(
        file=file,
        versions=versions,
        hashes=hashes,
        expected=expected,
        pythons=tuple(dict.fromkeys(each.minor_text for each in lock.targets)),
        requires_python=lock.pylock.requires_python,
        base_image=lock.base_image.reference if lock.base_image is not None else None,
        lock=lock,
        build=lock_facts(lock.build, file) if lock.build is not None else None,
    )


def _hashes(package: Package) -> frozenset[str]:
    tables = [wheel.hashes for wheel in package.wheels or ()]
    if package.sdist is not None:
        tables.append(package.sdist.hashes)
    if package.archive is not None:
        tables.append(package.archive.hashes)
    return frozenset(f"{kind}:{digest}".lower() for table in tables for kind, digest in table.items())
