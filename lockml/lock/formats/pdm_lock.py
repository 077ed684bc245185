"""Read a pdm.lock (lock_version 4) and the pyproject.toml beside it.

With the strategy inherit_metadata each package has its groups and its marker; without it, dependencies are followed
from the pyproject.toml.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, convert
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageVcs, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.lock.formats.following import Followed, Roots, Wanted, asked_for, follow, parse_wanted
from lockml.lock.formats.foreign import (
    ForeignFile,
    all_of,
    any_of,
    checked_marker,
    faults_of,
    file_name,
    files_of,
    in_group,
    split_hash,
)
from lockml.lock.model import Lock

__all__ = ["parse_pdm_lock"]

_FORMAT: Final = "pdm.lock"
_KNOWN: Final = re.compile(r"4\.[0-5](?:\.\d+)?")
_DEFAULT: Final = "default"
_INHERIT: Final = "inherit_metadata"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ALONE: Final = "no pyproject.toml beside it: packages that no other package needs count as required"


class _Target(Struct, frozen=True, kw_only=True):
    requires_python: str = ""


class _Metadata(Struct, frozen=True, kw_only=True):
    lock_version: str
    groups: tuple[str, ...] = (_DEFAULT,)
    strategy: tuple[str, ...] = ()
    targets: tuple[_Target, ...] = ()


class _Package(Struct, frozen=True, kw_only=True):
    name: str
    version: str | None = None
    extras: tuple[str, ...] = ()
    requires_python: str = ""
    groups: tuple[str, ...] = ()
    marker: str = ""
    dependencies: tuple[str, ...] = ()
    files: tuple[ForeignFile, ...] = ()
    git: str | None = None
    ref: str | None = None
    revision: str | None = None
    subdirectory: str | None = None
    url: str | None = None
    path: str | None = None
    editable: bool = False

    @property
    def identity(self) -> tuple[str | None, ...]:
        """The key of the entries of one package, which has one for each set of extras."""
        name = canonicalize_name(self.name, validate=True)
        return name, self.version, self.git, self.revision, self.url, self.path, self.subdirectory


class _Document(Struct, frozen=True, kw_only=True):
    metadata: _Metadata
    package: tuple[_Package, ...] = ()


class _Project(Struct, frozen=True, kw_only=True, rename="kebab"):
    name: str | None = None
    dependencies: tuple[str, ...] = ()
    optional_dependencies: dict[str, tuple[str, ...]] = {}


class _Pdm(Struct, frozen=True, kw_only=True, rename="kebab"):
    dev_dependencies: dict[str, tuple[str, ...]] = {}


class _Tool(Struct, frozen=True, kw_only=True):
    pdm: _Pdm = _Pdm()


class _Pyproject(Struct, frozen=True, kw_only=True, rename="kebab"):
    project: _Project = _Project()
    dependency_groups: dict[str, tuple[str | dict[str, str], ...]] = {}
    tool: _Tool = _Tool()


def parse_pdm_lock(document: Mapping[str, Any], file: str, pyproject: Mapping[str, Any] | None = None) -> Lock:
    """Parse *document*, the TOML of a pdm.lock; *pyproject* is the one beside it, None for none.

    The default is what ``pdm install`` installs: all groups that were locked, with optional dependencies. These are
    both groups and extras, because ``pdm install -G`` accepts both. Raises LockError naming *file* for unknown versions
    and invalid content.
    """
    _require_version(document, file)
    with faults_of(file, _FORMAT):
        read = convert(document, type=_Document)
    with faults_of("pyproject.toml", "pyproject.toml of PDM"):
        project = convert(pyproject, type=_Pyproject) if pyproject is not None else None
        roots = _roots(project) if project is not None else None
    with faults_of(file, _FORMAT):
        return _lock(read, project, roots)


def _require_version(document: Mapping[str, Any], file: str) -> None:
    metadata = document.get("metadata")
    version = metadata.get("lock_version") if isinstance(metadata, Mapping) else None
    if isinstance(version, str) and _KNOWN.fullmatch(version):
        return
    problem = f"is a pdm.lock of lock_version {version!r}; this lockml knows 4.0 to 4.5"
    raise LockError(file, problem, hint="upgrade lockml, or lock again with a PDM that writes one of these")


def _lock(read: _Document, project: _Pyproject | None, roots: Roots | None) -> Lock:
    inherits = _INHERIT in read.metadata.strategy
    extras = roots.extras.keys() if roots is not None else _groups(read)
    entries: dict[tuple[str | None, ...], list[_Package]] = {}
    for package in read.package:
        entries.setdefault(package.identity, []).append(package)
    packages = [_package(each, _marker(each, extras) if inherits else "") for each in entries.values()]
    asked = (each for part in _parts(roots) for each in part)
    followed = tuple(map(_followed, entries.values())) if not inherits else ()
    own = project.project.name if project is not None else None
    return Lock(
        pylock=Pylock(
            lock_version=Version("1.0"),
            created_by="pdm",
            requires_python=_requires_python(read.metadata),
            packages=packages,
            extras=sorted(map(canonicalize_name, extras)) if inherits else None,
            dependency_groups=_groups(read) if inherits else None,
            default_groups=_groups(read) if inherits else None,
        ),
        targets=(),
        requirements=asked_for(asked),
        projects=(canonicalize_name(own),) if own else (),
        format=_FORMAT,
        graph=None if inherits else follow(followed, roots, _groups(read) if roots is not None else None),
        notes=(_ALONE,) if roots is None and not inherits else (),
    )


def _groups(read: _Document) -> list[NormalizedName]:
    """Return the names of the locked groups, beside what is always installed."""
    return sorted({canonicalize_name(group) for group in read.metadata.groups} - {_DEFAULT})


def _requires_python(metadata: _Metadata) -> SpecifierSet | None:
    """Return the Pythons of the lock, None if these are none or not one range."""
    ranges = {target.requires_python for target in metadata.targets}
    return SpecifierSet(ranges.pop()) if len(ranges) == 1 and ranges != {""} else None


def _marker(entries: list[_Package], extras: Collection[str]) -> str:
    """Return the marker of a package, from the groups and the marker of each of its entries."""

    def in_one(group: str) -> str:
        name = canonicalize_name(group)
        if name == _DEFAULT:
            return ""
        return any_of((in_group(name), f"'{name}' in extras")) if name in extras else in_group(name)

    return any_of(all_of((any_of(map(in_one, each.groups)), checked_marker(each.marker))) for each in entries)


def _package(entries: list[_Package], marker: str) -> Package:
    """Return the package of *entries* in the form of PEP 751."""
    package = min(entries, key=lambda each: len(each.extras))
    name = canonicalize_name(package.name)
    needed = {parse_wanted(line).name for each in entries for line in each.dependencies} - {name}
    version = Version(package.version) if package.version is not None else None
    facts: dict[str, Any] = {
        "name": name,
        "version": version,
        "marker": Marker(marker) if marker else None,
        "requires_python": SpecifierSet(package.requires_python) if package.requires_python else None,
        "dependencies": [{"name": each} for each in sorted(needed)] or None,
    }
    if package.git is not None:
        return Package(**facts, vcs=_repository(package))
    location = package.url or package.path
    if package.editable or (location is not None and not package.files and not _is_archive(location)):
        return Package(**facts, directory=PackageDirectory(path=location or ".", editable=package.editable or None))
    if location is not None:
        if location.endswith(".whl"):
            facts["version"] = parse_wheel_filename(file_name(location))[1]  # PDM omits the local part
        hashes = split_hash(package.files[0].hash) if package.files else {}
        archive = PackageArchive(url=package.url, path=package.path if package.url is None else None, hashes=hashes)
        return Package(**facts, archive=archive)
    wheels, sdist = files_of(package.files)
    return Package(**facts, wheels=wheels, sdist=sdist)


def _is_archive(location: str) -> bool:
    return location.endswith((".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))


def _repository(package: _Package) -> PackageVcs:
    if _COMMIT.fullmatch(package.revision or "") is None:
        raise ValueError(f"{package.name!r} comes from a repository but has no commit")
    return PackageVcs(
        type="git",
        url=package.git,
        requested_revision=package.ref,
        commit_id=package.revision or "",
        subdirectory=package.subdirectory,
    )


def _followed(entries: list[_Package]) -> Followed:
    """Return the package of *entries*, and what each of its extras needs, from the smallest entry with it."""
    extras: dict[NormalizedName, tuple[Wanted, ...]] = {}
    first = min(entries, key=lambda each: len(each.extras))
    for entry in sorted(entries, key=lambda each: len(each.extras)):
        for extra in map(canonicalize_name, entry.extras):
            extras.setdefault(extra, tuple(map(parse_wanted, entry.dependencies)))
    pythons = [f"python_full_version {each.operator} '{each.version}'" for each in SpecifierSet(first.requires_python)]
    return Followed(
        name=canonicalize_name(first.name),
        version=Version(first.version) if first.version is not None else None,
        pythons=" and ".join(sorted(pythons)),
        always=() if first.extras else tuple(map(parse_wanted, first.dependencies)),
        extras=extras,
    )


def _roots(project: _Pyproject) -> Roots:
    """Return the requirements of the pyproject.toml: optional dependencies are both extras and groups."""
    extras = {
        canonicalize_name(name): tuple(map(parse_wanted, lines))
        for name, lines in project.project.optional_dependencies.items()
    }
    groups = {
        canonicalize_name(name): tuple(map(parse_wanted, _included(name, project.dependency_groups)))
        for name in project.dependency_groups
    }
    for name, lines in project.tool.pdm.dev_dependencies.items():
        groups[canonicalize_name(name)] = tuple(parse_wanted(re.sub(r"^-e .*#egg=", "", line)) for line in lines)
    return Roots(
        always=tuple(map(parse_wanted, project.project.dependencies)), extras=extras, groups={**groups, **extras}
    )


def _included(name: str, groups: Mapping[str, tuple[str | dict[str, str], ...]]) -> Iterator[str]:
    """Yield the lines of the group *name* and of those that it includes (PEP 735), each group once."""
    by_name = {canonicalize_name(key): items for key, items in groups.items()}
    seen = [canonicalize_name(name)]
    for each in seen:
        for item in by_name.get(each, ()):
            if isinstance(item, str):
                yield re.sub(r"^-e .*#egg=", "", item)
            elif (more := canonicalize_name(item.get("include-group", ""))) not in seen:
                seen.append(more)


def _parts(roots: Roots | None) -> Iterator[tuple[Wanted, ...]]:
    if roots is not None:
        yield from (roots.always, *roots.extras.values(), *roots.groups.values())
