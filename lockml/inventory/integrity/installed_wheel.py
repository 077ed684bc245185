"""Reconstruct the wheel that an installed distribution came from, by its bytes, or say why that fails.

RECORD and WHEEL of the binary distribution format (PEP 376, 427, 627). Every file with a hash in RECORD is hashed.
"""

import base64
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from lockml.common.digest import (
    ArtifactIdentity,
    RecordError,
    RecordRow,
    in_target_folder,
    installed_digest,
)
from lockml.inventory.distributions import read_declared
from lockml.inventory.environment.scripts import Scripts, interpreter_of, originals
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Expected, InstalledDistribution, Problem, PythonEnvironment
from lockml.inventory.owners.record_files import expected_of_row
from lockml.inventory.reading import MAX_METADATA, MAX_SCRIPT

__all__ = ["InstalledWheel", "Refused", "read_installed_wheel"]

_MOST: Final = 1000  # tags or requirements of a wheel
_LONGEST: Final = 255  # bytes of a file name


class InstalledWheel(Struct, frozen=True, kw_only=True):
    """The wheel: the *filename* that it must have had, its *identity*, what it *requires*, and how many *files*."""

    filename: str
    identity: ArtifactIdentity
    requires: tuple[str, ...]
    files: int


class Refused(Struct, frozen=True, kw_only=True):
    """Why a distribution differs from its wheel: *faults* are sentences, *unread* is what could not be read."""

    faults: tuple[str, ...] = ()
    unread: tuple[Problem, ...] = ()


class _FaultError(Exception):
    """A fault of the distribution as a whole.

    Internal: never reaches the user; `read_installed_wheel` returns it as a fault.
    """


def read_installed_wheel(
    tree: FileTree, environment: PythonEnvironment, distribution: InstalledDistribution
) -> InstalledWheel | Refused:
    """Return the wheel that *distribution* of *environment* came from, or why that is not certain.

    Every file with a hash in RECORD is hashed, so all bytes are read once.
    """
    try:
        rows = _rows(distribution)
        filename = _filename(tree, distribution)
        scripts = _OwnScripts(tree, environment)
        compared = _compared(tree, distribution, rows, scripts)
        if compared.faults or compared.unread:
            return compared
        identity = _identity(distribution, rows, scripts.found)
        declared = read_declared(tree, [distribution])[distribution.folder]
    except _FaultError as error:
        return Refused(faults=(str(error),))
    except UnreadableError as error:
        return Refused(unread=(Problem(path=error.path, reason=error.reason),))
    if len(declared.requires) > _MOST:
        return Refused(faults=(f"it says that it needs {len(declared.requires)} projects, more than any wheel does",))
    requires = tuple(map(str, declared.requires))
    return InstalledWheel(filename=filename, identity=identity, requires=requires, files=len(rows))


def _rows(distribution: InstalledDistribution) -> tuple[RecordRow, ...]:
    if distribution.record is None:
        raise _FaultError(distribution.no_record or "it has no RECORD")
    return distribution.record


def _identity(
    distribution: InstalledDistribution, rows: Sequence[RecordRow], scripts: Mapping[str, str | None]
) -> ArtifactIdentity:
    """Return the identity; installers replace the first line of those *scripts* that have a hash."""
    rewritten = {name: stated for name, stated in sorted(scripts.items()) if stated is not None}
    flat = in_target_folder(distribution.site_folder) and distribution.installer == "uv"
    try:
        digest = installed_digest(
            rows,
            dist_info=distribution.dist_info,
            site_folder=distribution.site_folder,
            scripts=tuple(scripts),
            rewritten=tuple(rewritten),
            flat=flat,
        )
    except RecordError as error:
        raise _FaultError(f"its RECORD is not that of a wheel: {error}") from error
    return ArtifactIdentity(digest=digest, scripts=tuple(sorted(scripts)), rewritten=rewritten)


