"""Read the pypi packages of a pixi.lock; conda packages are counted but not covered."""

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, convert, field
from msgspec.structs import replace
from packaging.pylock import Package, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.common.yaml.document import Yaml
from lockml.lock.formats.conda.packages import (
    any_of,
    conda_note,
    located_package,
    marker_of,
    name_and_version,
    platform_marker,
    python_bound,
)
from lockml.lock.formats.foreign import MAX_PACKAGES, faults_of, split_hash
from lockml.lock.model import Asked, DependencyGraph, Lock, Need, Node
from lockml.requirements.conda import MANIFESTS, read_pixi_manifest

__all__ = ["parse_pixi_lock"]

_FORMAT: Final = "pixi.lock"
_VERSIONS: Final = ("4", "5", "6", "7")
_DEFAULT: Final = "default"
_NAME: Final = re.compile(r"[A-Za-z0-9][\w.-]*")
_DIRECT: Final = "direct+"


class _Named(Struct, frozen=True, kw_only=True):
    """An entry of ``packages``: in version 4 and 5 with its *kind* and a *url* or *path*, later by key."""

    kind: str | None = None
    url: str | None = None
    path: str | None = None
    conda: str | None = None
    conda_source: str | None = None
    source: str | None = None
    pypi: str | None = None
    name: str | None = None
    version: str | None = None
    sha256: str | None = None
    md5: str | None = None
    index: str | None = None
    index_url: str | None = None
    requires_dist: tuple[str, ...] | None = None
    requires_python: str | None = None
    editable: bool = False

    @property
    def location(self) -> str | None:
        """The source of a pypi package, which environments use as its name; None for a conda package."""
        return (self.url or self.path) if self.kind == "pypi" else self.pypi

    @property
    def from_conda(self) -> str | None:
        """The source of a conda package, None for a pypi package."""
        return (self.url or self.path) if self.kind == "conda" else self.conda or self.conda_source or self.source

    @property
    def conda_name(self) -> str:
        """The name of a conda package, "" for a pypi package."""
        return self.name or name_and_version(self.from_conda)[0] or self.from_conda if self.from_conda else ""

    @property
    def what(self) -> tuple[object, ...]:
        """The key that entries for one source must share."""
        return (self.name, self.version, self.sha256, self.md5, self.editable)


class _Selector(Struct, frozen=True, kw_only=True):
    conda: str | None = None
    pypi: str | None = None
    extras: tuple[str, ...] = ()


class _Links(Struct, frozen=True, kw_only=True):
    path: str | None = None


class _Environment(Struct, frozen=True, kw_only=True, rename="kebab"):
    packages: dict[str, tuple[_Selector, ...] | None] = {}
    find_links: tuple[_Links, ...] | None = None


class _Platform(Struct, frozen=True, kw_only=True):
    name: str
    subdir: str | None = None


class _Document(Struct, frozen=True, kw_only=True):
    environments: dict[str, _Environment]
    packages: tuple[_Named, ...] | None = None
    platforms: tuple[_Platform, ...] = ()


class _Used(Struct):
    """An entry, and the marker of each platform that needs it, by environment; *extras* are those required."""

    entry: _Named
    markers: dict[NormalizedName, list[str]] = field(default_factory=dict)
    extras: set[NormalizedName] = field(default_factory=set)


def parse_pixi_lock(document: Mapping[str, Yaml], file: str, beside: Callable[[str], bytes | None]) -> Lock:
    """Return the lock of the pypi packages in *document*, the YAML of a pixi.lock.

    Its environments are groups: a chosen one replaces the default one, because each is complete. The pypi requirements
    of the pixi.toml or pyproject.toml are read *beside* it. Raises LockError naming *file* for unknown versions and
    invalid content.
    """
    if document.get("version") not in _VERSIONS:
        known = f"{_VERSIONS[0]} to {_VERSIONS[-1]}"
        problem = f"is a pixi.lock of version {document.get('version')!r}; this lockml knows {known}"
        raise LockError(file, problem, hint="upgrade lockml, or lock again with a newer pixi")
    with faults_of(file, _FORMAT):
        read = convert(document, type=_Document, strict=False)
        if len(read.packages or ()) > MAX_PACKAGES:
            raise ValueError(f"it has more than {MAX_PACKAGES} packages")
        return replace(_Reader(read).lock(), requirements=tuple(_asked(beside)))


