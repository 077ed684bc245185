"""Read a poetry.lock and the pyproject.toml beside it.

Since lock-version 2.1 each package has its groups and markers; before that, dependencies are followed from the
pyproject.toml, as Poetry does (`needs`).
"""

import re
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

from msgspec import Struct, convert, field
from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageVcs, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.errors import LockError
from lockml.lock.formats.foreign import (
    ForeignFile,
    all_of,
    any_of,
    checked_marker,
    extras_marker,
    faults_of,
    files_of,
    in_group,
    split_hash,
)
from lockml.lock.formats.poetry.constraints import parse_constraint
from lockml.lock.formats.poetry.needs import LockedPackage, poetry_graph
from lockml.lock.formats.poetry.pyproject import PoetryProject
from lockml.lock.model import Lock

__all__ = ["parse_poetry_lock"]

_FORMAT: Final = "poetry.lock"
_KNOWN: Final = "lockml reads 1.0, 1.1, 2.0 and 2.1"
_WITH_GROUPS: Final = "2.1"
_LEGACY: Final = ("1.0", "1.1", "2.0")
_MAIN: Final = "main"
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ALONE: Final = "no pyproject.toml beside it: {} (put it there for the groups, extras and markers of Poetry)"


class _Metadata(Struct, frozen=True, kw_only=True, rename="kebab"):
    lock_version: str
    python_versions: str = "*"
    files: dict[str, tuple[ForeignFile, ...]] = {}


class _Document(Struct, frozen=True, kw_only=True):
    metadata: _Metadata
    package: tuple[LockedPackage, ...] = ()
    extras: dict[str, tuple[str, ...]] = field(default_factory=dict)


def parse_poetry_lock(document: Mapping[str, Any], file: str, pyproject: Mapping[str, Any] | None = None) -> Lock:
    """Parse *document*, the TOML of a poetry.lock; *pyproject* is the one beside it, None for none.

    The default is what ``poetry install`` installs, main and all groups that are not optional; ``poetry export`` omits
    the groups. Raises LockError naming *file* for unknown versions and invalid content.
    """
    version = _known_version(document, file)
    with faults_of(file, _FORMAT):
        read = convert(document, type=_Document)
    with faults_of("pyproject.toml", "pyproject.toml of Poetry"):
        project = PoetryProject.read(pyproject) if pyproject is not None else None
    with faults_of(file, _FORMAT):
        return _with_groups(read, project) if version == _WITH_GROUPS else _followed(read, project)


def _known_version(document: Mapping[str, Any], file: str) -> str:
    metadata = document.get("metadata")
    version = metadata.get("lock-version") if isinstance(metadata, Mapping) else None
    if version != _WITH_GROUPS and version not in _LEGACY:
        problem = f"is a poetry.lock of lock-version {version!r}; {_KNOWN}"
        raise LockError(file, problem, hint="upgrade lockml, or lock with a Poetry that writes one of these")
    return str(version)


def _with_groups(read: _Document, project: PoetryProject | None) -> Lock:
    """Return the lock if every package has its groups and markers, as in PEP 751."""
    groups = {canonicalize_name(group) for package in read.package for group in package.groups} - {_MAIN}
    known = {*groups, *(project.groups if project is not None else ())}
    default = known - (project.optional_groups if project is not None else frozenset())
    notes = () if project is not None else (_ALONE.format("every group counts as a default group"),)
    return Lock(
        pylock=_pylock(
            read,
            [_package(package, read.metadata.files, _marker(package)) for package in read.package],
            extras=sorted(map(canonicalize_name, read.extras)),
            dependency_groups=sorted(known),
            default_groups=sorted(default),
        ),
        targets=(),
        requirements=project.asked if project is not None else (),
        projects=project.names if project is not None else (),
        format=_FORMAT,
        notes=notes,
    )


def _marker(package: LockedPackage) -> str:
    """Return the marker of *package*: main is always installed, another group if it is chosen."""

    def met_in(group: str) -> str:
        marker = package.markers if isinstance(package.markers, str) else package.markers.get(group, "")
        return extras_marker(checked_marker(marker))

    if not package.groups:
        raise ValueError(f"{package.name!r} is in no group")
    by_marker: dict[str, list[str]] = {}
    for group in package.groups:
        by_marker.setdefault(met_in(group), []).append("" if canonicalize_name(group) == _MAIN else in_group(group))
    return any_of(all_of((any_of(groups), marker)) for marker, groups in by_marker.items())


def _followed(read: _Document, project: PoetryProject | None) -> Lock:
    """Return the lock with dependencies followed from the *project*; without one, from packages that nothing needs."""
    notes = () if project is not None else (_ALONE.format("packages that no other package needs count as required"),)
    return Lock(
        pylock=_pylock(read, [_package(package, read.metadata.files, "") for package in read.package]),
        targets=(),
        requirements=project.asked if project is not None else (),
        projects=project.names if project is not None else (),
        format=_FORMAT,
        graph=poetry_graph(read.package, read.extras, project),
        notes=notes,
    )


def _pylock(read: _Document, packages: list[Package], **facts: Any) -> Pylock:
    pythons = parse_constraint(read.metadata.python_versions)
    return Pylock(
        lock_version=Version("1.0"),
        created_by="poetry",
        requires_python=pythons[0] if len(pythons) == 1 and pythons[0] != SpecifierSet() else None,
        packages=packages,
        **facts,
    )


def _package(package: LockedPackage, old_files: Mapping[str, Iterable[ForeignFile]], marker: str) -> Package:
    """Return *package* in the form of PEP 751; *old_files* has those of all versions of a project (lock-version 1)."""
    facts: dict[str, Any] = {
        "name": canonicalize_name(package.name, validate=True),
        "version": Version(package.version),
        "marker": Marker(marker) if marker else None,
        "dependencies": [{"name": name} for name in _needed(package)] or None,
    }
    source, files = package.source, tuple(package.files)
    if not files:
        files = tuple(each for each in old_files.get(package.name, ()) if _is_of(each, facts["version"]))
    if source is None or source.type == "legacy":
        wheels, sdist = files_of(files)
        return Package(**facts, index=source.url if source is not None else None, wheels=wheels, sdist=sdist)
    if source.type == "git":
        if _COMMIT.fullmatch(source.resolved_reference or "") is None:
            raise ValueError(f"{package.name!r} comes from a repository but has no commit")
        vcs = PackageVcs(
            type="git",
            url=source.url,
            requested_revision=source.reference,
            commit_id=source.resolved_reference or "",
            subdirectory=source.subdirectory,
        )
        return Package(**facts, vcs=vcs)
    if source.type == "directory":
        return Package(**facts, directory=PackageDirectory(path=source.url, editable=package.develop or None))
    if source.type not in ("url", "file"):
        raise ValueError(f"{package.name!r} has a source of an unknown type: {source.type!r}")
    place: dict[str, Any] = {"url": source.url} if source.type == "url" else {"path": source.url}
    hashes = split_hash(files[0].hash) if files else {}
    return Package(**facts, archive=PackageArchive(**place, subdirectory=source.subdirectory, hashes=hashes))


def _needed(package: LockedPackage) -> list[NormalizedName]:
    return sorted({canonicalize_name(name, validate=True) for name in chain(package.dependencies)})


def _is_of(file: ForeignFile, version: Version) -> bool:
    """Say whether the name of *file* has *version*."""
    parts = file.name.split("-")
    text = (
        parts[1] if file.name.endswith(".whl") and len(parts) > 1 else re.sub(r"\.(tar\.\w+|zip|tgz)$", "", parts[-1])
    )
    try:
        return Version(text) == version
    except ValueError:
        return False
