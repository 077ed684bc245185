"""The dependencies of packages in a poetry.lock, for lock-versions before 2.1."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.lock.formats.following import Followed, Roots, Wanted, follow
from lockml.lock.formats.foreign import ForeignFile
from lockml.lock.formats.poetry.constraints import python_marker
from lockml.lock.formats.poetry.pyproject import PoetryProject, wanted_of
from lockml.lock.model import DependencyGraph

__all__ = ["LockedPackage", "poetry_graph"]

_DEV = canonicalize_name("dev")


class _Source(Struct, frozen=True, kw_only=True):
    type: str
    url: str
    reference: str | None = None
    resolved_reference: str | None = None
    subdirectory: str | None = None


class LockedPackage(Struct, frozen=True, kw_only=True, rename={"python_versions": "python-versions"}):
    """A package of a poetry.lock, in any lock-version."""

    name: str
    version: str
    optional: bool = False
    category: str = "main"
    python_versions: str = "*"
    groups: tuple[str, ...] = ()
    markers: str | dict[str, str] = ""
    files: tuple[ForeignFile, ...] = ()
    develop: bool = False
    dependencies: dict[str, Any] = {}
    extras: dict[str, tuple[str, ...]] = {}
    source: _Source | None = None


def poetry_graph(
    packages: tuple[LockedPackage, ...], extras: Mapping[str, tuple[str, ...]], project: PoetryProject | None
) -> DependencyGraph:
    """Return the graph of *packages*, with the *extras* that the lock names; raises ValueError."""
    followed = tuple(map(_followed, packages))
    if project is None:
        return follow(followed, None, None)
    known = {canonicalize_name(extra) for extra in extras}
    roots = Roots(
        always=project.main,
        extras={extra: project.extras.get(extra, ()) for extra in sorted(known)},
        groups=project.groups,
    )
    return follow(followed, roots, project.groups.keys() - project.optional_groups)


def _followed(package: LockedPackage) -> Followed:
    wanted = [each for name, value in package.dependencies.items() for each in wanted_of(name, value)]
    by_extra = {
        canonicalize_name(extra): tuple(_optional(wanted, {_name_in(line) for line in lines}))
        for extra, lines in package.extras.items()
    }
    return Followed(
        name=canonicalize_name(package.name, validate=True),
        version=Version(package.version),
        pythons=python_marker(package.python_versions),
        always=tuple(each for each in wanted if not each.optional),
        extras=by_extra,
        left_out=package.optional,
        group=_DEV if package.category == "dev" else None,
    )


def _optional(wanted: list[Wanted], names: set[NormalizedName]) -> Iterator[Wanted]:
    """Yield the requirements of an extra, by *names*."""
    yield from (each for each in wanted if each.optional and each.name in names)


def _name_in(line: str) -> NormalizedName:
    """Return the project that a line such as ``pysocks (>=1.5.6,!=1.5.7)`` names; raises ValueError."""
    found = re.match(r"\s*([\w.-]+)", line)
    if found is None:
        raise ValueError(f"{line!r} has no project name")
    return canonicalize_name(found[1])