def _filename(tree: FileTree, distribution: InstalledDistribution) -> str:
    """Return the file name of the wheel according to its WHEEL, which lists expanded tags (PEP 425)."""
    content = tree.read(f"{distribution.folder}/WHEEL", MAX_METADATA) or b""
    fields = [line.partition(b":") for line in content.replace(b"\r\n", b"\n").split(b"\n")]
    values = [(key.strip().lower(), value.strip().decode("utf-8", "replace")) for key, _, value in fields]
    tags = [tuple(value.split("-")) for key, value in values if key == b"tag"]
    if not tags or len(tags) > _MOST or any(len(tag) != 3 for tag in tags):
        raise _FaultError("its WHEEL does not name the tags of the wheel")
    named = [tuple(dict.fromkeys(tag[position].lower() for tag in tags)) for position in range(3)]
    if len({tuple(map(str.lower, tag)) for tag in tags}) != len(named[0]) * len(named[1]) * len(named[2]):
        raise _FaultError("its WHEEL has tags that no single wheel can have")
    parts = [".".join(each) for each in named]
    number = next((value for key, value in values if key == b"build" and value), "")
    name = distribution.name.replace("-", "_")
    filename = "-".join((name, distribution.version, *((number,) if number else ()), *parts)) + ".whl"
    if len(filename) > _LONGEST:
        raise _FaultError("its WHEEL has more tags than a file name can hold")
    try:
        parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise _FaultError(f"its WHEEL is invalid: {error}") from error
    return filename


def _compared(
    tree: FileTree, distribution: InstalledDistribution, rows: Sequence[RecordRow], scripts: "_OwnScripts"
) -> Refused:
    """Hash every file, and return those that differ from RECORD."""
    folder = tree.resolve(distribution.site_folder)
    wanted: dict[tuple[str, str], list[tuple[str, Expected]]] = {}
    faults: list[str] = []
    unread: list[Problem] = []
    for row in rows:
        expected = expected_of_row(distribution, row, "RECORD")
        compiled = row.path.endswith(".pyc") and "__pycache__/" in row.path
        if compiled or expected.algorithm is None:
            continue  # the identity refuses files without a hash that are not an installer's
        path = posixpath.normpath(posixpath.join(folder, row.path))
        if tree.kind(path) != "file":
            faults.append(f"{path} is missing")
        else:
            wanted.setdefault((tree.resolve(path), expected.algorithm), []).append((path, expected))
    for algorithm in sorted({algorithm for _, algorithm in wanted}):
        jobs = [key for key in wanted if key[1] == algorithm]
        for real_path, result in tree.digests(jobs):
            for path, expected in wanted[real_path, algorithm]:
                if isinstance(result, UnreadableError):
                    unread.append(Problem(path=result.path, reason=result.reason))
                else:
                    faults += scripts.faults(path, expected, same=result == expected.digest)
    return Refused(faults=tuple(faults), unread=tuple(unread))


class _OwnScripts:
    """A search for the wheel's own scripts in RECORD, each with its hash in the wheel, or None if it is unchanged."""

    def __init__(self, tree: FileTree, environment: PythonEnvironment) -> None:
        self._tree = tree
        self._scripts = Scripts(tree, environment)
        self.found: dict[str, str | None] = {}

    def faults(self, path: str, expected: Expected, *, same: bool) -> Iterator[str]:
        """Yield what is wrong with the file at *path*; *same* says whether it has the digest in RECORD."""
        script = self._scripts.examine(path, expected) if "/bin/" in path else None
        if script is not None and script.fault is not None:
            yield f"{path}: {script.fault}"
        elif not same and not (script is not None and script.rewritten):  # as older pips wrote them
            yield f"{path} does not match its RECORD"
        elif script is not None and script.own is not None:
            starts_own = script.own.first_line is None
            self.found[posixpath.basename(path)] = self._original(path) if starts_own else None

    def _original(self, path: str) -> str | None:
        """Return the hash that a script had in its wheel, as RECORD writes it, if the installer changed it."""
        content = self._tree.read(path, MAX_SCRIPT + 1) or b""
        program = interpreter_of(content, posixpath.dirname(path)) or ""
        if len(content) > MAX_SCRIPT or not program.startswith("/"):
            return None
        first = next(originals(content, "sha256"), None)
        return f"sha256={base64.urlsafe_b64encode(first).rstrip(b'=').decode()}" if first is not None else None
