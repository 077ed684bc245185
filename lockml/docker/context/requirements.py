"""Read what a requirement file pins and what it leaves open."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from lockml.common.errors import InputError
from lockml.common.references import ArchiveReference, RepositoryReference
from lockml.docker.context.lock import LockFacts
from lockml.requirements.model import Requirement, RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files

__all__ = ["Pins", "ReadContext", "departures", "read_pins_of"]

ReadContext = Callable[[str], bytes | None]
"""Return the context file at this path, None if there is none."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Pins(Struct, frozen=True, kw_only=True):
    """What a file, including the files that it includes, requires.

    *versions* are exact pins and *hashes* the files allowed for them; *loose* are requirements without a fixed version,
    *unhashed* those without a hash, *trees* those of repositories and folders, which cannot have one.
    """

    versions: Mapping[NormalizedName, frozenset[str]]
    hashes: Mapping[NormalizedName, frozenset[str]]
    loose: tuple[str, ...]
    unhashed: tuple[str, ...]
    trees: tuple[NormalizedName, ...]
    requirements: tuple[Requirement, ...]
    files: tuple[str, ...]
    unnamed: bool

    @property
    def is_lock(self) -> bool:
        """Whether it fixes the bytes of every package."""
        return bool(self.versions) and not (self.loose or self.unhashed or self.trees or self.unnamed)

    @property
    def is_trees(self) -> bool:
        """Whether it only has repositories by commit, which pip cannot hash."""
        return bool(self.trees) and not (self.versions or self.loose or self.unhashed)


def read_pins_of(name: str, read: ReadContext) -> Pins | None:
    """Return what the file *name* pins, None if it does not exist or is not a requirement file."""
    files: list[str] = []

    def content(path: str) -> bytes:
        found = read(path)
        if found is None or len(files) > 50:
            raise InputError(path, "no such file")
        files.append(path)
        return found

    try:
        asked = read_requirement_files((name,), read=content, environment={})
    except (InputError, RecursionError):
        return None
    return _sorted(asked, tuple(files))


def _sorted(asked: RequirementSet, files: tuple[str, ...]) -> Pins:
    """Return the requirements, sorted by how much they fix."""
    versions: dict[NormalizedName, frozenset[str]] = {}
    hashes: dict[NormalizedName, frozenset[str]] = {}
    loose: list[str] = []
    unhashed: list[str] = []
    trees: list[NormalizedName] = []
    for each in asked.requirements:
        if each.reference is not None and not isinstance(each.reference, ArchiveReference):
            fixed = isinstance(each.reference, RepositoryReference) and _COMMIT.fullmatch(each.reference.revision or "")
            trees += [each.name] if fixed else []
            loose += [] if fixed else [each.versioned]
            continue
        version = _pinned(each)
        if version is None and each.reference is None:
            loose.append(each.versioned)
            continue
        versions[each.name] = versions.get(each.name, frozenset()) | ({version} if version else frozenset())
        hashes[each.name] = hashes.get(each.name, frozenset()) | each.hashes
        if not each.hashes:
            unhashed.append(each.versioned)
    return Pins(
        versions=versions,
        hashes=hashes,
        loose=tuple(loose),
        unhashed=tuple(unhashed),
        trees=tuple(trees),
        requirements=asked.requirements,
        files=files,
        unnamed=bool(asked.unnamed),
    )


def _pinned(requirement: Requirement) -> str | None:
    """Return the only version that *requirement* allows, None if it allows more."""
    for clause in requirement.specifier:
        if clause.operator == "===" or (clause.operator == "==" and not clause.version.endswith(".*")):
            try:
                return str(Version(clause.version))
            except InvalidVersion:
                return clause.version
    return None


def departures(pins: Pins, lock: LockFacts) -> list[str]:
    """Return how *pins* differ from the lock, as phrases: other versions, other hashes, more or fewer packages."""
    found: list[str] = []
    for name, versions in sorted(pins.versions.items()):
        locked = lock.versions.get(name)
        if locked is None:
            found.append(f"{name} is not locked")
        elif versions and not versions & locked:
            found.append(f"{name} is {'/'.join(sorted(versions))}, but {'/'.join(sorted(locked))} is locked")
        elif pins.hashes.get(name) and lock.hashes.get(name) and not pins.hashes[name] <= lock.hashes[name]:
            found.append(f"{name} allows files that are not locked")
    missing = min((sorted(names - pins.versions.keys()) for names in lock.expected), key=len, default=[])
    return found + [f"{name} is locked but missing here" for name in missing]
