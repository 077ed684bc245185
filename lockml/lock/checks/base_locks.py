"""Requirements of a base on the lock that is based on it, and deviations of that lock.

A lock takes complete entries from its base: version, files, hashes, identities. Nothing here contacts an index.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace as replaced

from msgspec import Struct
from msgspec.structs import replace
from packaging.markers import Marker
from packaging.pylock import Package
from packaging.requirements import Requirement as ParsedRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.target import Target
from lockml.lock.facts import artifact_table
from lockml.lock.model import BaseLock, Lock, LockedArtifact
from lockml.lock.references import index_files, source_of, wheels_of
from lockml.lock.select import served_packages
from lockml.requirements.model import Origin, Requirement

__all__ = ["Bounds", "bounds_of", "deviations_from", "packages_digest", "with_base_entries"]


class Bounds(Struct, frozen=True, kw_only=True):
    """Requirements of a base on the lock based on it: *requirements* add its pins, *constraints* fix them."""

    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...]


def packages_digest(lock: Lock) -> str:
    """Return the SHA-256, hexadecimal, of the packages of *lock*: nothing else affects a lock based on it.

    Neither later verification of a wheel nor newer releases count.
    """
    recorded = [[each.name, each.wheel, each.source, each.identity.digest] for each in lock.recorded]
    text = json.dumps([[_binding(package) for package in lock.pylock.packages], recorded], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _binding(package: Package) -> list[object]:
    """Return what counts of *package*, as JSON values."""
    facts = (package.tool or {}).get("lockml", {})
    archive, vcs, directory = package.archive, package.vcs, package.directory
    return [
        [package.name, *map(_text, (package.version, package.marker, package.requires_python, package.index))],
        [str(each["name"]) for each in package.dependencies or ()],
        [[each.filename, each.url, each.path, each.size, sorted(each.hashes.items())] for each in index_files(package)],
        archive and [archive.url, archive.path, archive.subdirectory, sorted(archive.hashes.items())],
        vcs and [vcs.url, vcs.path, vcs.requested_revision, vcs.commit_id, vcs.subdirectory],
        directory and [directory.path, directory.editable, directory.subdirectory],
        [[key, str(facts[key])] for key in sorted(facts) if key not in ("artifacts", "passed-over")],
        [sorted((key, str(each[key])) for key in each if key != "verified") for each in facts.get("artifacts", ())],
    ]


def _text(value: object) -> str | None:
    return str(value) if value is not None else None


def bounds_of(base: BaseLock, targets: Sequence[Target]) -> Bounds:
    """Return the bounds of *base* on *targets*: the projects in its inputs, and all of its pins with hashes.

    A pin that its inputs do not lead to, because of overrides, is a requirement of its own.
    """
    roots = [_root(each.requirement, base) for each in base.lock.requirements]
    left = {name for target in targets for name in _unreached(base, roots, target)}
    bound = [package for package in base.lock.pylock.packages if base.binds(package.name)]
    return Bounds(
        requirements=(*roots, *(_pin(each, base, asked=True) for each in bound if each.name in left)),
        constraints=tuple(_pin(each, base, asked=False) for each in bound),
    )


def _root(text: str, base: BaseLock) -> Requirement:
    """Return a requirement in the inputs of *base* without version and source, which the pin has."""
    parsed = ParsedRequirement(text)
    return Requirement(
        name=canonicalize_name(parsed.name),
        extras=tuple(sorted(map(canonicalize_name, parsed.extras))),
        specifier=SpecifierSet(),
        marker=parsed.marker,
        origin=Origin(file=base.path),
    )


def _pin(package: Package, base: BaseLock, *, asked: bool) -> Requirement:
    files = [*index_files(package), *((package.archive,) if package.archive is not None else ())]
    reference = source_of(package)
    pinned = package.version is not None and reference is None
    return Requirement(
        name=package.name,
        extras=tuple(map(canonicalize_name, base.lock.extras.get(package.name, ()))) if asked else (),
        specifier=SpecifierSet(f"=={package.version}" if pinned else ""),
        marker=Marker(str(package.marker)) if package.marker is not None else None,
        origin=Origin(file=base.path, line=base.lines.get(package.name)),
        hashes=frozenset()
        if asked
        else frozenset(f"{kind}:{value}" for file in files for kind, value in file.hashes.items()),
        reference=None if asked else reference,
    )


def _unreached(base: BaseLock, roots: Iterable[Requirement], target: Target) -> set[NormalizedName]:
    """Return the pins of *base* on *target* that *roots* do not lead to."""
    packages = {package.name: package for package in served_packages(base.lock, target)}
    waiting = [root.name for root in roots if root.applies_to(target.environment)]
    reached: set[NormalizedName] = set()
    while waiting:
        name = waiting.pop()
        if name in packages and name not in reached:
            reached.add(name)
            waiting += [canonicalize_name(str(each["name"])) for each in packages[name].dependencies or ()]
    return packages.keys() - reached


def deviations_from(base: BaseLock, lock: Lock) -> Iterator[str]:
    """Yield deviations of *lock* from *base*; in a superset every pin of the base counts, in a subset every own pin.

    Version, origin, every hash, and the identities of all wheels are compared, on each target of *lock*.
    """
    for target in lock.targets:
        theirs = {package.name: package for package in served_packages(base.lock, target)}
        mine = {package.name: package for package in served_packages(lock, target)}
        for name in sorted(mine if base.subset else filter(base.binds, theirs)):
            one, other = theirs.get(name), mine.get(name)
            if one is None:
                yield f"{name} is locked, but {base.path} does not have it"
            elif other is None:
                yield f"{_named(one)} of {base.path} is not locked"
            elif _named(one) != _named(other) or _origin(one) != _origin(other):
                yield f"{_named(one)} of {base.path} is locked as {_named(other)}"
            elif _hashes(one) != _hashes(other):
                yield f"{_named(one)} of {base.path} is locked with other files"
            elif _identified(lock) and not _same_identities(base.lock, lock, one):
                yield f"{_named(one)} of {base.path} is locked with other identities"


def _named(package: Package) -> str:
    return f"{package.name} {package.version}" if package.version is not None else package.name


def _origin(package: Package) -> tuple[object, ...]:
    reference = source_of(package)
    commit = package.vcs.commit_id if package.vcs is not None else None
    return (reference.source_key if reference is not None else None, commit)


def _hashes(package: Package) -> set[tuple[str, str, str]]:
    found = {(file.filename, kind, value) for file in index_files(package) for kind, value in file.hashes.items()}
    return found | ({("", *each) for each in package.archive.hashes.items()} if package.archive is not None else set())


def _identified(lock: Lock) -> bool:
    return any(lock.artifacts.values())


def _same_identities(base: Lock, lock: Lock, package: Package) -> bool:
    theirs, mine = _by_wheel(base, package.name), _by_wheel(lock, package.name)
    wheels = [wheel.filename for wheel in wheels_of(package) if wheel.filename in theirs]
    return all(wheel in mine and _bytes(mine[wheel]) == _bytes(theirs[wheel]) for wheel in wheels)


def _bytes(artifact: LockedArtifact) -> object:
    """Return the identity of *artifact*, verified or not."""
    return replace(artifact.identity, verified=False) if artifact.identity is not None else None


def _by_wheel(lock: Lock, name: NormalizedName) -> dict[str, LockedArtifact]:
    return {artifact.wheel: artifact for artifact in lock.artifacts.get(name, ())}


def with_base_entries(lock: Lock, base: BaseLock) -> Lock:
    """Return *lock* with the entries of *base* for every pin that both have, including the URLs of files.

    The identities of *base* are taken only for wheels that *lock* has none of: its own were computed just now.
    """
    theirs = {(each.name, each.version, _origin(each)): each for each in base.lock.pylock.packages}
    packages: list[Package] = []
    artifacts: dict[NormalizedName, tuple[LockedArtifact, ...]] = {}
    for package in lock.pylock.packages:
        entry = theirs.get((package.name, package.version, _origin(package))) if base.binds(package.name) else None
        taken = _taken(package, entry) if entry is not None else package
        known = {**(_by_wheel(base.lock, package.name) if entry is not None else {}), **_by_wheel(lock, package.name)}
        found = tuple(known[wheel.filename] for wheel in wheels_of(taken) if wheel.filename in known)
        found = found if _identified(lock) else ()
        artifacts[package.name] = (*artifacts.get(package.name, ()), *found)
        packages.append(_with_artifacts(taken, found) if entry is not None else package)
    return replace(lock, pylock=replaced(lock.pylock, packages=packages), artifacts=artifacts)


def _taken(package: Package, entry: Package) -> Package:
    return replaced(
        package,
        index=entry.index,
        requires_python=entry.requires_python,
        sdist=entry.sdist,
        wheels=entry.wheels,
        archive=entry.archive,
        vcs=entry.vcs,
        directory=entry.directory,
    )


def _with_artifacts(package: Package, artifacts: Sequence[LockedArtifact]) -> Package:
    tool = package.tool or {}
    facts = {key: value for key, value in tool.get("lockml", {}).items() if key != "artifacts"}
    if artifacts:
        facts["artifacts"] = [artifact_table(artifact) for artifact in artifacts]
    tools = {key: value for key, value in tool.items() if key != "lockml"} | ({"lockml": facts} if facts else {})
    return replaced(package, tool=tools or None)
