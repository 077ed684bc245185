"""Findings from drift reports and the status of a lock, their severities and groups, and changes between two runs."""

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from lockml.audit.config.model import Judgement
from lockml.audit.model import Accepted, Finding, RunResult, RunState, Severity
from lockml.common.display import escape, redact
from lockml.drift.model import Drift, DriftReport
from lockml.drift.policy import IgnoreRule

__all__ = [
    "Changes",
    "Group",
    "accept_findings",
    "changes_since",
    "drift_findings",
    "group_of",
    "judged",
    "state_now",
    "state_of",
    "without_acknowledged",
]

_LONGEST_PACKAGE: Final = 100
_LONGEST_VERSION: Final = 50
_INSTALLED: Final = re.compile(r"(?P<folder>.*/(?:site|dist)-packages/(?:[^/]+/)?)")

_USUAL: Final[Mapping[str, Severity]] = {
    "lock-outdated": "warning",
    "newer-release": "note",
    "yanked": "warning",
    "withdrawn": "warning",
    "file-gone": "warning",
    "base-image-moved": "warning",
    "vulnerability": "warning",
}
"""The default severities of findings about a lock; every drift of the subject is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The findings that a run opens and resolves."""

    opened: tuple[Finding, ...] = ()
    resolved: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The key of findings that are shown together: *kind*, *package* and, if they are about one, a version.

    The texts are short and safe to show: a long one ends in a hash. The package of files without one is their folder,
    which ends in a slash.
    """

    kind: str
    package: str
    locked: str | None = None
    found: str | None = None


def group_of(finding: Finding) -> Group:
    """Return the group of *finding*."""
    path = finding.path
    unowned = path is not None and finding.name == posixpath.basename(path)
    package = _folder_of(path) if unowned and path is not None else finding.name
    return Group(
        kind=finding.kind,
        package=_short(package, _LONGEST_PACKAGE),
        locked=_version(finding.locked),
        found=_version(finding.found),
    )


def _folder_of(path: str) -> str:
    """Return the folder of *path*: of an installed package its own, not that of a module."""
    folder = f"{posixpath.dirname(path).rstrip('/')}/"
    installed = _INSTALLED.match(folder)
    return installed["folder"] if installed is not None else folder


def _version(text: str | None) -> str | None:
    """Return a version or the name of a vulnerability, None for a digest, which differs from file to file."""
    return None if text is None or text.startswith("sha256:") else _short(text, _LONGEST_VERSION)


def _short(text: str, longest: int) -> str:
    shown = escape(text)
    if len(shown) <= longest:
        return shown
    return f"{shown[: longest - 9]}…{hashlib.sha256(shown.encode()).hexdigest()[:8]}"


def drift_findings(reports: Sequence[DriftReport]) -> tuple[list[Finding], list[Accepted]]:
    """Return the findings in *reports* of the containers of one target, and those that their rules accept.

    A finding of several containers is one; it names them unless all have it.
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
    """Return *findings* with their severities, and separately those whose kind the fleet file ignores."""
    counted: list[Finding] = []
    ignored: list[Accepted] = []
    for finding in findings:
        judgement = severities.get(finding.kind, _USUAL.get(finding.kind, "error"))
        if judgement == "ignore":
            ignored.append(Accepted(finding=finding, reason=f"the fleet file ignores {finding.kind}"))
        else:
            counted.append(replace(finding, severity=judgement))
    return counted, ignored


def accept_findings(
    findings: Iterable[Finding], rules: Sequence[IgnoreRule], today: date
) -> tuple[list[Finding], list[Accepted]]:
    """Return *findings* without those that a rule accepts *today*, and the accepted ones."""
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


def state_now(state: str, error: str | None, *, errors: bool) -> str:
    """Return the state of a target whose last run ended in *state* with *error*.

    A target whose subject was read drifts if it has open *errors* that count, and only then: those of the last run,
    those that it could not look for, and those that are not acknowledged any more.
    """
    if state not in ("in-order", "drift", "incomplete"):
        return state
    if errors:
        return "drift"
    return "incomplete" if error is not None or state == "incomplete" else "in-order"


def state_of(findings: Iterable[Finding], *, complete: bool) -> RunState:
    """Return the state of a run that could read its subject."""
    if any(finding.severity == "error" for finding in findings):
        return "drift"
    return "in-order" if complete else "incomplete"


def without_acknowledged(result: RunResult, acknowledged: Mapping[str, str]) -> RunResult:
    """Return *result* with the *acknowledged* findings, a reason by fingerprint, moved to the accepted ones."""
    if not acknowledged:
        return result
    counted = tuple(each for each in result.findings if each.fingerprint not in acknowledged)
    accepted = tuple(
        Accepted(finding=each, reason=acknowledged[each.fingerprint])
        for each in result.findings
        if each.fingerprint in acknowledged
    )
    state = state_of(counted, complete=_looked_wholly(result)) if result.state == "drift" else result.state
    return replace(result, findings=counted, accepted=(*result.accepted, *accepted), state=state)


def _looked_wholly(result: RunResult) -> bool:
    """Say whether the run read all of the subject."""
    return result.report is not None and all(
        environment.get("problems") == [] for environment in result.report.get("environments", ())
    )


def changes_since(before: Mapping[str, Finding], result: RunResult) -> Changes:
    """Return the findings that *result* opens, and those of *before*, by fingerprint, that it resolves.

    A finding remains open if the run could not determine it: any if the subject could not be read, drift if it could
    not be read completely, else the unknown kinds.
    """
    found = {finding.fingerprint: finding for finding in result.findings}
    looked = _looked_wholly(result)
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
