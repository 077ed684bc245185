"""The public API for programs (docs/api.md). Every other module of lockml is private.

`parse_lock`, `format_lock`, `resolve`: locks. `open_subject`, `take_inventory`, `compare`, `check`: what is installed.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from msgspec import Struct

from lockml.api.memory_index import MemoryIndex, wheel_archive
from lockml.api.memory_tree import MemoryTree
from lockml.common.digest import ArtifactIdentity, RecordError
from lockml.common.errors import (
    EngineError,
    InputError,
    LockError,
    LockmlError,
    NoResolutionError,
    NotFoundError,
    PackageIndexError,
    RequirementError,
    UnreachableError,
)
from lockml.common.settings import setting
from lockml.common.target import Target, parse_target
from lockml.direct.index import SourceIndex, SourceSettings
from lockml.direct.names import name_requirements
from lockml.drift import compare as _comparison
from lockml.drift.model import LEVELS, Drift, DriftReport, Level
from lockml.drift.proof import proof_of
from lockml.index.locations import NamedIndexes
from lockml.index.model import MetadataError
from lockml.index.open import IndexOptions
from lockml.index.open import open_index as _open_index
from lockml.index.protocol import Index
from lockml.inventory import collect as _collect
from lockml.inventory.bytecode.compiled_modules import compare_nothing
from lockml.inventory.environment.accelerator import with_host
from lockml.inventory.file_tree import Entry, FileTree, Origin, UnreadableError
from lockml.inventory.model import Inventory, Runtime, Subject
from lockml.inventory.proof import Proof
from lockml.lock.build import build_lock
from lockml.lock.formats import pylock as _pylock
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import TOOLS, Lock
from lockml.lock.tools import identities_of, newest_wheels, recorded_tools, wheels_of
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import no_other_file, read_requirement_files
from lockml.resolution.candidates.missing_hashes import add_missing_hashes
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.multi_target import resolve_targets
from lockml.resolution.passed_over import refuse_older_series
from lockml.subjects import open as _subjects
from lockml.subjects.model import OpenedSubject, ReadOptions
from lockml.subjects.recompile.compare import comparing, new_salt

__all__ = [
    "ArtifactIdentity",
    "Drift",
    "DriftReport",
    "EngineError",
    "Entry",
    "FileTree",
    "Index",
    "InputError",
    "Inventory",
    "Level",
    "Lock",
    "LockError",
    "LockmlError",
    "MemoryIndex",
    "MemoryTree",
    "MetadataError",
    "NoResolutionError",
    "NotFoundError",
    "OpenedSubject",
    "Origin",
    "PackageIndexError",
    "Policy",
    "RequirementError",
    "RequirementSet",
    "Resolved",
    "Runtime",
    "Subject",
    "Target",
    "UnreachableError",
    "UnreadableError",
    "check",
    "compare",
    "format_lock",
    "identify_wheel",
    "open_index",
    "open_subject",
    "parse_lock",
    "parse_requirements",
    "parse_target",
    "resolve",
    "take_inventory",
]

_FILE = "pylock.toml"
_NO_OPTIONS = RequirementSet(requirements=()).options
_BYTECODE_SECONDS = 2.0  # as in `lockml check`


class Resolved(Struct, frozen=True, kw_only=True):
    """A new *lock*, and *warnings* for a person."""

    lock: Lock
    warnings: tuple[str, ...]


def parse_lock(content: bytes, file: str = _FILE) -> Lock:
    """Parse a lock of lockml or of another tool; raises LockError, which names it *file*."""
    return parse_any_lock(content, file)


def format_lock(lock: Lock) -> str:
    """Return the text of a pylock.toml, to write as UTF-8; raises LockError for the lock of another tool."""
    if lock.format:
        raise LockError(lock.format, "is another tool's lock", hint="`lockml adopt` turns it into a lock of lockml")
    return _pylock.format_lock(lock)


def parse_requirements(text: str, file: str = "requirements.in") -> RequirementSet:
    """Parse the lines of a requirements file; raises RequirementError with every faulty line.

    Lines that include other files are faults, and environment variables are not replaced.
    """

    def read(name: str) -> bytes:
        return text.encode() if name == file else no_other_file(name)

    return read_requirement_files((file,), read=read, environment={})


@contextmanager
def open_index(url: str | None = None, *, cache: Path | None = None, offline: bool = False) -> Iterator[Index]:
    """Open the index at *url*, by default the one in pip's configuration; fetched files are cached in *cache*.

    It builds nothing. Raises InputError.
    """
    options = IndexOptions(cache_dir=cache, offline=offline)
    with _open_index(NamedIndexes(url=url), Path(), options) as archives:
        settings = SourceSettings(folder=Path(), policy=Policy(), host=_refuse_builds, commits={})
        yield SourceIndex(archives, settings=settings)


def _refuse_builds() -> Target:
    raise InputError("a build", "the API builds nothing", hint=f"`lockml compile` has {setting('allow-build')}")


def resolve(
    requirements: RequirementSet, targets: Sequence[Target], index: Index, *, policy: Policy | None = None
) -> Resolved:
    """Return the lock of *requirements* for all *targets*, with the identity of every wheel, as `lockml compile` does.

    Raises NoResolutionError with the explanation, RequirementError, PackageIndexError, and InputError for lines that
    choose indexes or files: use *index* and *policy* for that.
    """
    policy = policy or Policy()
    if requirements.options != _NO_OPTIONS or not targets:
        problem = "no target" if not targets else "an option in the requirements chooses indexes or files"
        raise InputError("resolve", problem, hint="give targets, an index and a Policy")
    asked = name_requirements(requirements, index)
    found = resolve_targets(asked, {target: Preferences() for target in targets}, index, policy=policy)
    refuse_older_series(found, asked.constraints, {}, frozenset())
    resolutions = add_missing_hashes(found, index)
    pinned = {pin.name for resolution in resolutions for pin in resolution.pins}
    tools = newest_wheels(TOOLS - pinned, targets, index, policy)
    identities = identities_of(wheels_of(resolutions), tools, index)
    recorded = recorded_tools((), tools, identities, ())
    lock = build_lock(resolutions, identities, LockInputs(asked=asked, policy=policy), recorded)
    return Resolved(lock=lock, warnings=tuple(dict.fromkeys(each for one in resolutions for each in one.warnings)))


def identify_wheel(filename: str, content: bytes) -> ArtifactIdentity:
    """Return the artifact identity of the wheel *content* with that name (docs/artifact-identity.md).

    Raises InputError with the reason if it is not a wheel, or has no identity.
    """
    try:
        return wheel_archive(filename, content).identity()
    except (MetadataError, RecordError, ValueError) as error:
        raise InputError(repr(filename), str(error)) from error


def open_subject(
    kind: str, name: str, *, platforms: tuple[str, ...] = ("linux/amd64",), cache: Path | None = None
) -> AbstractContextManager[OpenedSubject]:
    """Open the files of a subject, with the kinds of `lockml check`: ``open_subject("image", "train:7")``.

    For a multi-platform image, this reads the first of *platforms* that it has. Layers are cached in *cache*.
    Raises InputError, UnreachableError.
    """
    if kind not in _subjects.KINDS or kind == "freeze":
        raise InputError(repr(kind), "is not a kind of subject with files")
    named = _subjects.SubjectName(kind=kind, name=name)
    return _subjects.open_subject(named, ReadOptions(platforms=platforms, hashed=True, cache=cache))


def take_inventory(
    opened: OpenedSubject,
    lock: Lock | None = None,
    *,
    files: bool = False,
    prefix: str | None = None,
    bytecode_seconds: float = _BYTECODE_SECONDS,
) -> Inventory:
    """Return what is installed in the environment *prefix*, by default in the one that the subject uses.

    With *files*, this reads every file that Python can import; *lock* says which of them are proven. A Python of this
    machine compiles sources to compare compiled modules with, for at most *bytecode_seconds*; 0 starts no process.
    Raises NotFoundError, UnreachableError.
    """
    proof = Proof()
    if lock is not None:
        code = comparing(bytecode_seconds, None) if bytecode_seconds > 0 else compare_nothing
        proof = proof_of(lock, _FILE, compare=code, salt=new_salt())
    prefix = prefix or opened.prefix
    taken = _collect.take_inventory(
        opened.tree, opened.subject, opened.runtime, prefix=prefix, files=files, proof=proof
    )
    return with_host(taken, opened.tree)


def compare(lock: Lock, inventory: Inventory, *, level: Level | None = None, file: str = _FILE) -> DriftReport:
    """Return how *inventory* differs from *lock*, read from *file*; the default *level* is that of `lockml check`.

    For level ``files``, take the inventory with *files* and this lock. Raises LockError, InputError.
    """
    _refuse_unknown(level)
    level = level or _comparison.best_level(lock)
    if level == "files" and inventory.files is None:
        raise InputError("level files", "the inventory has no files", hint="take it with files=True and the lock")
    return _comparison.compare(lock, inventory, level=level, file=file)


def check(
    lock: Lock,
    opened: OpenedSubject,
    *,
    level: Level | None = None,
    file: str = _FILE,
    prefix: str | None = None,
    bytecode_seconds: float = _BYTECODE_SECONDS,
) -> DriftReport:
    """Take the inventory of *opened* and compare it with *lock*. Raises what both raise."""
    _refuse_unknown(level)
    files = level == "files"
    inventory = take_inventory(opened, lock, files=files, prefix=prefix, bytecode_seconds=bytecode_seconds)
    return compare(lock, inventory, level=level, file=file)


def _refuse_unknown(level: str | None) -> None:
    if level is not None and level not in LEVELS:
        raise InputError(f"level {level!r}", "is unknown", hint=f"use {', '.join(LEVELS)}")
