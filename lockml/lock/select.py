"""Select the packages of a `Lock` that installers use for a `Target` (PEP 751)."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace
from packaging.markers import Marker, UndefinedEnvironmentName
from packaging.pylock import Package, PackageSdist, PackageWheel, PylockSelectError
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.errors import InputError, LockError
from lockml.common.target import Target
from lockml.lock.model import EVERY, Choice, DependencyGraph, Lock, Need

__all__ = [
    "chosen_extras",
    "chosen_names",
    "chosen_packages",
    "fits_environment",
    "fits_python",
    "groups_of",
    "pinned_versions",
    "reachable",
    "select_packages",
    "selection_digest",
    "served_packages",
    "serves",
    "usable_files",
    "with_choice",
]


def select_packages(lock: Lock, target: Target, file: str) -> tuple[Package, ...]:
    """Return the packages of *lock* for *target*, in its order; raises LockError if *file* is not for it.

    For a lock of another tool, the Python is not compared: a difference is drift.
    """
    if lock.format:
        return _selected(lock, target.environment, file)
    environment = {**target.environment, "extra": ""}
    try:
        chosen = lock.pylock.select(environment=environment, tags=tuple(target.tag_ranks))  # type: ignore[arg-type]
        return tuple(package for package, _ in chosen)
    except (PylockSelectError, ValueError) as error:
        raise LockError(file, f"does not serve {target}: {error}", hint="lock for this target too") from error


def fits_python(lock: Lock, target: Target) -> bool:
    """Say whether *lock*, of another tool, is for the Python of *target*."""
    pythons = lock.pylock.requires_python
    return pythons is None or pythons.contains(target.python, prereleases=True)


def fits_environment(lock: Lock, target: Target, file: str) -> bool:
    """Say whether *lock*, of another tool, is for the environment of *target*; raises LockError for a bad marker."""
    served = lock.pylock.environments
    try:
        return not served or any(marker.evaluate(target.environment, context="lock_file") for marker in served)
    except (ValueError, RecursionError, UndefinedEnvironmentName) as error:
        raise LockError(file, f"has an environment marker that cannot be read: {error}") from error


def with_choice(lock: Lock, choice: Choice, file: str) -> Lock:
    """Return *lock*, read from *file*, with another *choice*; raises InputError for an extra or group that it lacks."""
    extras, groups = _extras_of(lock), groups_of(lock)
    for kind, asked, known in (
        ("extra", choice.extras, extras),
        ("group", choice.groups | choice.without_groups, groups),
    ):
        for name in sorted(asked - known):
            listed = f"its {kind}s: {', '.join(sorted(known))}" if known else f"it has no {kind}s"
            hint = listed if lock.format else "for a lock of lockml, choose them when you compile it"
            raise InputError(file, f"has no {kind} {name!r}", hint=hint)
    return replace(lock, choice=choice)


def groups_of(lock: Lock) -> frozenset[str]:
    """Return the names of the groups in *lock*."""
    if lock.graph is not None:
        return frozenset(name for root in lock.graph.roots for name in lock.graph.nodes[root].groups)
    return frozenset(map(canonicalize_name, lock.pylock.dependency_groups or ()))


def chosen_packages(lock: Lock) -> Sequence[Package]:
    """Return the packages of *lock* that its choice includes on any target; all, if only markers decide that."""
    packages = lock.pylock.packages
    if lock.graph is None:
        return packages
    seen = _walk(lock.graph, lambda _: True, *chosen_names(lock))
    return [packages[position] for position in _positions(lock.graph, seen)]


def chosen_extras(lock: Lock, target: Target) -> dict[NormalizedName, frozenset[str]]:
    """Return by project the extras that *lock* requires on *target*, if it has a graph."""
    graph, found = lock.graph, {}
    for node, names in _seen(graph, target.environment, *chosen_names(lock)).items() if graph is not None else ():
        package = graph.nodes[node].package if graph is not None else None
        if package is not None and names - {""}:
            found[lock.pylock.packages[package].name] = frozenset(names - {""})
    return found


def _extras_of(lock: Lock) -> frozenset[str]:
    if lock.graph is not None:
        return frozenset(name for root in lock.graph.roots for name in lock.graph.nodes[root].extras)
    return frozenset(lock.pylock.extras or ())


def chosen_names(lock: Lock) -> tuple[frozenset[str], frozenset[str]]:
    """Return the extras and the groups that the choice of *lock* includes."""
    choice, groups = lock.choice, groups_of(lock)
    default = frozenset(lock.graph.default_groups if lock.graph is not None else lock.pylock.default_groups or ())
    chosen = groups if choice.all_groups else choice.groups
    replaced = bool(chosen) and lock.graph is not None and lock.graph.alternative_groups
    if choice.default_groups and not replaced:
        chosen |= groups if EVERY in default else groups.intersection(map(canonicalize_name, default))
    return _extras_of(lock) if choice.all_extras else choice.extras, chosen - choice.without_groups


def _selected(lock: Lock, environment: Mapping[str, str], file: str) -> tuple[Package, ...]:
    extras, groups = chosen_names(lock)
    packages = lock.pylock.packages
    try:
        if lock.graph is not None:
            found = [packages[position] for position in reachable(lock.graph, environment, extras, groups)]
        else:
            holds = _Markers({**environment, "extras": extras, "dependency_groups": groups})
            found = [package for package in packages if package.marker is None or holds(str(package.marker))]
    except (ValueError, RecursionError, UndefinedEnvironmentName) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise LockError(file, f"has a marker that cannot be read: {reason}") from error
    by_name: dict[NormalizedName, Package] = {}
    for package in found:
        other = by_name.setdefault(package.name, package)
        if other is not package:
            versions = f"{other.version or 'no version'} and {package.version or 'no version'}"
            raise LockError(file, f"has two packages {package.name} for one environment ({versions})")
    return tuple(by_name.values())


class _Markers:
    """A cache of marker results in an *environment*: the same few markers are evaluated often."""

    def __init__(self, environment: Mapping[str, str | frozenset[str]]) -> None:
        self._environment = environment
        self._met: dict[str, bool] = {"": True}

    def __call__(self, marker: str) -> bool:
        met = self._met.get(marker)
        if met is None:
            met = self._met[marker] = Marker(marker).evaluate(dict(self._environment), context="lock_file")
        return met


def reachable(
    graph: DependencyGraph, environment: Mapping[str, str], extras: frozenset[str], groups: frozenset[str]
) -> list[int]:
    """Return the positions of the packages that the roots of *graph* need with *extras* and *groups*, in order.

    *environment* has the values of markers (PEP 508). Markers may test extras that the walk reaches, so it is repeated
    until it finds no more of them. Raises ValueError for a bad marker.
    """
    return _positions(graph, _seen(graph, environment, extras, groups))


def _seen(
    graph: DependencyGraph, environment: Mapping[str, str], extras: frozenset[str], groups: frozenset[str]
) -> dict[int, set[str]]:
    """Return the needed nodes, like `_walk`, after the words of markers are settled."""
    words: frozenset[str] = frozenset()
    while True:
        seen = _walk(graph, _Markers({**environment, "extras": words, "dependency_groups": groups}), extras, groups)
        reached = frozenset(word for word, (node, name) in graph.words.items() if node in seen and name in seen[node])
        if reached <= words:
            return seen
        words |= reached


def _positions(graph: DependencyGraph, nodes: Iterable[int]) -> list[int]:
    return sorted(package for node in nodes if (package := graph.nodes[node].package) is not None)


def _walk(
    graph: DependencyGraph, holds: Callable[[str], bool], extras: frozenset[str], groups: frozenset[str]
) -> dict[int, set[str]]:
    """Return the needed nodes, each with its required extras and groups, "" for the node."""
    seen: dict[int, set[str]] = {}
    waiting = [Need(node=node, extras=tuple(sorted(extras & graph.nodes[node].extras.keys()))) for node in graph.roots]
    for node in graph.roots:
        seen[node] = set(groups & graph.nodes[node].groups.keys())
        waiting += (need for group in sorted(seen[node]) for need in graph.nodes[node].groups[group])
    undecided: deque[list[Need]] = deque()
    while waiting or undecided:
        if not waiting:
            open_to = undecided.popleft()
            waiting.append(next((need for need in open_to if need.node in seen), open_to[0]))
        need = waiting.pop()
        meant = [each for each in (need, *need.others) if holds(each.marker)]
        if len(meant) > 1:
            undecided.append([replace(each, others=()) for each in meant])
        if len(meant) != 1:
            continue
        need = meant[0]
        needs = graph.nodes[need.node]
        known = seen.setdefault(need.node, set())
        new = {"", *need.extras} - known
        known |= new
        waiting += (more for name in new for more in (needs.extras.get(name, ()) if name else needs.always))
    return seen


def pinned_versions(lock: Lock, target: Target) -> dict[NormalizedName, Version]:
    """Return the versions that the lock pins for the markers of *target*, even if it is not for that target."""
    return {package.name: package.version for package in served_packages(lock, target) if package.version is not None}


def served_packages(lock: Lock, target: Target) -> Sequence[Package]:
    """Return the packages of *lock* for the markers of *target*, even if it is not for that target."""
    if lock.format:
        return _selected(lock, target.environment, lock.format)
    return [package for package in lock.pylock.packages if serves(package, target)]


def serves(package: Package, target: Target) -> bool:
    """Say whether the marker of *package* holds on *target*."""
    return package.marker is None or package.marker.evaluate(target.environment, context="lock_file")


def usable_files(package: Package, target: Target) -> tuple[PackageWheel | PackageSdist, ...]:
    """Return the files of *package* for *target*: wheels that install there, else its sdist."""
    wheels = tuple(wheel for wheel in package.wheels or () if target.rank_of_wheel(wheel.filename) is not None)
    return wheels or ((package.sdist,) if package.sdist is not None else ())


def selection_digest(packages: Iterable[Package], target: Target) -> str:
    """Return the digest, ``sha256:…``, of the files that *packages*, selected for *target*, may install, in any order.

    Nothing else of the lock counts: neither requirements, nor URLs, nor other targets.
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
