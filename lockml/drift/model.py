"""The data model of a comparison: drifts, remarks that are not drift, and the report that holds them."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from lockml.common.target import Target
from lockml.drift.remedies import Remedies, Remedy
from lockml.inventory.model import FileSurvey, Limit, LimitCode, Problem, PythonEnvironment, Subject

__all__ = [
    "LEVELS",
    "AcceptedDrift",
    "BaseImageResult",
    "Drift",
    "DriftKind",
    "DriftReport",
    "Level",
    "LevelResult",
    "MatchedWheel",
    "Remark",
]

DriftKind = Literal[
    "base-image",
    "python",
    "platform",
    "missing",
    "unexpected",
    "version",
    "artifact",
    "source",
    "duplicate",
    "shadowed",
    "modified",
    "removed-file",
    "unattributed-file",
    "bytecode",
    "environment",
    "lock-label",
    "accelerator",
]
Level = Literal["names", "artifacts", "files"]
LEVELS: tuple[Level, ...] = ("names", "artifacts", "files")


class Drift(Struct, frozen=True, kw_only=True):
    """One difference: *locked* and *found* as short texts, None where there is none; *path* inside the subject.

    *name* is the project, or ``python``, ``platform`` or the name of a file without an owner; *detail* says what it
    means, *remedy* how to fix it. *origin* says what added it, or removed what is missing; None if that is unknown.
    *record* is ``sha256:…``: for a project, that of its files according to RECORD, at level files including those
    listed without a hash; for a setting, that of the files it names; else None. *time* is the last modification time
    of what was found, or of the folder that it was removed from: ISO 8601, in UTC. Its author can set it freely.
    """

    kind: DriftKind
    name: str
    locked: str | None
    found: str | None
    path: str | None
    detail: str
    remedy: Remedy
    origin: str | None = None
    record: str | None = None
    time: str | None = None

    @property
    def fix(self) -> str:
        """A sentence that says how to fix it."""
        return self.remedy.text


class AcceptedDrift(Struct, frozen=True, kw_only=True):
    """A drift that does not count, with its *reason*."""

    drift: Drift
    reason: str


class Remark(Struct, frozen=True, kw_only=True):
    """Something reported but not counted as drift, about a project and its *version* or another *subject*."""

    subject: str
    version: str = ""
    text: str


class LevelResult(Struct, frozen=True, kw_only=True):
    """How far a level got: *matched* of the *total* locked packages."""

    level: Level
    matched: int
    total: int


class MatchedWheel(Struct, frozen=True, kw_only=True):
    """The locked wheel whose RECORD is installed: its *hashes* by algorithm; *url* is None for one from a folder."""

    filename: str
    hashes: Mapping[str, str]
    url: str | None = None


class BaseImageResult(Struct, frozen=True, kw_only=True):
    """Whether the image is built on the locked *reference*; None with a *reason* if nothing was compared."""

    same: bool | None
    reference: str | None = None
    reason: str = ""


class DriftReport(Struct, frozen=True, kw_only=True):
    """Everything that a check found. *remarks* and *unprovable* are not drift; *problems* make it incomplete.

    *levels* holds a result for each requested level, lowest first; *target* is the lock's target that the *environment*
    was compared with; *files* is the survey of level ``files``. *proven* names the packages whose RECORD is that of a
    locked wheel, *verified* those whose wheel was hashed completely, *recorded* those that are recorded builds of an
    image; *lock_sha256* is the digest of the lock as it was read; *accepted* drifts do not count. *limits* are what
    a check of this subject cannot determine; those whose codes are in *strict* make it incomplete. *started* and
    *ended* say when the check ran: ISO 8601, in UTC, "" if no clock was given. *wheels* are those that the *proven*
    packages were installed from, by name.
    """

    lock: str
    subject: Subject
    environment: PythonEnvironment
    target: Target
    levels: tuple[LevelResult, ...]
    drifts: tuple[Drift, ...]
    remarks: tuple[Remark, ...]
    unprovable: tuple[Remark, ...]
    problems: tuple[Problem, ...]
    others: tuple[str, ...]
    remedies: Remedies
    base_image: BaseImageResult
    started: str = ""
    ended: str = ""
    files: FileSurvey | None = None
    proven: frozenset[str] = frozenset()
    verified: frozenset[str] = frozenset()
    recorded: frozenset[str] = frozenset()
    lock_sha256: str = ""
    accepted: tuple[AcceptedDrift, ...] = ()
    limits: tuple[Limit, ...] = ()
    strict: frozenset[LimitCode] = frozenset()
    wheels: Mapping[str, MatchedWheel] = {}

    @property
    def coverage(self) -> dict[str, int]:
        """How many files are accounted for, by basis: ``lock``, or one of the survey's words."""
        counted: dict[str, int] = {}
        for each in self.files.accounted if self.files is not None else ():
            counted[each.basis] = counted.get(each.basis, 0) + each.files
        return counted

    @property
    def environment_key(self) -> str:
        """The environment's prefix, preceded by the service if there is one."""
        service = self.subject.details.get("service")
        return f"{service}:{self.environment.prefix}" if service else self.environment.prefix

    @property
    def level(self) -> Level:
        """The highest requested level."""
        return self.levels[-1].level

    @property
    def complete(self) -> bool:
        """Whether everything that the levels need could be read, and no strict limit applies."""
        return not self.problems and not self.exceeded

    @property
    def exceeded(self) -> tuple[Limit, ...]:
        """The limits that strictness forbids."""
        return tuple(limit for limit in self.limits if limit.code in self.strict)

    @property
    def kinds(self) -> dict[DriftKind, int]:
        """The number of drifts of each kind that occurs, in the order of `DriftKind`."""
        counted = Counter(drift.kind for drift in self.drifts)
        return {kind: counted[kind] for kind in get_args(DriftKind) if kind in counted}

    @property
    def exit_code(self) -> int:
        """0 for a match, 1 for drift, 4 for no drift but an incomplete check."""
        if self.drifts:
            return 1
        return 0 if self.complete else 4
