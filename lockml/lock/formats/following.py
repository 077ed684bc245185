"""Build a dependency graph of locked packages from the names and versions that they need.

For locks that do not say which packages are installed where: Poetry's before lock-version 2.1, PDM's without metadata.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct, field
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.lock.formats.foreign import all_of, checked_marker, require_shallow, without_extras
from lockml.lock.model import Asked, DependencyGraph, Need, Node

__all__ = ["Followed", "Roots", "Wanted", "asked_for", "follow", "parse_wanted"]

_MOST_VERSIONS: Final = 100


class Wanted(Struct, frozen=True, kw_only=True):
    """A required project with *extras*, in a version of one of the *alternatives*, if *marker* holds.

    A *direct* one does not come from an index; an *optional* one is required only by an extra.
    """

    name: NormalizedName
    alternatives: tuple[SpecifierSet, ...] = (SpecifierSet(),)
    extras: tuple[NormalizedName, ...] = ()
    marker: str = ""
    optional: bool = False
    direct: str | None = None


class Followed(Struct, frozen=True, kw_only=True):
    """A locked package, by its position in the lock, with its dependencies; *pythons* is the marker of its Pythons."""

    name: NormalizedName
    version: Version | None
    pythons: str = ""
    always: tuple[Wanted, ...] = ()
    extras: Mapping[NormalizedName, tuple[Wanted, ...]] = field(default_factory=dict)
    left_out: bool = False
    group: NormalizedName | None = None


class Roots(Struct, frozen=True, kw_only=True):
    """The dependencies of the user's own project: always, and with each of its extras and groups."""

    always: tuple[Wanted, ...] = ()
    extras: Mapping[NormalizedName, tuple[Wanted, ...]] = field(default_factory=dict)
    groups: Mapping[NormalizedName, tuple[Wanted, ...]] = field(default_factory=dict)


@lru_cache(maxsize=10_000)
def parse_wanted(line: str) -> Wanted:
    """Parse a requirement (PEP 508); raises ValueError."""
    requirement = Requirement(require_shallow(line))
    return Wanted(
        name=canonicalize_name(requirement.name),
        alternatives=(requirement.specifier,),
        extras=tuple(sorted(map(canonicalize_name, requirement.extras))),
        marker=checked_marker(str(requirement.marker or "")),
        direct=requirement.url,
    )


def asked_for(wanted: Iterable[Wanted]) -> tuple[Asked, ...]:
    """Return *wanted* as requirements; those with several alternatives have no bound."""
    texts = set()
    for each in wanted:
        extras = f"[{','.join(each.extras)}]" if each.extras else ""
        bound = str(each.alternatives[0]) if len(each.alternatives) == 1 and each.direct is None else ""
        marker = f" ; {each.marker}" if each.marker else ""
        texts.add(str(Requirement(f"{each.name}{extras}{bound}{marker}")))
    return tuple(Asked(requirement=text, origin="pyproject.toml") for text in sorted(texts))


def follow(
    packages: tuple[Followed, ...], roots: Roots | None, default_groups: Iterable[str] | None
) -> DependencyGraph:
    """Return the graph of *packages*; None for *roots* requires what no other package needs.

    Of these, one that is *left_out* is not required, and one with a *group* belongs to that group. None for
    *default_groups* means all. Raises ValueError for more versions of a project than any environment has.
    """
    index = _Index(packages)
    asked = roots if roots is not None else index.unneeded()
    root = Node(
        always=tuple(index.needs(asked.always)),
        extras={name: tuple(index.needs(wanted)) for name, wanted in asked.extras.items()},
        groups={name: tuple(index.needs(wanted)) for name, wanted in asked.groups.items()},
    )
    nodes = [
        Node(
            package=position,
            always=tuple(index.needs(package.always)),
            extras={name: tuple(index.needs(wanted)) for name, wanted in package.extras.items()},
        )
        for position, package in enumerate(packages)
    ]
    return DependencyGraph(
        nodes=(*nodes, root),
        roots=(len(nodes),),
        default_groups=tuple(sorted(root.groups if default_groups is None else default_groups)),
    )


