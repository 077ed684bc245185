"""The nouns of an audit: what a run found, how it ended, and what changed since the run before."""

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
"""What an audit tells of the lock itself, beside what differs from it."""

FindingKind = DriftKind | LockFindingKind
FINDING_KINDS: Final[tuple[str, ...]] = (*get_args(DriftKind), *get_args(LockFindingKind))

RunState = Literal["in-order", "drift", "incomplete", "unreachable", "misconfigured"]
"""``misconfigured`` is one whose lock cannot be read, or of which the fleet file asks what cannot be done."""
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
    """One thing that a run found: a `Drift` of the subject, or something about the lock, with its *severity*.

    *environment* is the prefix of the environment it is in, "" for what is about the lock. The other fields are those
    of `Drift`.
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
        """What makes it the same one in another run, hexadecimal: not its wording, severity or origin."""
        same = (self.environment, self.kind, self.name, self.locked, self.found, self.path, self.record)
        return hashlib.sha256(json.dumps(same).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A finding that does not count, and why."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """What could not be told this time: findings of these *kinds* stay as they were, for a *reason*.

    *names* are the projects that it is about, () for all.
    """

    kinds: tuple[FindingKind, ...]
    reason: str
    names: tuple[str, ...] = ()

    def covers(self, finding: "Finding") -> bool:
        """Say whether it is not known if *finding* is still there."""
        return finding.kind in self.kinds and (not self.names or finding.name in self.names)


@dataclass(frozen=True, kw_only=True)  # no slots: the counts are kept
class RunResult:
    """How one run of one target ended; all moments are aware, in UTC.

    *tick* is the moment that it was due at and names it together with *target*, whose *labels* it has. *subject* and
    *details* are what the check says of its subject, *report* its JSON document, None where the subject could not be
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
        """The exit code of the contract: 0 in order, 1 drift, 2 misconfigured, 4 not reachable or incomplete."""
        return _EXIT_CODES[self.state]

    @property
    def complete(self) -> bool:
        """Whether what it does not name is not there."""
        return self.state in ("in-order", "drift")

    @cached_property
    def severities(self) -> Mapping[Severity, int]:
        """How many findings there are of each severity."""
        counted = Counter(each.severity for each in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}

    @cached_property
    def kinds(self) -> Mapping[str, int]:
        """How many findings there are of each kind that occurs."""
        counted: Counter[str] = Counter(each.kind for each in self.findings)
        return {kind: counted[kind] for kind in FINDING_KINDS if kind in counted}
