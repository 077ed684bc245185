"""One run of one target: what `check` finds, and the status of the lock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from lockml.audit.config.model import AuditTarget, Fleet, IndexSettings
from lockml.audit.findings import accept_findings, drift_findings, judged, state_of
from lockml.audit.model import Accepted, Finding, RunResult, RunState, Trigger, Unknown
from lockml.audit.runs.host import Clock, is_time_limit, read_file
from lockml.audit.runs.lock_status import LockStatusSettings, check_lock_status
from lockml.audit.runs.run_cache import LockFile, RunCache
from lockml.common.display import redact
from lockml.common.errors import InputError, LockmlError
from lockml.drift.compare import best_level, compare
from lockml.drift.model import DriftReport, Level
from lockml.drift.policy import IgnoreRule, apply_rules
from lockml.drift.proof import proof_of
from lockml.drift.verdicts import Verdicts
from lockml.index.accelerators.model import Declared
from lockml.inventory.pip_freeze import parse_frozen
from lockml.lock.model import Choice
from lockml.lock.select import with_choice
from lockml.report.json import format_json
from lockml.subjects.inventory_cache import Remembered
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import SubjectName, open_subject, subjects_of
from lockml.subjects.recompile.compare import comparing, new_salt

__all__ = ["Work", "failed_result", "run_target", "timeout_reason", "work_of"]

_SECONDS: Final = 20.0  # to compare the compiled modules of an image, once for all its containers


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A run to do, with everything that another process needs for it. *rules* say what may differ."""

    target: AuditTarget
    tick: datetime
    trigger: Trigger
    host: str
    rules: tuple[IgnoreRule, ...]
    index: IndexSettings


def work_of(fleet: Fleet, target: AuditTarget, tick: datetime, trigger: Trigger, host: str) -> Work:
    """Return the run of *target* that is due at *tick*."""
    return Work(target=target, tick=tick, trigger=trigger, host=host, rules=fleet.rules_of(target), index=fleet.index)


def run_target(work: Work, cache: RunCache, clock: Clock) -> RunResult:
    """Return the result of *work*; an error of its subject or lock is a result, too."""
    started = clock()
    state: RunState = "unreachable"
    try:
        return _checked_result(work, _read_lock(work, cache), cache, started, clock)
    except _MisconfiguredError as fault:
        state, reason = "misconfigured", _reason(fault.error)
    except LockmlError as error:
        reason = _reason(error)
    except Exception as error:
        if is_time_limit(error):
            reason = timeout_reason(work)
        else:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            reason = f"internal error ({text}): this is a defect of lockml"
    return replace(failed_result(work, reason, started, clock()), state=state)


class _MisconfiguredError(Exception):
    """A fault of the lock or the fleet file; the subject was not checked.

    Internal: never reaches the user; the result of the run has the fault.
    """

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error))
        self.error = error


def _read_lock(work: Work, cache: RunCache) -> LockFile:
    """Return the lock of *work*; a fault in it is a fault of the fleet, not of the subject."""
    settings = work.target.settings
    if work.target.subject.kind == "freeze" and settings.level not in (None, "names"):
        problem = "a list of packages cannot prove bytes"
        fault = InputError(f"target {work.target.name!r}", problem, hint='write level = "names"')
        raise _MisconfiguredError(fault)
    try:
        read = cache.read_lock(work.target.lock)
        if settings.choice != Choice():
            with_choice(read.lock, settings.choice, str(read.path))
    except InputError as error:
        raise _MisconfiguredError(error) from error
    return read


def _reason(error: LockmlError) -> str:
    return f"{error}{f'; {error.hint}' if error.hint else ''}"


def timeout_reason(work: Work) -> str:
    """Return the error of a run that took too long."""
    seconds = int(work.target.settings.timeout.total_seconds())
    return f"it took longer than {seconds} seconds; raise timeout in the fleet file"


def failed_result(work: Work, error: str, started: datetime, finished: datetime) -> RunResult:
    """Return the result of a run that could not read its subject, with the reason *error*."""
    return replace(_result(work, started, finished), error=redact(error))


def _result(work: Work, started: datetime, finished: datetime) -> RunResult:
    """Return the part of the result of *work* that is the same however it ends."""
    return RunResult(
        target=work.target.name,
        tick=work.tick,
        trigger=work.trigger,
        host=work.host,
        labels=dict(work.target.labels),
        started=started,
        finished=finished,
        state="unreachable",
        level=work.target.settings.level or "artifacts",
        subject=redact(str(work.target.subject)),
    )


