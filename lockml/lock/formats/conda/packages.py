"""Helpers for reading conda-lock.yml and pixi.lock: platforms as markers, URLs as packages, and notes."""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.pylock import Package, PackageArchive, PackageDirectory, PackageSdist, PackageVcs, PackageWheel
from packaging.specifiers import SpecifierSet
from packaging.utils import parse_wheel_filename

from lockml.common.display import redact
from lockml.common.references import ArchiveReference, FolderReference, RepositoryReference, parse_reference
from lockml.lock.formats.foreign import COMMIT, file_name, parse_repository

__all__ = [
    "any_of",
    "conda_note",
    "located_package",
    "marker_of",
    "name_and_version",
    "platform_marker",
    "python_bound",
]

_SYSTEMS: Final = {"linux": "linux", "osx": "darwin", "win": "win32"}
_MACHINES: Final = {
    ("linux", "64"): "x86_64",
    ("linux", "32"): "i686",
    ("osx", "64"): "x86_64",
    ("osx", "arm64"): "arm64",
    ("win", "64"): "AMD64",
    ("win", "32"): "x86",
    ("win", "arm64"): "ARM64",
}
_LINUX: Final = frozenset({"aarch64", "armv6l", "armv7l", "loongarch64", "ppc64", "ppc64le", "riscv64", "s390x"})
_PYTHON: Final = re.compile(r"(\d+\.\d+)(?:\.|$)")
_FILE: Final = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-[^-]+\.(?:conda|tar\.bz2)")


def platform_marker(platform: str) -> str | None:
    """Return the marker (PEP 508) of a conda *platform* such as ``linux-64``; None if no marker expresses it."""
    system, _, machine = platform.partition("-")
    name = machine if system == "linux" and machine in _LINUX else _MACHINES.get((system, machine))
    return f"sys_platform == '{_SYSTEMS[system]}' and platform_machine == '{name}'" if name else None


def any_of(markers: Iterable[str]) -> str:
    """Return the marker that holds if one of *markers* holds, "" if one of them always holds."""
    parts = list(dict.fromkeys(markers))
    if "" in parts or not parts:
        return ""
    return parts[0] if len(parts) == 1 else " or ".join(f"({part})" for part in parts)


@lru_cache(maxsize=256)
def marker_of(text: str) -> Marker | None:
    """Parse the marker *text*, None for ""."""
    return Marker(text) if text else None


def conda_note(names: Collection[str]) -> tuple[str, ...]:
    """Return one note on conda packages of these *names*, without virtual packages."""
    count = len({name for name in names if not name.startswith("__")})
    if not count:
        return ()
    return (f"{count} conda package{'s are' if count > 1 else ' is'} not covered; only those of pip are",)


def python_bound(versions: Iterable[str]) -> SpecifierSet | None:
    """Return the Pythons that the *versions* of conda's python allow, None if their minor versions differ."""
    minors = {match[1] for match in map(_PYTHON.match, versions) if match is not None}
    return SpecifierSet(f"=={minors.pop()}.*") if len(minors) == 1 else None


def name_and_version(url: str) -> tuple[str, str]:
    """Return the parts of a conda file name; "" for missing ones."""
    match = _FILE.fullmatch(unquote(urlsplit(url).path).rpartition("/")[2])
    return (match["name"], match["version"]) if match is not None else ("", "")


def located_package(
    facts: Mapping[str, Any], location: str, hashes: Mapping[str, str], *, direct: bool, editable: bool = False
) -> Package:
    """Return the package of *facts* at *location*: a URL, a path or a repository; raises ValueError.

    A URL is a file of an index unless it is *direct*.
    """
    place = redact(location)
    if place.startswith("git+"):
        return Package(**facts, vcs=_repository(place))
    if not place.startswith(("http://", "https://")):
        reference = parse_reference(place)
        if isinstance(reference, FolderReference):
            directory = PackageDirectory(path=reference.path, editable=editable or None)
            return Package(**facts, directory=directory)
        path = reference.location if isinstance(reference, ArchiveReference) else place
        return Package(**facts, archive=PackageArchive(path=path, hashes=hashes))
    url = place.partition("#")[0]
    name = file_name(url)
    if name.endswith(".whl") and parse_wheel_filename(name)[0] != facts["name"]:
        raise ValueError(f"{name!r} is not a file of {facts['name']!r}")
    if direct:
        return Package(**facts, archive=PackageArchive(url=url, hashes=hashes))
    if name.endswith(".whl"):
        return Package(**facts, wheels=[PackageWheel(name=name, url=url, hashes=hashes)])
    return Package(**facts, sdist=PackageSdist(name=name, url=url, hashes=hashes))


def _repository(location: str) -> PackageVcs:
    """Return the repository of ``git+URL?rev=…#COMMIT`` or ``git+URL@COMMIT``; raises ValueError without a commit."""
    if "#" in location and COMMIT.fullmatch(location.rpartition("#")[2]) is not None:
        return parse_repository(location.removeprefix("git+"))
    reference = parse_reference(location)
    commit = (reference.revision or "") if isinstance(reference, RepositoryReference) else ""
    if not isinstance(reference, RepositoryReference) or COMMIT.fullmatch(commit) is None:
        raise ValueError(f"{location!r} has no commit")
    return PackageVcs(type="git", url=reference.url, commit_id=commit, subdirectory=reference.subdirectory)
