"""Helpers for reading locks of other tools: hashes, file names, markers, and one error for faults."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from msgspec import Struct
from packaging.markers import Marker, UndefinedEnvironmentName
from packaging.pylock import PackageSdist, PackageVcs, PackageWheel
from packaging.utils import canonicalize_name, parse_wheel_filename

from lockml.common.errors import LockError
from lockml.common.target import parse_target

__all__ = [
    "COMMIT",
    "MAX_PACKAGES",
    "ForeignFile",
    "all_of",
    "any_of",
    "checked_marker",
    "extras_marker",
    "faults_of",
    "file_name",
    "files_of",
    "in_group",
    "parse_repository",
    "require_shallow",
    "split_hash",
    "without_extras",
]

COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""The full name of a git commit."""

MAX_PACKAGES: Final = 100_000
"""More entries than any real lock has."""

_NAME: Final = r"""(?:"[^"]*"|'[^']*')"""
_EXTRA: Final = re.compile(rf"\bextra\s*(==|!=)\s*({_NAME})|({_NAME})\s*(==|!=)\s*extra\b")
_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_ANY_TARGET: Final = parse_target("any=3.11-linux/amd64-glibc-2.36")  # a marker is valid on all or on none
_DEEPEST: Final = 50  # nested parentheses: the parser of markers recurses
_ARCHIVES: Final = (".tar.gz", ".zip", ".tar.bz2", ".tar.xz", ".tgz")  # the first one is preferred


class ForeignFile(Struct, frozen=True, kw_only=True):
    """A file of a package, as locks of Poetry and PDM list it: by name, or by URL."""

    file: str = ""
    url: str | None = None
    hash: str | None = None

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.file or file_name(self.url or "")


@contextmanager
def faults_of(file: str, kind: str) -> Iterator[None]:
    """Turn a ValueError about the content of *file* into a LockError that names the file and the *kind* of lock."""
    try:
        yield
    except ValueError as error:
        raise LockError(file, f"is not a {kind} that lockml can read: {error}") from error
    except RecursionError as error:  # of a marker
        raise LockError(file, f"is not a {kind} that lockml can read: it is nested too deeply") from error


def split_hash(text: str | None) -> dict[str, str]:
    """Return the hash ``sha256:DIGEST`` by its algorithm, {} for None; raises ValueError."""
    if text is None:
        return {}
    algorithm, _, digest = text.partition(":")
    if re.fullmatch(r"[0-9a-fA-F]+", digest) is None or _LENGTHS.get(algorithm) != len(digest):
        raise ValueError(f"{text!r} is not a hash")
    return {algorithm: digest.lower()}


def file_name(location: str) -> str:
    """Return the name of the file at a URL or a path, decoded if it is a URL."""
    return (
        unquote(urlsplit(location).path.rpartition("/")[2]) if "://" in location else re.split(r"[/\\]", location)[-1]
    )


def extras_marker(marker: str) -> str:
    """Return *marker* with each ``extra == 'NAME'`` in the form of PEP 751: ``'NAME' in extras``."""

    def as_member(match: re.Match[str]) -> str:
        name, sign = match[2] or match[3], match[1] or match[4]
        return f"{name} {'in' if sign == '==' else 'not in'} extras"

    return _EXTRA.sub(as_member, marker) if "extra" in marker else marker


def parse_repository(url: str) -> PackageVcs:
    """Return the repository of ``URL?rev=REVISION&subdirectory=FOLDER#COMMIT``; raises ValueError without a commit."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if COMMIT.fullmatch(parts.fragment) is None:
        raise ValueError(f"{url!r} has no commit")
    return PackageVcs(
        type="git",
        url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        requested_revision=next((query[key][0] for key in ("rev", "tag", "branch") if key in query), None),
        commit_id=parts.fragment,
        subdirectory=query["subdirectory"][0] if "subdirectory" in query else None,
    )


def without_extras(marker: str) -> str:
    """Return *marker* with each ``extra == 'NAME'`` as true: other code handles extras."""
    return _EXTRA.sub("python_version >= '0'", marker) if "extra" in marker else marker


def require_shallow(text: str) -> str:
    """Return *text*; raises ValueError if parentheses are nested too deeply to be parsed."""
    depth = 0
    for sign in re.findall(r"[()]", text):
        depth += 1 if sign == "(" else -1
        if depth > _DEEPEST:
            raise ValueError(f"a marker has more than {_DEEPEST} nested parentheses: {text[:80]!r}…")
    return text


@lru_cache(maxsize=10_000)
def checked_marker(marker: str) -> str:
    """Return *marker*, "" for none; raises ValueError if it is not a marker, or compares incomparable values."""
    if marker:
        try:
            Marker(extras_marker(require_shallow(marker))).evaluate(dict(_ANY_TARGET.environment), context="lock_file")
        except UndefinedEnvironmentName as error:
            raise ValueError(f"a marker compares incomparable values: {marker[:80]!r}") from error
    return marker


def all_of(markers: Iterable[str]) -> str:
    """Return the marker that holds if each of *markers* holds, "" for always."""
    parts = [marker for marker in markers if marker]
    return " and ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts)


def any_of(markers: Iterable[str]) -> str:
    """Return the marker that holds if one of *markers* holds, "" if one of them always holds."""
    parts = list(dict.fromkeys(markers))
    return "" if "" in parts else " or ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts)


def in_group(name: str) -> str:
    """Return the marker that holds if the group *name* is installed; raises ValueError for a bad name."""
    return f"'{canonicalize_name(name, validate=True)}' in dependency_groups"


def files_of(files: Iterable[ForeignFile]) -> tuple[list[PackageWheel] | None, PackageSdist | None]:
    """Return the wheels and the source archive among *files*, ignoring other kinds. Raises ValueError."""
    wheels: dict[str, PackageWheel] = {}
    sdists: list[PackageSdist] = []
    for file in files:
        facts: dict[str, Any] = {"name": file.name, "url": file.url, "hashes": split_hash(file.hash)}
        if file.name.endswith(".whl"):
            parse_wheel_filename(file.name)
            wheels.setdefault(file.name, PackageWheel(**facts))
        elif file.name.endswith(_ARCHIVES):
            sdists.append(PackageSdist(**facts))
    by_kind = (sdist for kind in _ARCHIVES for sdist in sdists if (sdist.name or "").endswith(kind))
    return list(wheels.values()) or None, next(by_kind, None)
