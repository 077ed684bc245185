"""Read a uv.lock with its dependency graph."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, convert
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageSdist, PackageWheel, Pylock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.lock.formats.foreign import extras_marker, faults_of, file_name, parse_repository, split_hash
from lockml.lock.model import Asked, DependencyGraph, Lock, Need, Node

__all__ = ["parse_uv_lock"]

_FORMAT: Final = "uv.lock"
_VERSION: Final = 1
_REVISION: Final = 5
_DEV: Final = "dev"


class _Source(Struct, frozen=True, kw_only=True):
    registry: str | dict[str, str] | None = None
    git: str | None = None
    url: str | None = None
    path: str | None = None
    directory: str | None = None
    editable: str | None = None
    virtual: str | None = None
    subdirectory: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is one of the user's own projects."""
        return (self.directory or self.editable or self.virtual) is not None


class _File(Struct, frozen=True, kw_only=True):
    url: str | None = None
    path: str | None = None
    filename: str | None = None
    hash: str | None = None
    size: int | None = None


class _Dependency(Struct, frozen=True, kw_only=True):
    name: str
    version: str | None = None
    source: _Source | None = None
    extra: tuple[str, ...] = ()
    marker: str = ""


class _Asked(Struct, frozen=True, kw_only=True):
    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str = ""
    git: str | None = None
    url: str | None = None


class _Metadata(Struct, frozen=True, kw_only=True, rename="kebab"):
    requires_dist: tuple[_Asked, ...] = ()
    requires_dev: dict[str, tuple[_Asked, ...]] = {}


class _Package(Struct, frozen=True, kw_only=True, rename="kebab"):
    name: str
    source: _Source
    version: str | None = None
    resolution_markers: tuple[str, ...] = ()
    dependencies: tuple[_Dependency, ...] = ()
    optional_dependencies: dict[str, tuple[_Dependency, ...]] = {}
    dev_dependencies: dict[str, tuple[_Dependency, ...]] = {}
    wheels: tuple[_File, ...] = ()
    sdist: _File | None = None
    metadata: _Metadata = _Metadata()

    @property
    def normalized(self) -> NormalizedName:
        return canonicalize_name(self.name)


class _Manifest(Struct, frozen=True, kw_only=True, rename="kebab"):
    members: tuple[str, ...] = ()
    requirements: tuple[_Asked, ...] = ()
    dependency_groups: dict[str, tuple[_Asked, ...]] = {}


class _Document(Struct, frozen=True, kw_only=True, rename="kebab"):
    requires_python: str | None = None
    supported_markers: tuple[str, ...] = ()
    manifest: _Manifest = _Manifest()
    package: tuple[_Package, ...] = ()


def parse_uv_lock(document: Mapping[str, Any], file: str, default_groups: Iterable[str] | None = None) -> Lock:
    """Parse *document*, the TOML of a uv.lock; *default_groups* are those of the pyproject.toml.

    Raises LockError naming *file* for unknown versions and invalid content.
    """
    _require_version(document, file)
    with faults_of(file, _FORMAT):
        read = convert(document, type=_Document)
        reader = _Reader(read)
        return Lock(
            pylock=Pylock(
                lock_version=Version("1.0"),
                created_by="uv",
                requires_python=SpecifierSet(read.requires_python) if read.requires_python is not None else None,
                environments=[Marker(each) for each in read.supported_markers] or None,
                packages=[_package(each) for each in read.package if each.source.virtual is None],
            ),
            targets=(),
            requirements=tuple(reader.asked()),
            projects=reader.projects(),
            format=_FORMAT,
            graph=reader.graph((_DEV,) if default_groups is None else default_groups),
        )


def _require_version(document: Mapping[str, Any], file: str) -> None:
    version, revision = document.get("version"), document.get("revision", 0)
    if version == _VERSION and isinstance(revision, int) and 0 <= revision <= _REVISION:
        return
    problem = (
        f"is a uv.lock of version {version!r}, revision {revision!r}; "
        f"this lockml knows version {_VERSION} up to revision {_REVISION}"
    )
    raise LockError(file, problem, hint="upgrade lockml")