def _checked_result(work: Work, read: LockFile, cache: RunCache, started: datetime, clock: Clock) -> RunResult:
    severities = work.target.settings.severities
    reports = [apply_rules(each, work.rules, started.date()) for each in _reports(work, read, cache)]
    checked = reports[0]
    found, accepted = drift_findings(reports)
    drifts, ignored = judged(found, severities)
    of_lock, allowed, unknown = _lock_findings(work, read, cache, started)
    findings = (*drifts, *of_lock)
    problems = [each for report in reports for each in report.problems]
    return replace(
        _result(work, started, clock()),
        state=state_of(findings, complete=all(each.complete for each in reports)),
        level=checked.level,
        subject=redact(", ".join(str(each.subject) for each in reports)),
        details={key: redact(value) for key, value in checked.subject.details.items()},
        findings=findings,
        accepted=(*accepted, *ignored, *allowed),
        unknown=unknown,
        report=_document(reports),
        error=redact("; ".join(f"{each.path}: {each.reason}" for each in problems[:5])) or None,
        lock_text=read.text,
    )


def _document(reports: Sequence[DriftReport]) -> Mapping[str, Any]:
    document: dict[str, Any] = json.loads(format_json(reports))
    return document


def _reports(work: Work, read: LockFile, cache: RunCache) -> list[DriftReport]:
    """Return the drift report of the subject, or one for each container of a Compose service."""
    choice = work.target.settings.choice
    if choice != Choice():
        read = replace(read, lock=with_choice(read.lock, choice, str(read.path)))
    if work.target.subject.kind == "freeze":
        return [_freeze_report(work.target, read)]
    return [_report(work.target, subject, read, cache) for subject in subjects_of(work.target.subject)]


def _report(target: AuditTarget, subject: SubjectName, read: LockFile, cache: RunCache) -> DriftReport:
    file, lock = str(read.path), read.lock
    level = target.settings.level or best_level(lock)
    platforms = dict.fromkeys(str(each.platform) for each in lock.targets)
    files = level == "files"
    options = ReadOptions(platforms=tuple(platforms) or ReadOptions().platforms, hashed=files, cache=cache.folder)
    with open_subject(subject, options) as opened:
        prefix = target.settings.environment or opened.prefix
        verdicts = Verdicts(lock)
        code = comparing(_SECONDS, cache.folder)
        proof = proof_of(lock, file, key=read.key, compare=code, salt=new_salt(), verdicts=verdicts)
        taken = cache.images.take(opened, prefix=prefix, files=files, proof=proof)
        return _compared(taken, verdicts, read, cache, (level, target.settings.declared))


def _freeze_report(target: AuditTarget, read: LockFile) -> DriftReport:
    name = target.subject.name
    try:
        content = read_file(Path(name))
    except OSError as error:
        raise InputError(name, f"cannot be read ({error.strerror})") from error
    frozen = msgspec.structs.replace(parse_frozen(content, name), declared=target.settings.declared)
    return compare(read.lock, frozen, level="names", file=str(read.path))


def _compared(
    taken: Remembered, verdicts: Verdicts, read: LockFile, cache: RunCache, settings: tuple[Level, Declared]
) -> DriftReport:
    """Return how the inventory differs from the lock; a report without drift is cached for equal inventories."""
    level, declared = settings
    asked = f"{read.path} {read.lock.choice} {declared}"
    key = (taken.key, read.key, level, asked) if taken.key is not None else None
    cached = cache.reports.get(key) if key is not None else None
    if cached is not None:
        return msgspec.structs.replace(cached, subject=taken.inventory.subject)
    inventory = msgspec.structs.replace(taken.inventory, declared=declared)
    report = compare(read.lock, inventory, level=level, file=str(read.path), verdicts=verdicts)
    if key is not None and not report.drifts and report.complete:
        cache.reports.put(key, report)
    return report


def _lock_findings(
    work: Work, read: LockFile, cache: RunCache, now: datetime
) -> tuple[list[Finding], list[Accepted], tuple[Unknown, ...]]:
    """Return the findings about the lock, accepted ones, and what could not be determined."""
    settings = work.target.settings
    asked = LockStatusSettings(asked=work.index.asked, every=work.index.every, base_image=settings.base_image)
    status = check_lock_status(read, asked, cache, now)
    counted, ignored = judged(status.findings, settings.severities)
    findings, allowed = accept_findings(counted, work.rules, now.date())
    return findings, [*ignored, *allowed], tuple(status.unknown)
