"""Format drift reports as a JSON document; docs/check-report.schema.json describes it.

The schema number changes only when a reader of the old one would be misled; new keys may appear at any time.
"""

import json
from collections.abc import Sequence

from lockml import __version__
from lockml.common.display import redact
from lockml.drift.model import Drift, DriftReport, LevelResult, Remark
from lockml.inventory.model import Subject
from lockml.report.groups import DriftGroup, advice, group_drifts, rule_of
from lockml.report.words import image_id, project_of

__all__ = ["SCHEMA", "drift_table", "format_json", "subject_table"]

SCHEMA = "lockml/check/2"


def format_json(reports: Sequence[DriftReport]) -> str:
    """Return the document for one subject, or for the services of one project: a report for each environment.

    It is indented by two spaces, and ASCII so that foreign text cannot forge a line of a terminal.
    """
    first = reports[0]
    document = {
        "schema": SCHEMA,
        "lockml": __version__,
        "started": first.started or None,
        "ended": first.ended or None,
        "subject": subject_table(project_of(reports) or first.subject),
        "level": first.level,
        "complete": all(report.complete for report in reports),
        "counts": {
            "locked": sum(report.levels[0].total for report in reports),
            "installed": sum(len(report.environment.distributions) for report in reports),
            "drifts": sum(len(report.drifts) for report in reports),
            "accepted": sum(len(report.accepted) for report in reports),
            "matched": sum(len(report.proven) for report in reports),
            "verified": sum(len(report.verified) for report in reports),
            "kinds": _kinds(reports),
        },
        "limits": _limits(reports),
        "drifts": [drift_table(drift, report) for report in reports for drift in report.drifts],
        "groups": [_group(group, report) for report in reports for group in group_drifts(report)],
        "accepted": [
            {**drift_table(each.drift, report), "reason": each.reason} for report in reports for each in report.accepted
        ],
        "environments": [_environment(report) for report in reports],
        "unchecked": list(dict.fromkeys(other for report in reports for other in report.others)),
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def subject_table(subject: Subject) -> dict[str, object]:
    """Return the object for a *subject*."""
    return {"kind": subject.kind, "name": subject.name, "details": dict(subject.details)}


def _kinds(reports: Sequence[DriftReport]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for report in reports:
        for kind, count in report.kinds.items():
            counted[kind] = counted.get(kind, 0) + count
    return counted


def _limits(reports: Sequence[DriftReport]) -> list[dict[str, object]]:
    """Return each limit once, with its counts summed over all environments."""
    counted: dict[str, tuple[int, list[str]]] = {}
    for limit in (each for report in reports for each in report.limits):
        count, examples = counted.get(limit.code, (0, []))
        counted[limit.code] = (count + limit.count, [*examples, *limit.examples])
    return [{"code": code, "count": count, "examples": examples} for code, (count, examples) in counted.items()]


def _environment(report: DriftReport) -> dict[str, object]:
    environment, target = report.environment, report.target
    return {
        "subject": subject_table(report.subject),
        "prefix": environment.prefix,
        "python": environment.python_text,
        "machine": environment.machine,
        "libc": str(environment.libc) if environment.libc is not None else None,
        "lock": report.lock,
        "lock_sha256": report.lock_sha256 or None,
        "image": image_id(report.subject) or None,
        "base_image": _base_image(report),
        "advice": advice(report) or None,
        "target": {
            "python": target.python_text,
            "platform": str(target.platform),
            "libc": str(target.libc) if target.libc is not None else None,
        },
        "levels": {result.level: _level(report, result) for result in report.levels},
        "coverage": _coverage(report),
        "told": _remarks(report.remarks),
        "unprovable": _remarks(report.unprovable),
        "problems": [{"path": problem.path, "reason": problem.reason} for problem in report.problems],
    }


def _group(group: DriftGroup, report: DriftReport) -> dict[str, object]:
    """Return the object for a *group*: its members, an example of each, how to fix it and how to accept it."""
    first, last = group.times or (None, None)
    return {
        "kind": group.kind,
        "count": len(group.drifts),
        "origin": redact(group.origin) if group.origin is not None else None,
        "folder": group.folder or None,
        "first": first,
        "last": last,
        "members": [
            {"name": member.name, "count": len(member.drifts), "example": member.drifts[0].path}
            for member in group.members
        ],
        "fix": group.fix,
        "rule": rule_of(group),
        "environment": report.environment.prefix,
    }


def _base_image(report: DriftReport) -> dict[str, object]:
    base = report.base_image
    return {"same": base.same, "reference": base.reference, "reason": base.reason or None}


def _level(report: DriftReport, result: LevelResult) -> dict[str, int]:
    counts = {"matched": result.matched, "total": result.total}
    if result.level != "artifacts":
        return counts
    recorded = {"recorded": len(report.recorded)} if report.recorded else {}
    return {**counts, "verified": len(report.verified), **recorded}


def _coverage(report: DriftReport) -> dict[str, object] | None:
    """Return how the files under the import path are accounted for, None if they were not checked."""
    survey = report.files
    if survey is None:
        return None
    return {
        "files": survey.total,
        "accounted": survey.as_owned,
        "by": report.coverage,
        "unproven": [{"path": path, "reason": reason} for path, reason in survey.unproven],
        "application": list(survey.application),
        "remarks": list(survey.remarks),
    }


def drift_table(drift: Drift, report: DriftReport) -> dict[str, str | None]:
    """Return the object for a *drift* in *report*."""
    return {
        "kind": drift.kind,
        "name": drift.name,
        "locked": drift.locked,
        "found": drift.found,
        "path": drift.path,
        "detail": redact(drift.detail),
        "fix": drift.fix,
        "origin": redact(drift.origin) if drift.origin is not None else None,
        "time": drift.time,
        **({"record": drift.record} if drift.record is not None else {}),
        "environment": report.environment.prefix,
        **({"service": service} if (service := report.subject.details.get("service")) else {}),
    }


def _remarks(remarks: Sequence[Remark]) -> list[dict[str, str]]:
    return [{"name": each.subject, "version": each.version, "text": redact(each.text)} for each in remarks]
