"""Read the requirements of a pyproject.toml of Poetry, by group and extra: [tool.poetry], PEP 621 and PEP 735."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, convert, field
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from lockml.lock.formats.following import Wanted, asked_for, parse_wanted
from lockml.lock.formats.foreign import all_of, checked_marker
from lockml.lock.formats.poetry.constraints import parse_constraint, python_marker
from lockml.lock.model import Asked

__all__ = ["Dependency", "PoetryProject", "wanted_of"]

_DEV: Final = "dev"


class Dependency(Struct, frozen=True, kw_only=True):
    """A dependency as a table of Poetry, in a lock or in a pyproject.toml."""

    version: str = "*"
    extras: tuple[str, ...] = ()
    optional: bool = False
    markers: str = ""
    python: str = "*"
    platform: str | None = None
    git: str | None = None
    url: str | None = None
    path: str | None = None
    file: str | None = None


class _Group(Struct, frozen=True, kw_only=True, rename="kebab"):
    optional: bool = False
    dependencies: dict[str, Any] = {}
    include_groups: tuple[str, ...] = ()


class _Poetry(Struct, frozen=True, kw_only=True, rename="kebab"):
    name: str | None = None
    dependencies: dict[str, Any] = {}
    dev_dependencies: dict[str, Any] = {}
    group: dict[str, _Group] = {}
    extras: dict[str, tuple[str, ...]] = {}


class _Tool(Struct, frozen=True, kw_only=True):
    poetry: _Poetry = _Poetry()


class _Project(Struct, frozen=True, kw_only=True, rename="kebab"):
    name: str | None = None
    dependencies: tuple[str, ...] = ()
    optional_dependencies: dict[str, tuple[str, ...]] = {}


class _Document(Struct, frozen=True, kw_only=True, rename="kebab"):
    project: _Project = _Project()
    tool: _Tool = _Tool()
    dependency_groups: dict[str, tuple[Any, ...]] = {}


class PoetryProject(Struct, frozen=True, kw_only=True):
    """The requirements of a pyproject.toml: *main*, and by *groups* (normalized); *extras* name parts of main."""

    names: tuple[NormalizedName, ...] = ()
    main: tuple[Wanted, ...] = ()
    extras: Mapping[NormalizedName, tuple[Wanted, ...]] = field(default_factory=dict)
    groups: Mapping[NormalizedName, tuple[Wanted, ...]] = field(default_factory=dict)
    optional_groups: frozenset[NormalizedName] = frozenset()

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "PoetryProject":
        """Return the requirements in *document*; raises ValueError."""
        read = convert(document, type=_Document)
        poetry, project = read.tool.poetry, read.project
        name = project.name or poetry.name
        everything = (*_all_wanted(poetry.dependencies), *map(parse_wanted, project.dependencies))
        extras: dict[NormalizedName, tuple[Wanted, ...]] = {}
        for extra, names in poetry.extras.items():
            meant = {canonicalize_name(each) for each in names}
            extras[canonicalize_name(extra)] = tuple(each for each in everything if each.name in meant)
        for extra, lines in project.optional_dependencies.items():
            extras[canonicalize_name(extra)] = tuple(map(parse_wanted, lines))
        return cls(
            names=(canonicalize_name(name),) if name else (),
            main=tuple(each for each in everything if not each.optional),
            extras=extras,
            groups=_groups(read),
            optional_groups=frozenset(
                canonicalize_name(name) for name, group in poetry.group.items() if group.optional
            ),
        )

    @property
    def asked(self) -> tuple[Asked, ...]:
        """The requirements of the project, without those that PEP 508 cannot express (``||``)."""
        parts = (self.main, *self.extras.values(), *self.groups.values())
        return asked_for(wanted for part in parts for wanted in part)


def wanted_of(name: str, value: object) -> Iterator[Wanted]:
    """Yield the requirements of a dependency on *name*: a version, a table, or a list of them; raises ValueError."""
    for each in value if isinstance(value, list) else [value]:
        table = convert({"version": each} if isinstance(each, str) else each, type=Dependency)
        platform = f"sys_platform == '{_plain(table.platform)}'" if table.platform else ""
        yield Wanted(
            name=canonicalize_name(name, validate=True),
            alternatives=_alternatives(table.version),
            extras=tuple(map(canonicalize_name, table.extras)),
            marker=all_of((python_marker(table.python), platform, checked_marker(table.markers))),
            optional=table.optional,
            direct=table.git or table.url or table.path or table.file,
        )


def _plain(text: str) -> str:
    if not text.isalnum():
        raise ValueError(f"{text!r} is not a platform")
    return text


def _all_wanted(dependencies: Mapping[str, Any]) -> Iterator[Wanted]:
    for name, value in dependencies.items():
        if canonicalize_name(name) != "python":
            yield from wanted_of(name, value)


def _alternatives(text: str) -> tuple[SpecifierSet, ...]:
    """Return what a constraint allows; anything if packaging cannot parse it, as in ``>=2011k``."""
    try:
        return parse_constraint(text)
    except ValueError:
        return (SpecifierSet(),)


def _groups(read: _Document) -> dict[NormalizedName, tuple[Wanted, ...]]:
    """Return the groups of [tool.poetry] and of PEP 735, with what they include; raises ValueError for a circle."""
    own: dict[NormalizedName, list[Wanted]] = {}
    includes: dict[NormalizedName, list[NormalizedName]] = {}
    poetry = read.tool.poetry
    if poetry.dev_dependencies:
        own.setdefault(canonicalize_name(_DEV), []).extend(_all_wanted(poetry.dev_dependencies))
    for name, group in poetry.group.items():
        own.setdefault(canonicalize_name(name), []).extend(_all_wanted(group.dependencies))
        includes.setdefault(canonicalize_name(name), []).extend(map(canonicalize_name, group.include_groups))
    for name, items in read.dependency_groups.items():
        lines = own.setdefault(canonicalize_name(name), [])
        lines += (parse_wanted(item) for item in items if isinstance(item, str))
        more = (item.get("include-group") for item in items if isinstance(item, Mapping))
        includes.setdefault(canonicalize_name(name), []).extend(canonicalize_name(str(each)) for each in more)
    return {name: tuple(wanted for each in _included(name, includes) for wanted in own.get(each, ())) for name in own}


def _included(name: NormalizedName, includes: Mapping[NormalizedName, list[NormalizedName]]) -> list[NormalizedName]:
    seen = [name]
    for each in seen:
        seen += (more for more in includes.get(each, ()) if more not in seen)
    return seen