class _Index:
    """The packages by name, the newest first."""

    def __init__(self, packages: tuple[Followed, ...]) -> None:
        self._packages = packages
        self._by_name: dict[NormalizedName, list[int]] = {}
        for position, package in enumerate(packages):
            self._by_name.setdefault(package.name, []).append(position)
        for name, positions in self._by_name.items():
            if len(positions) > _MOST_VERSIONS:
                raise ValueError(f"{name!r} is locked in more than {_MOST_VERSIONS} versions")
            positions.sort(key=lambda position: packages[position].version or Version("0"), reverse=True)

    def needs(self, wanted: Iterable[Wanted]) -> Iterator[Need]:
        """Yield the needs for *wanted*; if several versions fit, with the Pythons of each.

        A project that is not locked is skipped: tools do not lock what applies to none of the project's Pythons.
        """
        for each in wanted:
            positions = self._fitting(each)
            marker = without_extras(each.marker)
            needs = [
                Need(
                    node=position,
                    extras=each.extras,
                    marker=all_of((marker, self._packages[position].pythons if len(positions) > 1 else "")),
                )
                for position in positions
            ]
            if needs:
                first, *others = needs
                yield Need(node=first.node, extras=first.extras, marker=first.marker, others=tuple(others))

    def _fitting(self, wanted: Wanted) -> list[int]:
        """Return the packages for *wanted*; a single one counts with any version."""
        positions = self._by_name.get(wanted.name, [])
        if len(positions) < 2 or wanted.direct is not None:
            return positions
        return [
            position
            for position in positions
            for version in (self._packages[position].version,)
            if version is None or any(each.contains(version, prereleases=True) for each in wanted.alternatives)
        ]

    def unneeded(self) -> Roots:
        """Return as required what no other package needs, and then, one by one, what those do not lead to."""
        needed = {each.name for package in self._packages for each in _everything(package)}
        reached: dict[NormalizedName, set[tuple[NormalizedName, ...]]] = {}
        always: list[Wanted] = []
        groups: dict[NormalizedName, list[Wanted]] = {}
        for name in sorted(self._by_name, key=lambda name: name in needed):
            if name in reached or self._left_out(name):
                continue
            group = self._packages[self._by_name[name][0]].group
            wanted = Wanted(name=name, extras=self._locked_extras(name))
            (always if group is None else groups.setdefault(group, [])).append(wanted)
            self._spread(reached, wanted)
        return Roots(always=tuple(always), groups={group: tuple(wanted) for group, wanted in groups.items()})

    def _locked_extras(self, name: NormalizedName) -> tuple[NormalizedName, ...]:
        """Return the extras of a project for which everything is locked, so that they seem to be required."""
        return tuple(
            extra
            for extra, wanted in self._packages[self._by_name[name][0]].extras.items()
            if wanted and all(each.name in self._by_name and not self._left_out(each.name) for each in wanted)
        )

    def _spread(self, reached: dict[NormalizedName, set[tuple[NormalizedName, ...]]], top: Wanted) -> None:
        """Add to *reached* the projects that *top* leads to, each with its required extras."""
        waiting = [top]
        while waiting:
            wanted = waiting.pop()
            seen = reached.setdefault(wanted.name, set()) if wanted.name in self._by_name else {wanted.extras}
            if wanted.extras in seen:
                continue
            seen.add(wanted.extras)
            for position in self._by_name[wanted.name]:
                package = self._packages[position]
                waiting += package.always
                waiting += (each for extra in wanted.extras for each in package.extras.get(extra, ()))

    def _left_out(self, name: NormalizedName) -> bool:
        return all(self._packages[position].left_out for position in self._by_name[name])


def _everything(package: Followed) -> Iterator[Wanted]:
    yield from package.always
    for wanted in package.extras.values():
        yield from wanted