class _Reader:
    """The packages that the environments of a pixi.lock use."""

    def __init__(self, document: _Document) -> None:
        self._environments = document.environments
        self._packages = document.packages or ()
        self._subdirs = {platform.name: platform.subdir or platform.name for platform in document.platforms}
        self._names = [canonicalize_name(name) for name in self._environments]
        if len(set(self._names)) != len(self._names):
            raise ValueError("it has two environments of one name")
        self._folders = {
            _normal(links.path) for each in self._environments.values() for links in each.find_links or () if links.path
        }
        self._notes: list[str] = []

    def lock(self) -> Lock:
        """Return the lock; raises ValueError."""
        used = list(self._used())
        conda = [each for each in self._packages if each.from_conda]
        pythons = [
            each.version or name_and_version(each.from_conda or "")[1] for each in conda if each.conda_name == "python"
        ]
        platforms = dict.fromkeys(name for each in self._environments.values() for name in each.packages)
        served = [marker_of(self._marker(name) or "") for name in platforms]
        return Lock(
            pylock=Pylock(
                lock_version=Version("1.0"),
                created_by="pixi",
                environments=[marker for marker in served if marker is not None] or None,
                requires_python=python_bound(pythons),
                packages=[_package(each, self._folders) for each in used],
            ),
            targets=(),
            extras=_extras(used),
            format=_FORMAT,
            graph=self._graph(used),
            notes=(*conda_note({each.conda_name for each in conda}), *dict.fromkeys(self._notes)),
        )

    def _marker(self, platform: str) -> str | None:
        return platform_marker(self._subdirs.get(platform, platform))

    def _used(self) -> Iterable[_Used]:
        """Return the pypi packages that the environments use, in order; raises ValueError for unknown ones."""
        entries: dict[str, _Used] = {}
        for each in self._packages:
            if each.location is not None and entries.setdefault(each.location, _Used(each)).entry.what != each.what:
                raise ValueError(f"it has two packages at {each.location!r}")
        for name, environment in self._environments.items():
            for platform, marker in self._platforms(name, environment):
                for selector in environment.packages[platform] or ():
                    if selector.pypi is None:
                        continue
                    if selector.pypi not in entries:
                        raise ValueError(
                            f"environment {name!r} needs {selector.pypi!r}, which is not one of its packages"
                        )
                    found = entries[selector.pypi]
                    found.markers.setdefault(canonicalize_name(name), []).append(marker)
                    found.extras.update(map(canonicalize_name, selector.extras))
        return [each for each in entries.values() if each.markers]

    def _platforms(self, name: str, environment: _Environment) -> Iterator[tuple[str, str]]:
        """Yield the platforms of an environment with their markers; of platforms with the same marker, the plainest.

        That is the one with the name of its kind, such as ``linux-64``, else the first.
        """
        chosen: dict[str, str] = {}
        for platform in sorted(environment.packages, key=lambda each: each != self._subdirs.get(each, each)):
            marker = self._marker(platform)
            if marker is None or marker in chosen:
                self._notes.append(
                    f"packages for the platform {platform} of {name} are not covered: no marker expresses it"
                )
            else:
                chosen[marker] = platform
        yield from ((platform, marker) for marker, platform in chosen.items())

    def _graph(self, used: Sequence[_Used]) -> DependencyGraph:
        """Return the graph of one root with the environments as groups, each of which lists all of its packages."""
        groups: dict[str, list[Need]] = {name: [] for name in self._names}
        for position, each in enumerate(used):
            for name, markers in each.markers.items():
                groups[name].append(Need(node=position, marker=any_of(markers)))
        root = Node(groups={name: tuple(needs) for name, needs in groups.items()})
        nodes = (*(Node(package=position) for position in range(len(used))), root)
        return DependencyGraph(nodes=nodes, roots=(len(used),), default_groups=(_DEFAULT,), alternative_groups=True)


def _extras(used: Iterable[_Used]) -> Mapping[NormalizedName, tuple[str, ...]]:
    extras: dict[NormalizedName, set[str]] = {}
    for each in used:
        if each.extras:
            extras.setdefault(canonicalize_name(each.entry.name or ""), set()).update(each.extras)
    return {name: tuple(sorted(names)) for name, names in extras.items()}


def _asked(beside: Callable[[str], bytes | None]) -> Iterator[Asked]:
    """Yield the pypi requirements of the manifest of pixi, beside the lock."""
    for name in MANIFESTS:
        asked = read_pixi_manifest(beside(name) or b"", name)
        yield from (Asked(requirement=text, origin=name) for text in asked)
        if asked:
            return


def _normal(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def _package(used: _Used, folders: Collection[str]) -> Package:
    """Return the *used* package in the form of PEP 751; a wheel in one of *folders* counts as one of an index."""
    entry, location = used.entry, used.entry.location or ""
    if entry.name is None:
        raise ValueError(f"its package at {location!r} has no name")
    needed = set(_needed(entry.requires_dist or (), used.extras))
    facts: dict[str, Any] = {
        "name": canonicalize_name(entry.name, validate=True),
        "version": Version(entry.version) if entry.version is not None else None,
        "marker": marker_of(any_of(marker for markers in used.markers.values() for marker in markers)),
        "requires_python": SpecifierSet(entry.requires_python) if entry.requires_python is not None else None,
        "dependencies": [{"name": name} for name in sorted(needed)] or None,
        "index": entry.index_url or entry.index,
    }
    kind, digest = ("sha256", entry.sha256) if entry.sha256 else ("md5", entry.md5)
    hashes = split_hash(f"{kind}:{digest}") if digest else {}
    folder, _, name = _normal(location).rpartition("/")
    if "://" not in location and name.endswith(".whl") and folder in folders:
        return Package(**facts, wheels=[PackageWheel(name=name, path=_normal(location), hashes=hashes)])
    direct = location.startswith(_DIRECT)
    return located_package(facts, location.removeprefix(_DIRECT), hashes, direct=direct, editable=entry.editable)


def _needed(requires: Iterable[str], extras: Iterable[str]) -> Iterator[NormalizedName]:
    """Yield the requirements without an extra, or with one of *extras*."""
    wanted = "|".join(map(re.escape, extras))
    for each in requires:
        name = _NAME.match(each.strip())
        if name is None:
            continue
        if "extra ==" not in each or (wanted and re.search(rf"extra == ['\"](?:{wanted})['\"]", each)):
            yield canonicalize_name(name[0])
