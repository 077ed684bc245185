"""Compute the artifact identity: one digest of what a wheel installs, from its RECORD or the installed one.

RECORD: PEP 376, PEP 427 and the binary distribution format; installed projects: PEP 627. An installer keeps no hash
of the wheel but copies its RECORD rows, so the digest of the rows that no installer changes identifies the wheel.
"""

import base64
import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field

__all__ = [
    "INSTALLER_FILES",
    "ArtifactIdentity",
    "RecordError",
    "RecordRow",
    "are_plain",
    "canonical_line",
    "canonical_lines",
    "identify_wheel",
    "in_target_folder",
    "installed_digest",
    "is_plain",
    "parse_record",
    "quoted_rows",
]

INSTALLER_FILES = frozenset(
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
        "REFER_TO",  # PDM, when it installs from its cache
    ]
)
"""Files directly in a dist-info that installers add, change or omit; none of them is code."""

_LONGEST_SHOWN = 200  # characters of a path
_USUAL_LENGTH = len("sha256=") + 43
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_HEXADECIMAL_LENGTHS = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_SCRIPT_FOLDERS = ("bin/", "Scripts/")
_DATA_FOLDERS = ("bin/", "share/", "etc/", "include/", "man/", "var/")
_UPS = re.compile(r"(?:\.\./)+")
_LIBRARY = re.compile(r"(?:^|/)lib(?:64)?/(?P<rest>python3(?:\.\d+t?)?/(?:site|dist)-packages)$")
_WHEEL_LIBRARY = re.compile(r"lib(?:64)?/python\d+\.\d+t?/(?:site|dist)-packages/")
# What two readers could resolve differently: invisible characters, and names between slashes that are not plain.
_ODD_CHARACTER = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\\]")
_ODD_NAMES = ("//", "/./", "/../", "/<")
_COMPILED = re.compile(r"\.cpython-\d+(?:\.opt-[12])?\.pyc$")  # a name that Python only looks for in __pycache__
_HEADERS = re.compile(r"include/(?:site/)?python\d+(?:\.\d+)?t?/[^/]+/")


class RecordError(ValueError):
    """A RECORD that cannot serve as proof; the text says why.

    Internal: never reaches the user; readers of a RECORD turn it into the reason why nothing is proven.
    """


class RecordRow(NamedTuple):
    """One row of a RECORD: a path as written, ``algorithm=digest`` (or empty) and a size in bytes (or empty)."""

    path: str
    digest: str
    size: str


class ArtifactIdentity(Struct, frozen=True, kw_only=True):
    """What a wheel installs: *digest* is the hexadecimal SHA-256 of its canonical RECORD.

    *scripts* are the names of its own scripts; installers rewrite the first line of those in *rewritten*, which
    count by name only: it has the hash of each in the wheel, as RECORD writes it. *verified* says whether the
    entire wheel was hashed and compared with the lock, or only its RECORD was read.
    """

    digest: str
    scripts: tuple[str, ...] = ()
    rewritten: Mapping[str, str] = field(default_factory=dict)
    verified: bool = False


def parse_record(text: str) -> tuple[RecordRow, ...]:
    """Return the rows of a RECORD; raises RecordError if it is not a table of three columns."""
    rows = _unquoted_rows(text) if '"' not in text else quoted_rows(text)
    for number, row in enumerate(rows, 1):
        if len(row) != 3 or not row[0]:
            raise RecordError(f"row {number} has {len(row)} columns instead of path, hash and size")
    return tuple(map(RecordRow._make, rows))


