"""Drift reports and what else is told of a lock in, findings with their severity out; two runs in, what changed out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from lockml.audit.config.model import Judgement
from lockml.audit.model import Accepted, Finding, RunResult, RunState, Severity
from lockml.common.display import redact
from lockml.drift.model import Drift, DriftReport
from lockml.drift.policy import IgnoreRule

__all__ = ["Changes", "accept_findings", "changes_since", "drift_findings", "judged", "state_of"]

_USUAL: Final[Mapping[str, Severity]] = {
    "lock-outdated": "warning",
    "newer-release": "note",
    "yanked": "warning",
    "withdrawn": "warning",
    "file-gone": "warning",
    "base-image-moved": "warning",
    "vulnerability": "warning",
}
"""How what is told of a lock counts where the fleet does not say; every drift of the subject is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is new in a run and what is not there any more."""

    opened: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()


def drift_findings(reports: Sequence[DriftReport]) -> tuple[list[Finding], list[Accepted]]:
    """Return what *reports*, those of one target's containers, found, and what of it their rules accepted.

    What several found is one finding, and tells in which it is unless it is in all.
    """
    found: dict[str, tuple[Finding, list[str]]] = {}
    accepted: dict[str, Accepted] = {}
    for report in reports:
        prefix = report.environment.prefix
        for drift in report.drifts:
            finding = _finding(drift, prefix)
            found.setdefault(finding.fingerprint, (finding, []))[1].append(report.subject.name)
        for each in report.accepted:
            finding = _finding(each.drift, prefix)
            accepted.setdefault(finding.fingerprint, Accepted(finding=finding, reason=each.reason))
    findings = [_placed(finding, places, len(reports)) for finding, places in found.values()]
    return findings, list(accepted.values())


def _placed(finding: Finding, places: Sequence[str], count: int) -> Finding:
    if len(set(places)) == count:
        return finding
    return replace(finding, detail=f"{finding.detail} (in {', '.join(dict.fromkeys(places))})")


def _finding(drift: Drift, environment: str) -> Finding:
    return Finding(
        kind=drift.kind,
        name=drift.name,
        severity="error",
        locked=drift.locked,
        found=drift.found,
        path=drift.path,
        detail=redact(drift.detail),
        fix=drift.fix,
        origin=redact(drift.origin) if drift.origin is not None else None,
        environment=environment,
        record=drift.record,
        time=drift.time,
    )


def judged(findings: Iterable[Finding], severities: Mapping[str, Judgement]) -> tuple[list[Finding], list[Accepted]]:
    """Return *findings* with their severities, and those apart that the fleet file ignores by their kind."""
    counted: list[Finding] = []
    ignored: list[Accepted] = []
    for finding in findings:
        judgement = severities.get(finding.kind, _USUAL.get(finding.kind, "error"))
        if judgement == "ignore":
            ignored.append(Accepted(finding=finding, reason=f"the fleet ignores {finding.kind}"))
        else:
            counted.append(replace(finding, severity=judgement))
    return counted, ignored


def accept_findings(
    findings: Iterable[Finding], rules: Sequence[IgnoreRule], today: date
) -> tuple[list[Finding], list[Accepted]]:
    """Return *findings* without those that a rule allows on that day, and those."""
    counted: list[Finding] = []
    accepted: list[Accepted] = []
    for finding in findings:
        fitting = (rule for rule in rules if rule.fits(finding) and (rule.until is None or rule.until >= today))
        rule = next(fitting, None)
        if rule is None:
            counted.append(finding)
        else:
            until = f", until {rule.until}" if rule.until is not None else ""
            accepted.append(Accepted(finding=finding, reason=f"{rule.reason} ({rule.stated_in}{until})"))
    return counted, accepted


def state_of(findings: Iterable[Finding], *, complete: bool) -> RunState:
    """Return how a run ended that could look at its subject."""
    if any(finding.severity == "error" for finding in findings):
        return "drift"
    return "in-order" if complete else "incomplete"


def changes_since(before: Mapping[str, Finding], result: RunResult) -> Changes:
    """Return what *result* opens and resolves of the findings that were open *before*, by fingerprint.

    What a run could not tell stays open: everything where the subject could not be looked at or not wholly, else the
    kinds that it does not know of.
    """
    found = {finding.fingerprint: finding for finding in result.findings}
    looked = result.report is not None and all(
        environment.get("problems") == [] for environment in result.report.get("environments", ())
    )
    opened = tuple(finding for key, finding in found.items() if key not in before)
    resolved = tuple(
        finding
        for key, finding in before.items()
        if result.report is not None
        and key not in found
        and not any(each.covers(finding) for each in result.unknown)
        and (looked or not _of_subject(finding))
    )
    return Changes(opened=opened, resolved=resolved)


def _of_subject(finding: Finding) -> bool:
    return finding.kind not in _USUAL
