"""A target and a tick in, the result of the run out: what `check` tells, and how the lock stands."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from lockml.audit.config.model import AuditTarget, Fleet, IndexSettings
from lockml.audit.findings import accept_findings, drift_findings, judged, state_of
from lockml.audit.model import Accepted, Finding, RunResult, Trigger, Unknown
from lockml.audit.runs.lock_status import StandingSettings, standing_of
from lockml.common.display import redact
from lockml.common.errors import InputError, LockmlError
from lockml.drift.compare import compare
from lockml.drift.model import DriftReport, Level
from lockml.drift.policy import IgnoreRule, apply_rules
from lockml.drift.proof import proof_of
from lockml.drift.verdicts import Verdicts
from lockml.inventory.pip_freeze import parse_frozen
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.model import Lock
from lockml.report.json import format_json
from lockml.subjects.inventory_cache import ImageMemory, Remembered
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import open_subject
from lockml.subjects.recompile.compare import comparing, new_salt

__all__ = ["Work", "broken_off", "examine", "too_long", "work_of"]

_SECONDS: Final = 20.0  # to compare the compiled modules of an image: what is found is kept for all its containers
_MOST_IN_ORDER: Final = 256
_MEMORIES: Final[dict[Path | None, ImageMemory]] = {}  # of this process, by where they are kept
_IN_ORDER: Final[dict[tuple[str, int, Level, str], tuple[Lock, DriftReport]]] = {}
_PARSED: Final[dict[Path, tuple[tuple[int, int], str, Lock]]] = {}  # locks of this process, by what stat says of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One run to do: all that it needs, so that it can be done by another process.

    *rules* say what may differ, *cache* is the folder where what is immutable is kept, None for nowhere.
    """

    target: AuditTarget
    tick: datetime
    trigger: Trigger
    host: str
    rules: tuple[IgnoreRule, ...]
    index: IndexSettings
    cache: Path | None


