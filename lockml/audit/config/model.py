"""The nouns of a fleet: what is audited, when, against which lock, what may differ, and who is told."""

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
"""The kinds of subjects that only the machine can look at that has them."""

_USUAL_SCHEDULE: Final = Interval(every=timedelta(hours=6))

Judgement = Severity | Literal["ignore"]
Actions = Literal["login", "anyone", "nobody"]
"""Who may acknowledge and ask for runs on the pages: ``login`` is whoever has the token, nobody where there is none."""

Event = Literal["opened", "resolved", "unreachable", "reachable", "worker"]
"""What is told: ``worker`` is that a worker or scheduler ended without a word, or is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """How something is audited, whatever it is. *severities* says how kinds count that do not count as usual.

    Without a *level* it is the best that the lock serves; *choice* is what of a lock of another tool is meant.
    *zone* is whose clock a cron expression is on. The start of a run is spread over *jitter*, and one that takes longer
    than *timeout* is given up. *declared* is what is said of the driver and the GPU of its hosts.
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
    """One thing to audit: *subject* against the file *lock*, as its *settings* say.

    *rule* names the discovery rule that found it, None where the fleet file names it, and *host* the machine that did.
    """

    name: str
    subject: SubjectName
    lock: Path
    settings: AuditSettings
    rule: str | None = None
    host: str | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        """What it is labelled with."""
        return self.settings.labels

    def fits(self, names: tuple[str, ...], labels: Mapping[str, str]) -> bool:
        """Say whether it is called as one of the patterns *names*, if there are any, and has all *labels*."""
        named = not names or any(fnmatchcase(self.name, name) for name in names)
        return named and all(self.labels.get(key) == value for key, value in labels.items())

    def belongs_to(self, host: str) -> bool:
        """Say whether *host* is to look at it."""
        if self.host is not None:
            return self.host == host
        return not self.settings.hosts or host in self.settings.hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRule:
    """Which containers of a host's engine are audited: those for which all holds that is given.

    They have *label*, KEY or KEY=VALUE, are of the compose project *compose*, or run an image that *image* fits. Their
    lock is the file *lock*, or the one that the value of their label *lock_label* names, below *folder*.
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
    """Who is told of what: *urls* are Apprise's, *on* the events, of at least *severity*, of targets that fit.

    In *quiet* hours, on the clock of *zone*, nothing is sent: it is told together when they end. The same text is not
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
        """Say whether the rule is about the target of that name and those labels."""
        labelled = all(labels.get(key) == value for key, value in self.labels.items())
        return labelled and fnmatchcase(target, self.targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """Whether and how often the package index is asked about each lock."""

    asked: bool = True
    every: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All that a fleet file says; *file* is its name, and paths in it are seen from its folder."""

    file: str
    store: str
    targets: tuple[AuditTarget, ...] = ()
    discovery: tuple[DiscoveryRule, ...] = ()
    notify: tuple[NotifyRule, ...] = ()
    ignore: tuple[tuple[str, IgnoreRule], ...] = ()  # each with the pattern of the targets that it is about
    retention: timedelta | None = timedelta(days=90)
    processes: int | None = None
    index: IndexSettings = IndexSettings()
    broker: str | None = None
    actions: Actions = "login"
    base_url: str | None = None  # of the pages, for links to them

    @property
    def folder(self) -> Path:
        """The folder that paths are seen from."""
        return Path(self.file).parent

    @property
    def discovery_hosts(self) -> tuple[str, ...]:
        """The hosts that discovery rules name, sorted."""
        return tuple(sorted({host for rule in self.discovery for host in rule.settings.hosts}))

    def rules_of(self, target: AuditTarget) -> tuple[IgnoreRule, ...]:
        """Return what may differ in *target*."""
        common = (rule for pattern, rule in self.ignore if fnmatchcase(target.name, pattern))
        return (*target.settings.ignore, *common)
