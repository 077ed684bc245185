"""The types of a fleet: targets, schedules, locks, rules and notifications."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

from lockml.audit.config.schedule import Interval, Schedule
from lockml.audit.model import Severity
from lockml.drift.model import Level
from lockml.drift.policy import IgnoreRule
from lockml.index.accelerators.model import NOTHING_DECLARED, Declared
from lockml.lock.model import Choice
from lockml.subjects.open import SubjectName

__all__ = [
    "HOST_BOUND",
    "Actions",
    "AuditSettings",
    "AuditTarget",
    "DiscoveryRule",
    "Event",
    "Fleet",
    "IndexSettings",
    "Judgement",
    "NotifyRule",
]

HOST_BOUND: Final = frozenset({"container", "compose", "image", "path", "pid", "archive", "oci"})
"""The kinds of subjects that only their own machine can check."""

_USUAL_SCHEDULE: Final = Interval(every=timedelta(hours=6))

Judgement = Severity | Literal["ignore"]
Actions = Literal["login", "anyone", "nobody"]
"""Who may acknowledge findings and request runs on the pages: ``login`` means users who have the token."""

Event = Literal["opened", "resolved", "unreachable", "reachable", "worker"]
"""The events to notify of: ``worker`` means that a worker or scheduler stopped without notice, or is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The settings of an audit of any subject. *severities* overrides the default severities of kinds.

    Without a *level* the best that the lock supports applies; *choice* selects extras and groups of another tool's
    lock. *zone* is the time zone of a cron expression. The starts of runs spread over *jitter*; a run that takes longer
    than *timeout* is killed. *declared* describes the driver and the GPU of the hosts.
    """

    level: Level | None = None
    choice: Choice = field(default_factory=Choice)
    schedule: Schedule = _USUAL_SCHEDULE
    jitter: timedelta = timedelta(0)
    timeout: timedelta = timedelta(minutes=10)
    zone: str = "UTC"
    environment: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    severities: Mapping[str, Judgement] = field(default_factory=dict)
    ignore: tuple[IgnoreRule, ...] = ()
    base_image: str | None = None
    declared: Declared = NOTHING_DECLARED
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTarget:
    """A target: *subject*, which must match the file *lock*, with its *settings*.

    *rule* is the discovery rule that found it, None if the fleet file names it, and *host* the machine that did.
    """

    name: str
    subject: SubjectName
    lock: Path
    settings: AuditSettings
    rule: str | None = None
    host: str | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels."""
        return self.settings.labels

    def fits(self, names: tuple[str, ...], labels: Mapping[str, str]) -> bool:
        """Say whether its name matches one of the patterns *names*, if there are any, and it has all *labels*."""
        named = not names or any(fnmatchcase(self.name, name) for name in names)
        return named and all(self.labels.get(key) == value for key, value in labels.items())

    def belongs_to(self, host: str) -> bool:
        """Say whether *host* checks it."""
        if self.host is not None:
            return self.host == host
        return not self.settings.hosts or host in self.settings.hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRule:
    """A rule that finds containers of a host's engine, which must meet all conditions that are given.

    They have *label*, KEY or KEY=VALUE, belong to the Compose project *compose*, or run an image that matches *image*.
    Their lock is the file *lock*, or the file below *folder* that the value of their label *lock_label* names.
    """

    name: str
    settings: AuditSettings
    folder: Path
    label: str | None = None
    compose: str | None = None
    image: str | None = None
    lock: Path | None = None
    lock_label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRule:
    """A notification rule: addresses of Apprise (*urls*) for the events *on*, of at least *severity*, of its targets.

    During *quiet* hours, in the time zone *zone*, messages wait, and are sent together afterwards. The same text is not
    sent again within *repeat*.
    """

    name: str
    urls: tuple[str, ...]
    severity: Severity = "error"
    on: frozenset[Event] = frozenset({"opened", "resolved", "unreachable", "reachable", "worker"})
    targets: str = "*"
    labels: Mapping[str, str] = field(default_factory=dict)
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"
    repeat: timedelta = timedelta(hours=1)

    def concerns(self, target: str, labels: Mapping[str, str]) -> bool:
        """Say whether the rule applies to *target* with these labels."""
        labelled = all(labels.get(key) == value for key, value in self.labels.items())
        return labelled and fnmatchcase(target, self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """Whether and how often the package index is asked about each lock."""

    asked: bool = True
    every: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The content of the fleet file *file*, whose paths are relative to its folder."""

    file: str
    store: str
    targets: tuple[AuditTarget, ...] = ()
    discovery: tuple[DiscoveryRule, ...] = ()
    notify: tuple[NotifyRule, ...] = ()
    ignore: tuple[tuple[str, IgnoreRule], ...] = ()  # each with the pattern of its targets
    retention: timedelta | None = timedelta(days=90)
    processes: int | None = None
    index: IndexSettings = IndexSettings()
    broker: str | None = None
    actions: Actions = "login"
    base_url: str | None = None  # of the pages, for links

    @property
    def folder(self) -> Path:
        """The folder that paths are relative to."""
        return Path(self.file).parent

    @property
    def discovery_hosts(self) -> tuple[str, ...]:
        """The hosts that discovery rules name, sorted."""
        return tuple(sorted({host for rule in self.discovery for host in rule.settings.hosts}))

    def rules_of(self, target: AuditTarget) -> tuple[IgnoreRule, ...]:
        """Return the rules of what may differ in *target*."""
        common = (rule for pattern, rule in self.ignore if fnmatchcase(target.name, pattern))
        return (*target.settings.ignore, *common)
