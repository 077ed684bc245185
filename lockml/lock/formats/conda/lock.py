"""Read the pip packages of a conda-lock.yml; conda packages are counted but not covered."""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, convert
from msgspec.structs import replace
from packaging.pylock import Package, Pylock
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.errors import InputError, LockError
from lockml.common.yaml.document import Yaml
from lockml.lock.formats.conda.packages import (
    any_of,
    conda_note,
    located_package,
    marker_of,
    platform_marker,
    python_bound,
)
from lockml.lock.formats.foreign import MAX_PACKAGES, faults_of, split_hash
from lockml.lock.model import Asked, DependencyGraph, Lock, Need, Node
from lockml.requirements.conda import read_environment

__all__ = ["parse_conda_lock"]

_FORMAT: Final = "conda-lock"
_VERSIONS: Final = ("1", "2")
_MAX_SOURCE: Final = 1 << 20
_MAIN: Final = "main"
_DEV: Final = "dev"


class _Hash(Struct, frozen=True):
    md5: str | None = None
    sha256: str | None = None


class _Source(Struct, frozen=True):
    url: str


class _Entry(Struct, frozen=True, kw_only=True):
    name: str
    version: str
    manager: str
    platform: str
    url: str
    hash: _Hash = _Hash()
    dependencies: dict[str, str | None] | None = None
    source: _Source | None = None
    category: str = _MAIN
    categories: tuple[str, ...] | None = None

    @property
    def in_categories(self) -> Sequence[str]:
        return (self.category,) if self.categories is None else self.categories

    @property
    def what(self) -> tuple[object, ...]:
        """The key that entries of one package share on all platforms and in all categories."""
        source = self.source.url if self.source is not None else None
        return (canonicalize_name(self.name), self.version, self.url, self.hash, source)


class _Metadata(Struct, frozen=True, kw_only=True):
    platforms: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class _Document(Struct, frozen=True, kw_only=True):
    package: tuple[_Entry, ...]
    metadata: _Metadata = _Metadata()


def parse_conda_lock(document: Mapping[str, Yaml], file: str, beside: Callable[[str], bytes | None]) -> Lock:
    """Return the lock of the pip packages in *document*, the YAML of a conda-lock.yml.

    Each category except main is both a group and an extra; ``dev`` is installed by default, as in conda-lock. The pip
    requirements of its environment.yml are read *beside* it. Raises LockError naming *file* for unknown versions and
    invalid content.
    """
    if document.get("version") not in _VERSIONS:
        problem = f"is a conda-lock of version {document.get('version')!r}; this lockml knows {' and '.join(_VERSIONS)}"
        raise LockError(file, problem, hint="upgrade lockml, or lock again with conda-lock 1.0 or newer")
    with faults_of(file, _FORMAT):
        read = convert(document, type=_Document, strict=False)
        if len(read.package) > MAX_PACKAGES:
            raise ValueError(f"it has more than {MAX_PACKAGES} packages")
        return replace(_lock(read), requirements=tuple(_asked(read.metadata.sources, beside)))


def _lock(read: _Document) -> Lock:
    conda = [entry for entry in read.package if entry.manager == "conda"]
    pip = _once([entry for entry in read.package if entry.manager == "pip"])
    unknown = {entry.manager for entry in read.package} - {"conda", "pip"}
    if unknown:
        raise ValueError(f"it has packages of {', '.join(sorted(unknown))}")
    platforms = read.metadata.platforms or tuple(dict.fromkeys(entry.platform for entry in read.package))
    markers = {name: platform_marker(name) for name in {*platforms, *(entry.platform for entry in pip)}}
    covered = [entry for entry in pip if markers[entry.platform] is not None]
    packages: dict[tuple[object, ...], list[_Entry]] = {}
    for entry in covered:
        packages.setdefault(entry.what, []).append(entry)
    untold = sorted({entry.platform for entry in pip if markers[entry.platform] is None})
    return Lock(
        pylock=Pylock(
            lock_version=Version("1.0"),
            created_by=_FORMAT,
            environments=[found for name in platforms if (found := marker_of(markers[name] or "")) is not None] or None,
            requires_python=python_bound(entry.version for entry in conda if entry.name == "python"),
            packages=[_package(entries, markers) for entries in packages.values()],
        ),
        targets=(),
        format=_FORMAT,
        graph=_graph(list(packages.values()), markers),
        notes=(
            *conda_note({entry.name for entry in conda}),
            *(f"packages for the platform {name} are not covered: no marker expresses it" for name in untold),
        ),
    )