class _Reader:
    """The packages of a uv.lock as nodes, and which of them are the user's own."""

    def __init__(self, document: _Document) -> None:
        self._packages = document.package
        self._manifest = document.manifest
        self._nodes: dict[NormalizedName, list[int]] = {}
        for node, package in enumerate(self._packages):
            self._nodes.setdefault(package.normalized, []).append(node)
        self._roots = tuple(self._root_nodes())

    def projects(self) -> tuple[NormalizedName, ...]:
        """Return the names of the user's own projects, without dependencies from folders."""
        return tuple(self._packages[root].normalized for root in self._roots)

    def asked(self) -> Iterator[Asked]:
        """Yield the requirements of the user's own projects, as uv records them."""
        seen = [*self._manifest.requirements]
        seen += (each for group in self._manifest.dependency_groups.values() for each in group)
        for root in self._roots:
            metadata = self._packages[root].metadata
            seen += (*metadata.requires_dist, *(each for group in metadata.requires_dev.values() for each in group))
        for text in sorted(set(map(_requirement, seen))):
            yield Asked(requirement=text, origin="pyproject.toml")

    def graph(self, default_groups: Iterable[str]) -> DependencyGraph:
        """Return the graph; requirements of the manifest are a separate root."""
        positions = iter(range(len(self._packages)))
        nodes = [
            self._node(package, None if package.source.virtual is not None else next(positions))
            for package in self._packages
        ]
        own = self._manifest_node()
        return DependencyGraph(
            nodes=(*nodes, *own),
            roots=(*self._roots, *range(len(nodes), len(nodes) + len(own))),
            default_groups=tuple(map(canonicalize_name, default_groups)),
            words=dict(self._words()),
        )

    def _root_nodes(self) -> Iterator[int]:
        """Yield the project in the folder of the lock; without one, all members of the workspace."""
        sources = [package.source for package in self._packages]
        here = [node for node, source in enumerate(sources) if "." in (source.editable, source.virtual)]
        members = set(map(canonicalize_name, self._manifest.members))
        yield from here or (
            node for node, package in enumerate(self._packages) if package.source.own and package.normalized in members
        )

    def _node(self, package: _Package, position: int | None) -> Node:
        return Node(
            package=position,
            always=tuple(self._needs(package.dependencies)),
            extras={
                canonicalize_name(name): tuple(self._needs(needs))
                for name, needs in package.optional_dependencies.items()
            },
            groups={
                canonicalize_name(name): tuple(self._needs(needs)) for name, needs in package.dev_dependencies.items()
            },
        )

    def _manifest_node(self) -> tuple[Node, ...]:
        """Return the requirements of a script, or of a workspace without a project, by name; () if there are none."""
        always = tuple(self._named(self._manifest.requirements))
        groups: dict[str, tuple[Need, ...]] = {
            canonicalize_name(name): tuple(self._named(asked))
            for name, asked in self._manifest.dependency_groups.items()
        }
        return (Node(always=always, groups=groups),) if always or groups else ()

    def _named(self, asked: Iterable[_Asked]) -> Iterator[Need]:
        for each in asked:
            for node in self._nodes.get(canonicalize_name(each.name), ()):
                forks = " or ".join(f"({marker})" for marker in self._packages[node].resolution_markers)
                marker = " and ".join(f"({part})" for part in (each.marker, forks) if part)
                yield Need(node=node, extras=_normalized(each.extras), marker=extras_marker(marker))

    def _needs(self, dependencies: Iterable[_Dependency]) -> Iterator[Need]:
        for each in dependencies:
            yield Need(node=self._node_of(each), extras=_normalized(each.extra), marker=extras_marker(each.marker))

    def _node_of(self, needed: _Dependency) -> int:
        """Return the *needed* node; version and source are there if the name has several."""
        nodes = [
            node
            for node in self._nodes.get(canonicalize_name(needed.name), ())
            if needed.version in (None, self._packages[node].version)
            if needed.source in (None, self._packages[node].source)
        ]
        if len(nodes) != 1:
            raise ValueError(f"{needed.name!r} is needed, but that matches {len(nodes)} packages")
        return nodes[0]

    def _words(self) -> Iterator[tuple[str, tuple[int, str]]]:
        """Yield the words that markers use for conflicting extras and groups: each name follows its length."""
        for node, package in enumerate(self._packages):
            name = f"{len(package.normalized)}-{package.normalized}"
            yield f"project-{name}", (node, "")
            yield from (
                (f"extra-{name}-{extra}", (node, extra)) for extra in _normalized(package.optional_dependencies)
            )
            yield from ((f"group-{name}-{group}", (node, group)) for group in _normalized(package.dev_dependencies))


def _normalized(names: Iterable[str]) -> tuple[NormalizedName, ...]:
    return tuple(map(canonicalize_name, names))


def _requirement(asked: _Asked) -> str:
    """Return *asked* in the form of PEP 508; raises ValueError."""
    extras = f"[{','.join(asked.extras)}]" if asked.extras else ""
    url = f"git+{asked.git}" if asked.git is not None else asked.url
    bound = f" @ {url}" if url is not None else asked.specifier
    return str(Requirement(f"{asked.name}{extras}{bound}{f' ; {asked.marker}' if asked.marker else ''}"))


def _package(package: _Package) -> Package:
    """Return *package* in the form of PEP 751."""
    source = package.source
    needed = {
        canonicalize_name(each.name)
        for needs in (package.dependencies, *package.optional_dependencies.values())
        for each in needs
    }
    facts: dict[str, Any] = {
        "name": package.normalized,
        "version": Version(package.version) if package.version is not None else None,
        "dependencies": [{"name": name} for name in sorted(needed)] or None,
    }
    if source.git is not None:
        return Package(**facts, vcs=parse_repository(source.git))
    folder = source.editable or source.directory
    if folder is not None:
        directory = PackageDirectory(path=folder, editable=source.editable is not None or None)
        return Package(**facts, directory=directory)
    if source.url is not None or source.path is not None:
        return Package(**facts, archive=_archive(package))
    wheels = [PackageWheel(**_file(each)) for each in package.wheels]
    sdist = PackageSdist(**_file(package.sdist)) if package.sdist is not None else None
    index = source.registry if isinstance(source.registry, str) else None
    return Package(**facts, index=index, wheels=wheels or None, sdist=sdist)


def _file(file: _File) -> dict[str, Any]:
    name = file.filename or file_name(file.url or file.path or "")
    return {"name": name, "url": file.url, "path": file.path, "size": file.size, "hashes": split_hash(file.hash)}


def _archive(package: _Package) -> PackageArchive:
    """Return the archive of a package, by its URL or path."""
    source = package.source
    files = (*package.wheels, *((package.sdist,) if package.sdist is not None else ()))
    hashes = split_hash(files[0].hash) if files else {}
    return PackageArchive(url=source.url, path=source.path, subdirectory=source.subdirectory, hashes=hashes)