def work_of(fleet: Fleet, target: AuditTarget, tick: datetime, trigger: Trigger, host: str, cache: Path | None) -> Work:
    """Return the run of *target* that is due at *tick*."""
    return Work(
        target=target,
        tick=tick,
        trigger=trigger,
        host=host,
        rules=fleet.rules_of(target),
        index=fleet.index,
        cache=cache,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def examine(work: Work, clock: Callable[[], datetime] = _now) -> RunResult:
    """Return how the run of *work* ended; whatever goes wrong with its subject or lock is its result."""
    started = clock()
    try:
        return _examined(work, started, clock)
    except LockmlError as error:
        text = f"{error}{f'; {error.hint}' if error.hint else ''}"
        return broken_off(work, text, started, clock())
    except Exception as error:
        if type(error).__name__ == "SoftTimeLimitExceeded":  # Celery's word for it
            return broken_off(work, too_long(work), started, clock())
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return broken_off(work, f"lockml broke off ({reason}): this is a defect of lockml", started, clock())


def too_long(work: Work) -> str:
    """Return what is said of a run that took too long."""
    seconds = int(work.target.practice.timeout.total_seconds())
    return f"it took longer than {seconds} seconds; timeout = in the fleet file says how long it may take"


def broken_off(work: Work, error: str, started: datetime, finished: datetime) -> RunResult:
    """Return the result of a run whose subject could not be looked at, for the reason *error*."""
    return RunResult(
        target=work.target.name,
        tick=work.tick,
        trigger=work.trigger,
        host=work.host,
        labels=dict(work.target.labels),
        started=started,
        finished=finished,
        state="unreachable",
        level=work.target.practice.level,
        subject=redact(str(work.target.subject)),
        error=redact(error),
    )


def _examined(work: Work, started: datetime, clock: Callable[[], datetime]) -> RunResult:
    practice = work.target.practice
    text, lock = _read_lock(work.target.lock)
    report = _report(work, lock)
    today = started.date()
    checked = apply_rules(report, work.rules, today)
    found, accepted = drift_findings(checked)
    drifts, ignored = judged(found, practice.severities)
    standing, allowed, unknown = _standing(work, (text, lock), started)
    findings = (*drifts, *standing)
    return RunResult(
        target=work.target.name,
        tick=work.tick,
        trigger=work.trigger,
        host=work.host,
        labels=dict(work.target.labels),
        started=started,
        finished=clock(),
        state=state_of(findings, complete=checked.complete),
        level=checked.level,
        subject=redact(str(checked.subject)),
        details={key: redact(value) for key, value in checked.subject.details.items()},
        findings=findings,
        accepted=(*accepted, *ignored, *allowed),
        unknown=unknown,
        report=_document(checked),
        error=redact("; ".join(f"{each.path}: {each.reason}" for each in checked.problems[:5])) or None,
        lock_text=text,
    )


def _document(report: DriftReport) -> Mapping[str, Any]:
    document: dict[str, Any] = json.loads(format_json([report]))
    return document


def _read_lock(file: Path) -> tuple[str, Lock]:
    """Return the text of a lock and the lock; one that did not change since is read once. Raises InputError."""
    try:
        found = file.stat()
        state = (found.st_mtime_ns, found.st_size)
        known = _PARSED.get(file)
        if known is None or known[0] != state:
            content = file.read_bytes()
            _PARSED[file] = state, content.decode("utf-8", "surrogateescape"), parse_lock(content, str(file))
    except FileNotFoundError as error:
        raise InputError(str(file), "no such file", hint="`lockml compile` writes locks") from error
    except OSError as error:
        raise InputError(str(file), f"cannot be read ({error.strerror})") from error
    return _PARSED[file][1:]


def _report(work: Work, lock: Lock) -> DriftReport:
    target = work.target
    level, file = target.practice.level, str(target.lock)
    if target.subject.kind == "freeze":
        if level != "names":
            raise InputError(
                f"target {target.name!r}", "a list of packages proves no bytes", hint='write level = "names"'
            )
        name = target.subject.name
        try:
            content = Path(name).read_bytes()
        except OSError as error:
            raise InputError(name, f"cannot be read ({error.strerror})") from error
        return compare(lock, parse_frozen(content, name), level="names", file=file)
    platforms = dict.fromkeys(str(each.platform) for each in lock.targets)
    files = level == "files"
    options = ReadOptions(platforms=tuple(platforms) or ReadOptions().platforms, hashed=files, cache=work.cache)
    with open_subject(target.subject, options) as opened:
        prefix = target.practice.environment or opened.prefix
        verdicts = Verdicts(lock)
        code = comparing(_SECONDS, work.cache)
        proof = proof_of(lock, file, key=lock.sha256, compare=code, salt=new_salt(), verdicts=verdicts)
        memory = _MEMORIES.setdefault(work.cache, ImageMemory(work.cache))
        taken = memory.take(opened, prefix=prefix, files=files, proof=proof)
        return _compared(taken, verdicts, level, file)


def _compared(taken: Remembered, verdicts: Verdicts, level: Level, file: str) -> DriftReport:
    """Return how the inventory differs from the lock; what is in order for an image is so for all that is the same."""
    lock = verdicts.lock
    key = (taken.key or "", id(lock), level, file)
    known = _IN_ORDER.get(key) if taken.key is not None else None
    if known is not None and known[0] is lock:
        return replace(known[1], subject=taken.inventory.subject)
    report = compare(lock, taken.inventory, level=level, file=file, verdicts=verdicts)
    if taken.key is not None and not report.drifts and report.complete:
        if len(_IN_ORDER) > _MOST_IN_ORDER:
            _IN_ORDER.clear()
        _IN_ORDER[key] = lock, report
    return report


def _standing(
    work: Work, read: tuple[str, Lock], now: datetime
) -> tuple[list[Finding], list[Accepted], tuple[Unknown, ...]]:
    practice = work.target.practice
    settings = StandingSettings(
        asked=work.index.asked, every=work.index.every, cache=work.cache, base_image=practice.base_image
    )
    found = standing_of(read[1], read[0], work.target.lock, settings, now)
    counted, ignored = judged(found.findings, practice.severities)
    kept, allowed = accept_findings(counted, work.rules, now.date())
    return kept, [*ignored, *allowed], tuple(found.unknown)
