"""Artifact identity: the rows of a wheel's or an installed RECORD in, one digest of what the wheel installs out.

RECORD: PEP 376, PEP 427 and the binary distribution format; installed projects: PEP 627. An installer keeps no hash
of the wheel but copies its RECORD rows, so the digest of the rows that no installer changes tells which wheel it was.
"""

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, field

__all__ = ["ArtifactIdentity", "RecordError", "RecordRow", "identify_wheel", "installed_digest", "parse_record"]

# Files of the dist-info that installers add, change or leave out.
_INSTALLER_FILES = frozenset(
    [
        "RECORD",
        "RECORD.jws",
        "RECORD.p7s",
        "INSTALLER",
        "REQUESTED",
        "direct_url.json",
        "uv_cache.json",
        "uv_build.json",
        "provenance_url.json",
    ]
)
_SCRIPT_FOLDERS = ("bin/", "Scripts/")
_UPS = re.compile(r"(?:\.\./){2,3}(?!\.\./)")  # from lib/python3.11/site-packages or Lib/site-packages to the prefix
_LIBRARY = re.compile(r"lib(?:64)?/python\d+\.\d+t?/(?:site|dist)-packages/")
_HEADERS = re.compile(r"include/(?:site/)?python\d+(?:\.\d+)?t?/[^/]+/")


class RecordError(ValueError):
    """A RECORD that cannot serve as proof; the text says why."""


class RecordRow(NamedTuple):
    """One row of a RECORD: a path as written, ``algorithm=digest`` (or empty) and a size in bytes (or empty)."""

    path: str
    digest: str
    size: str


class ArtifactIdentity(Struct, frozen=True, kw_only=True):
    """What a wheel installs: *digest* is the hexadecimal SHA-256 of its canonical RECORD.

    *scripts* are the names of its own scripts; of those, *rewritten* get a new first line at install and count by name
    only: it has the hash that each has in the wheel, as RECORD writes it. *verified* says whether the whole wheel was
    hashed against the lock, or the RECORD alone was read.
    """

    digest: str
    scripts: tuple[str, ...] = ()
    rewritten: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False


def parse_record(text: str) -> tuple[RecordRow, ...]:
    """Return the rows of a RECORD; raises RecordError for what is no table of three columns."""
    try:
        if '"' not in text:  # as nearly all of them
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            rows = [line.split(",") for line in lines if line]
        else:
            rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise RecordError(f"not a CSV file ({error})") from error
    for number, row in enumerate(rows, 1):
        if len(row) != 3 or not row[0]:
            raise RecordError(f"row {number} has {len(row)} columns instead of path, hash and size")
    return tuple(map(RecordRow._make, rows))


def identify_wheel(
    rows: Iterable[RecordRow], *, dist_info: str, rewritten: Collection[str] = (), verified: bool = False
) -> ArtifactIdentity:
    """Return the identity of the wheel whose RECORD has *rows*.

    *dist_info* is the name of its ``NAME-VERSION.dist-info`` folder, *rewritten* the names of its scripts that begin
    with ``#!python``. Raises RecordError where a file has no hash, for then installers write hashes of their own.
    """
    named = [(_wheel_path(row.path), row) for row in rows]
    scripts = sorted({path.removeprefix("<scripts>/") for path, _ in named if path.startswith("<scripts>/")})
    digest = _digest(_canonical_lines(named, dist_info, scripts=scripts, rewritten=rewritten))
    hashes = {path.removeprefix("<scripts>/"): row.digest for path, row in named if path.startswith("<scripts>/")}
    return ArtifactIdentity(
        digest=digest,
        scripts=tuple(scripts),
        rewritten={name: hashes.get(name, "") for name in sorted(rewritten)},
        verified=verified,
    )


def installed_digest(
    rows: Iterable[RecordRow], *, dist_info: str, scripts: Collection[str] = (), rewritten: Collection[str] = ()
) -> str:
    """Return the digest of an installed RECORD, to compare with the identity of the wheel that has these *scripts*.

    Rows without a hash are installers' own: a wheel whose files have none has no identity. Raises RecordError where
    no row is left.
    """
    named = [(_installed_path(row.path), row) for row in rows if row.digest]
    return _digest(_canonical_lines(named, dist_info, scripts=scripts, rewritten=rewritten))


def _canonical_lines(
    named: Iterable[tuple[str, RecordRow]], dist_info: str, *, scripts: Collection[str], rewritten: Collection[str]
) -> Iterator[str]:
    for path, row in named:
        if path[0] != "<" and not path.endswith(".pyc") and not path.startswith(dist_info) and row.digest:
            yield f"{path},{row.digest.rstrip('=')},{row.size}"  # as nearly all of them
            continue
        folder, _, name = path.rpartition("/")
        cached = name.endswith(".pyc") and folder.rpartition("/")[2] == "__pycache__"
        if cached or (folder == dist_info and name in _INSTALLER_FILES):
            continue
        script = path.removeprefix("<scripts>/") if path.startswith("<scripts>/") else None
        if script is not None and script not in scripts:
            continue  # written by the installer for an entry point
        if script is not None and script in rewritten:
            yield f"{path},,"
            continue
        if not row.digest:
            raise RecordError(f"{row.path!r} has no hash")
        yield f"{path},{row.digest.rstrip('=')},{row.size}"


def _digest(lines: Iterable[str]) -> str:
    unique = sorted(set(lines))
    if not unique:
        raise RecordError("it lists no files")
    return hashlib.sha256("\n".join(unique).encode("utf-8", "surrogatepass")).hexdigest()


def _clean(path: str) -> str:
    if "\\" not in path and path[0] != ".":
        return path
    return path.replace("\\", "/").removeprefix("./")


def _wheel_path(path: str) -> str:
    """Return where an installer puts *path* of a wheel, with the scheme in angle brackets unless it is the library."""
    clean = _clean(path)
    top, _, inside = clean.partition("/")
    if not top.endswith(".data"):
        return clean
    scheme, _, rest = inside.partition("/")
    if scheme in ("purelib", "platlib"):
        return rest
    return _in_prefix(rest) if scheme == "data" else f"<{scheme}>/{rest}"


def _installed_path(path: str) -> str:
    """Return the same for a row of an installed RECORD, whose paths are relative to the library folder."""
    clean = _clean(path)
    ups = _UPS.match(clean) if clean[0] == "." else None
    return _in_prefix(clean[ups.end() :]) if ups else clean


def _in_prefix(path: str) -> str:
    library = _LIBRARY.match(path)
    if library:  # the other one of lib and lib64
        return path[library.end() :]
    for folder in _SCRIPT_FOLDERS:
        if path.startswith(folder):
            return f"<scripts>/{path.removeprefix(folder)}"
    headers = _HEADERS.match(path)
    return f"<headers>/{path[headers.end() :]}" if headers else f"<data>/{path}"
