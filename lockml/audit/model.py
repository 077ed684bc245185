"""The types of an audit: findings, runs and their states."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Literal, get_args

from lockml.drift.model import DriftKind, Level

__all__ = [
    "FINDING_KINDS",
    "SEVERITIES",
    "STATES",
    "Accepted",
    "Finding",
    "FindingKind",
    "LockFindingKind",
    "RunResult",
    "RunState",
    "Severity",
    "Trigger",
    "Unknown",
]

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)

LockFindingKind = Literal[
    "lock-outdated",
    "newer-release",
    "yanked",
    "withdrawn",
    "file-gone",
    "base-image-moved",
    "vulnerability",
]
"""The kinds of findings about the lock itself."""

FindingKind = DriftKind | LockFindingKind
FINDING_KINDS: Final[tuple[str, ...]] = (*get_args(DriftKind), *get_args(LockFindingKind))

RunState = Literal["in-order", "drift", "incomplete", "unreachable", "misconfigured"]
"""``misconfigured`` means that the lock cannot be read, or that the fleet file asks for something impossible."""
STATES: Final[tuple[RunState, ...]] = get_args(RunState)
Trigger = Literal["schedule", "manual"]
_EXIT_CODES: Final[Mapping[RunState, int]] = {
    "in-order": 0,
    "drift": 1,
    "incomplete": 4,
    "unreachable": 4,
    "misconfigured": 2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding of a run: a `Drift` of the subject, or a fact about the lock, with its *severity*.

    *environment* is the prefix of its environment, "" for a fact about the lock. The other fields are those of `Drift`.
    """

    kind: FindingKind
    name: str
    severity: Severity
    locked: str | None = None
    found: str | None = None
    path: str | None = None
    detail: str = ""
    fix: str = ""
    origin: str | None = None
    environment: str = ""
    record: str | None = None
    time: str | None = None

    @property
    def fingerprint(self) -> str:
        """The identity of the finding across runs, hexadecimal: it ignores wording, severity and origin."""
        same = (self.environment, self.kind, self.name, self.locked, self.found, self.path, self.record)
        return hashlib.sha256(json.dumps(same).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A finding that does not count, with the reason."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Kinds of findings that a run could not determine, for a *reason*: they remain as they were.

    *names* are the projects that this is about, () for all.
    """

    kinds: tuple[FindingKind, ...]
    reason: str
    names: tuple[str, ...] = ()

    def covers(self, finding: "Finding") -> bool:
        """Say whether *finding* is among the unknown ones."""
        return finding.kind in self.kinds and (not self.names or finding.name in self.names)


@dataclass(frozen=True, kw_only=True)  # no slots: cached properties need a dictionary
class RunResult:
    """The result of one run of one target; all times are aware, in UTC.

    *tick* is when it was due, and identifies it together with *target*, whose *labels* it has. *subject* and
    *details* describe the subject, *report* is the JSON document of the check, None if the subject could not be
    looked at, with the reason in *error*. *lock_text* is the lock as it was read, "" for none.
    """

    target: str
    tick: datetime
    trigger: Trigger
    host: str
    started: datetime
    finished: datetime
    state: RunState
    level: Level
    subject: str
    details: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    report: Mapping[str, Any] | None = None
    error: str | None = None
    lock_text: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """The exit code of the contract: 0 in order, 1 drift, 2 misconfigured, 4 unreachable or incomplete."""
        return _EXIT_CODES[self.state]

    @property
    def complete(self) -> bool:
        """Whether the run found everything that there is."""
        return self.state in ("in-order", "drift")

    @cached_property
    def severities(self) -> Mapping[Severity, int]:
        """The number of findings by severity."""
        counted = Counter(each.severity for each in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}

    @cached_property
    def kinds(self) -> Mapping[str, int]:
        """The number of findings by kind, for kinds that occur."""
        counted: Counter[str] = Counter(each.kind for each in self.findings)
        return {kind: counted[kind] for kind in FINDING_KINDS if kind in counted}