def _asked(sources: Iterable[str], beside: Callable[[str], bytes | None]) -> Iterator[Asked]:
    """Yield the requirements in the pip sections of *sources* that are beside the lock and valid."""
    for source in dict.fromkeys(map(posixpath.normpath, sources)):
        content = beside(source) if source.endswith((".yml", ".yaml")) and not source.startswith(("../", "/")) else None
        if content is None or len(content) > _MAX_SOURCE:
            continue
        try:
            found = read_environment(content, source).requirements
        except InputError:
            continue
        yield from (Asked(requirement=str(each), origin=source) for each in found)


def _once(entries: Iterable[_Entry]) -> Sequence[_Entry]:
    """Return *entries*; raises ValueError if two of one name and platform differ."""
    met: dict[tuple[str, str], _Entry] = {}
    found = list(entries)
    for entry in found:
        other = met.setdefault((canonicalize_name(entry.name), entry.platform), entry)
        if other.what != entry.what:
            raise ValueError(f"it has two packages {entry.name!r} for {entry.platform}")
    return found


def _graph(packages: Sequence[Sequence[_Entry]], markers: Mapping[str, str | None]) -> DependencyGraph:
    """Return the graph of *packages*, each of its entries; it is flat, because categories list all packages."""
    always: list[Need] = []
    groups: dict[str, list[Need]] = {}
    for position, entries in enumerate(packages):
        wanted: dict[str, list[str]] = {}
        for entry in entries:
            for category in entry.in_categories:
                wanted.setdefault(canonicalize_name(category), []).append(markers[entry.platform] or "")
        for category, held in wanted.items():
            need = Need(node=position, marker=any_of(held))
            (always if category == _MAIN else groups.setdefault(category, [])).append(need)
    asked = {name: tuple(needs) for name, needs in sorted(groups.items())}
    root = Node(always=tuple(always), groups=asked, extras={name: asked[name] for name in asked if name != _DEV})
    nodes = (*(Node(package=position) for position in range(len(packages))), root)
    return DependencyGraph(nodes=nodes, roots=(len(packages),), default_groups=(_DEV,))


def _package(entries: Sequence[_Entry], markers: Mapping[str, str | None]) -> Package:
    """Return the package of *entries*, which differ only in platforms and categories, in the form of PEP 751."""
    entry = entries[0]
    needed: set[NormalizedName] = {canonicalize_name(name) for each in entries for name in each.dependencies or ()}
    facts: dict[str, Any] = {
        "name": canonicalize_name(entry.name),
        "version": Version(entry.version),
        "marker": marker_of(any_of(markers[each.platform] or "" for each in entries)),
        "dependencies": [{"name": name} for name in sorted(needed)] or None,
    }
    location = entry.url if entry.source is None else entry.source.url
    return located_package(facts, location, _hashes(entry.hash, location), direct=entry.source is not None)


def _hashes(hashes: _Hash, location: str) -> Mapping[str, str]:
    """Return the strongest of *hashes*; a repository has a commit instead."""
    kind, digest = ("sha256", hashes.sha256) if hashes.sha256 else ("md5", hashes.md5)
    return split_hash(f"{kind}:{digest}") if digest and not location.startswith("git+") else {}
