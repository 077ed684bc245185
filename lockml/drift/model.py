"""The nouns of a comparison: each difference, each remark that is not drift, and the report of them all."""

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
]
Level = Literal["names", "artifacts", "files"]
LEVELS: tuple[Level, ...] = ("names", "artifacts", "files")


class Drift(Struct, frozen=True, kw_only=True):
    """One difference: *locked* and *found* as short texts, None where there is none; *path* inside the subject.

    *name* is the project, or ``python``, ``platform`` or the name of a file that nothing owns; *detail* says what it
    means, *remedy* how to remove it. *origin* says what brought it there, or removed what is missing, None where that
    is unknown. *record* is of a project the SHA-256 of its files as its RECORD has them, ``sha256:…``, at level files
    with those that it has without a hash, and of a setting that of the files it names; None where there is none.
    *time* is when what is there was written last by its own time, which whoever wrote it could set, or the folder that
    it was removed from; ISO 8601, in UTC.
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
        """How to remove it, in a sentence."""
        return self.remedy.text


class AcceptedDrift(Struct, frozen=True, kw_only=True):
    """A drift that does not count, and why."""

    drift: Drift
    reason: str


class Remark(Struct, frozen=True, kw_only=True):
    """Something reported and not counted as drift: of a project and its *version*, or of another *subject*."""

    subject: str
    version: str = ""
    text: str


class LevelResult(Struct, frozen=True, kw_only=True):
    """How far a level got: *matched* of the *total* locked packages."""

    level: Level
    matched: int
    total: int


class MatchedWheel(Struct, frozen=True, kw_only=True):
    """The locked wheel whose RECORD is installed: its *hashes* by algorithm; *url* is None for one of a folder."""

    filename: str
    hashes: Mapping[str, str]
    url: str | None = None


class BaseImageResult(Struct, frozen=True, kw_only=True):
    """Whether the image is built on the locked *reference*; None, with a *reason*, where nothing was compared."""

    same: bool | None
    reference: str | None = None
    reason: str = ""


class DriftReport(Struct, frozen=True, kw_only=True):
    """All that a check found. *remarks* and *unprovable* are no drift; *problems* make it incomplete.

    *levels* holds a result for each level that was asked for, the lowest first; *target* is the one of the lock that
    the *environment* was held against; *files* is the survey of level ``files``, *proven* are
    the names of the packages whose RECORD is that of a locked wheel, *verified* of those whose wheel was hashed
    whole, *recorded* of those that are recorded builds of an image; *lock_sha256* is that of the lock as it was read;
    *accepted* drifts do not count. *limits* are
    what no look at such a subject can know; those whose codes are *strict* make the result incomplete. *started* and
    *ended* say when the subject was looked at: ISO 8601, in UTC, "" where nobody looked at a clock. *wheels* are those
    that the *proven* packages were installed from, by name.
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
        """How many files of the survey are accounted for, by what: the lock, or the word that the survey has."""
        counted: dict[str, int] = {}
        for each in self.files.accounted if self.files is not None else ():
            counted[each.basis] = counted.get(each.basis, 0) + each.files
        return counted

    @property
    def environment_key(self) -> str:
        """Which environment it is of: its prefix, behind the service where there is one."""
        service = self.subject.details.get("service")
        return f"{service}:{self.environment.prefix}" if service else self.environment.prefix

    @property
    def level(self) -> Level:
        """The highest level that was asked for."""
        return self.levels[-1].level

    @property
    def complete(self) -> bool:
        """Whether everything that the levels need could be read, and no limit is one that must not be."""
        return not self.problems and not self.exceeded

    @property
    def exceeded(self) -> tuple[Limit, ...]:
        """The limits that must not be."""
        return tuple(limit for limit in self.limits if limit.code in self.strict)

    @property
    def kinds(self) -> dict[DriftKind, int]:
        """How many drifts there are of each kind that occurs, in the order of `DriftKind`."""
        counted = Counter(drift.kind for drift in self.drifts)
        return {kind: counted[kind] for kind in get_args(DriftKind) if kind in counted}

    @property
    def exit_code(self) -> int:
        """0 in order, 1 drift, 4 nothing found but not everything read."""
        if self.drifts:
            return 1
        return 0 if self.complete else 4