def _unquoted_rows(text: str) -> list[list[str]]:
    """Return the rows of a RECORD without quotes, as nearly all are: a fast path for `quoted_rows`."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line.split(",") for line in lines if line]


def quoted_rows(text: str) -> list[list[str]]:
    """Return the rows of any RECORD; raises RecordError if it is not a CSV file."""
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except csv.Error as error:
        raise RecordError(f"not a CSV file ({error})") from error


def identify_wheel(
    rows: Iterable[RecordRow], *, dist_info: str, rewritten: Collection[str] = (), verified: bool = False
) -> ArtifactIdentity:
    """Return the identity of the wheel whose RECORD has *rows*.

    *dist_info* is the name of its ``NAME-VERSION.dist-info`` folder, *rewritten* the names of its scripts that begin
    with ``#!python``. Raises RecordError if a file has no hash, as installers then write their own, and for a
    path that two readers could resolve differently.
    """
    rows = tuple(rows)
    _require_plain(rows)
    if any(row.path[0] == "." and _UPS.match(row.path) for row in rows):
        raise RecordError("it lists files outside the wheel")
    named = [(_wheel_path(row.path), row) for row in rows]
    scripts = sorted({path.removeprefix("<scripts>/") for path, _ in named if path.startswith("<scripts>/")})
    digest = _digest(canonical_lines(named, dist_info, scripts=scripts, rewritten=rewritten))
    hashes = {path.removeprefix("<scripts>/"): row.digest for path, row in named if path.startswith("<scripts>/")}
    return ArtifactIdentity(
        digest=digest,
        scripts=tuple(scripts),
        rewritten={name: hashes.get(name, "") for name in sorted(rewritten)},
        verified=verified,
    )


def in_target_folder(site_folder: str) -> bool:
    """Return whether *site_folder* was made by ``pip install --target``, with scripts and data inside."""
    return _LIBRARY.search(site_folder) is None


def installed_digest(
    rows: Iterable[RecordRow],
    *,
    dist_info: str,
    site_folder: str = "/lib/python3/site-packages",
    scripts: Collection[str] = (),
    rewritten: Collection[str] = (),
    flat: bool = False,
) -> str:
    """Return the digest of an installed RECORD, to compare with the identity of the wheel that has these *scripts*.

    *site_folder* is the library folder that its paths are relative to; any folder three levels below its prefix will do
    if it does not matter. *flat* reads ``bin`` and ``share`` in it as the places of scripts and data, as uv fills a
    target folder. Rows that installers add are skipped: those of `INSTALLER_FILES`, of modules in ``__pycache__``, of
    scripts that are not the wheel's own, and virtualenv's empty marker. Skipped rows prove nothing about their files.
    Raises RecordError if no row remains, if any other row has no hash, and for a path that two readers could resolve
    differently.
    """
    rows = tuple(rows)
    _require_plain(rows)
    layout = _Layout.of(site_folder, flat=flat)
    named = [(layout.path(row[0]) if row[0][0] == "." or flat else row[0], row) for row in rows]
    return _digest(canonical_lines(named, dist_info, scripts=scripts, rewritten=rewritten, installed=True))


class _Layout(Struct, frozen=True):
    """How paths lead outside a library folder: one of *ups* leads to its prefix, where it is one of *libraries*.

    *data* are the folders in it that are not packages.
    """

    ups: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    data: tuple[str, ...] = ()

    @classmethod
    def of(cls, site_folder: str, *, flat: bool) -> "_Layout":
        library = _LIBRARY.search(site_folder)
        if library is None:  # pip moves its scheme there, with scripts two levels up; others copy a library folder
            return cls(("../../", "../../../"), data=_DATA_FOLDERS if flat else ())
        return cls(("../../../",), (f"lib/{library['rest']}/", f"lib64/{library['rest']}/"))

    def path(self, path: str) -> str:
        """Return where an installed *path* belongs, with the scheme in angle brackets unless it is the library."""
        if path[0] != ".":
            return _in_prefix(path) if path.startswith(self.data) else path
        ups = _UPS.match(path)
        if ups is None:
            return path
        inside = path[ups.end() :]
        if ups[0] not in self.ups:
            raise RecordError(f"{_shown(path)} leads outside the environment")
        for library in self.libraries:
            if inside.startswith(library):  # lib for lib64, or the reverse
                return inside.removeprefix(library)
        return _in_prefix(inside)


def _require_plain(rows: Iterable[RecordRow]) -> None:
    """Raise RecordError for the first path that is not a plain one."""
    paths = [path if path[0] != "." else _UPS.sub("", path, count=1) for path, _, _ in rows]
    if not are_plain(paths):
        odd = next(row.path for row, path in zip(rows, paths, strict=True) if not is_plain(path))
        raise RecordError(f"{_shown(odd)} is not a plain path")


def are_plain(paths: Sequence[str]) -> bool:
    """Return whether all of *paths* are plain: a fast path for `is_plain`, with one search for all."""
    joined = "\n".join(paths)
    if joined.count("\n") != max(len(paths) - 1, 0):
        return False
    names = f"/{joined.replace(chr(10), '/')}/"
    return not paths or not (any(odd in names for odd in _ODD_NAMES) or _ODD_CHARACTER.search(joined))


def is_plain(path: str) -> bool:
    """Return whether every reader resolves *path* in the same way."""
    names = path.split("/")
    odd = any(name in ("", ".", "..") or name.startswith("<") for name in names)
    return not odd and "\n" not in path and _ODD_CHARACTER.search(path) is None


def canonical_lines(
    named: Iterable[tuple[str, RecordRow]],
    dist_info: str,
    *,
    scripts: Collection[str],
    rewritten: Collection[str],
    installed: bool = False,
) -> Iterator[str]:
    """Yield the line of each row that counts, by a fast path for `canonical_line` for nearly all of them."""
    for path, row in named:
        if path.endswith(".pyc") and _is_cached(path):
            continue
        _, digest, size = row
        digest = digest.rstrip("=")
        if digest and len(digest) != _USUAL_LENGTH:
            digest = _in_base64(digest)
        hashed = digest.find("=") > 0  # an algorithm, and a digest
        if hashed and path[0] != "<" and not path.endswith((".pyc", ".json")) and not path.startswith(dist_info):
            yield f"{path},{digest},{size}"
            continue
        line = canonical_line(path, row, dist_info, scripts=scripts, rewritten=rewritten, installed=installed)
        if line is not None:
            yield line


def canonical_line(
    path: str,
    row: RecordRow,
    dist_info: str,
    *,
    scripts: Collection[str],
    rewritten: Collection[str],
    installed: bool = False,
) -> str | None:
    """Return the line of a *row*, whose file belongs at *path*; None if an installer may write it differently.

    Raises RecordError for a file of the wheel that has no hash.
    """
    folder, _, name = path.rpartition("/")
    if (_is_cached(path) and not (row.digest and name == "__pycache__")) or (
        folder == dist_info and name in INSTALLER_FILES
    ):
        return None
    if installed and _is_mark(folder, name, row):
        return None
    if path.startswith("<scripts>/"):
        script = path.removeprefix("<scripts>/")
        if script not in scripts and "/" not in script:
            return None  # written by the installer for an entry point
        if script in rewritten:
            return f"{path},,"
    digest = _in_base64(row.digest.rstrip("="))
    if digest.find("=") <= 0:  # no algorithm, or no digest
        raise RecordError(f"{_shown(row.path)} has no hash")
    return f"{path},{digest},{row.size}"


def _in_base64(digest: str) -> str:
    """Return a hexadecimal digest as RECORD should have it: some installers convert those of 2016, others do not."""
    algorithm, _, text = digest.partition("=")
    if len(text) != _HEXADECIMAL_LENGTHS.get(algorithm) or _HEXADECIMAL.fullmatch(text) is None:
        return digest
    return f"{algorithm}={base64.urlsafe_b64encode(bytes.fromhex(text)).rstrip(b'=').decode()}"


def _is_cached(path: str) -> bool:
    """Return whether a path is a module that the installer compiled, or the folder of such modules."""
    folder, _, name = path.rpartition("/")
    if not name.endswith(".pyc"):
        return name == "__pycache__"
    # virtualenv omits that folder
    return folder.endswith("/__pycache__") or folder == "__pycache__" or _COMPILED.search(name) is not None


def _is_mark(folder: str, name: str, row: RecordRow) -> bool:
    """Return whether a row belongs to the notes of virtualenv and pex about their own work, which are not code."""
    mark = not folder and name.endswith(".virtualenv") and not row.digest
    return mark or (folder.endswith(".pex-info") and "/" not in folder and name == "original-whl-info.json")


def _digest(lines: Iterable[str]) -> str:
    unique = sorted(set(lines))
    if not unique:
        raise RecordError("it lists no files")
    return hashlib.sha256("\n".join(unique).encode("utf-8", "surrogatepass")).hexdigest()


def _wheel_path(path: str) -> str:
    """Return where an installer puts *path* of a wheel, with the scheme in angle brackets unless it is the library."""
    top, _, inside = path.partition("/")
    if not top.endswith(".data"):
        return path
    scheme, _, rest = inside.partition("/")
    if scheme in ("purelib", "platlib"):
        return rest
    return _in_prefix(rest) if scheme == "data" else f"<{scheme}>/{rest}"


def _in_prefix(path: str) -> str:
    library = _WHEEL_LIBRARY.match(path)
    if library:  # lib for lib64, or the reverse
        return path[library.end() :]
    for folder in _SCRIPT_FOLDERS:
        if path.startswith(folder):
            return f"<scripts>/{path.removeprefix(folder)}"
    headers = _HEADERS.match(path)
    return f"<headers>/{path[headers.end() :]}" if headers else f"<data>/{path}"


def _shown(path: str) -> str:
    """Return *path* as text to show or to write to a lock, shortened if it is long."""
    return repr(path) if len(path) <= _LONGEST_SHOWN else f"{path[:_LONGEST_SHOWN]!r}…"
