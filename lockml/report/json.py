"""A `DriftReport` in, a JSON document out; docs/check-report.schema.json describes it.

The schema's number changes only when a reader of the old one would be misled; new keys may appear at any time.
"""

import json
from collections.abc import Sequence

from lockml.display import redact
from lockml.drift.model import Drift, DriftReport, Remark

__all__ = ["SCHEMA", "format_json"]

SCHEMA = "lockml/check/1"


def format_json(report: DriftReport) -> str:
    """Return the document, two spaces deep, in ASCII so that no foreign text can forge a line of a terminal."""
    environment = report.environment
    document = {
        "schema": SCHEMA,
        "lock": report.lock,
        "target": {
            "python": report.target.python_text,
            "platform": str(report.target.platform),
            "libc": str(report.target.libc) if report.target.libc is not None else None,
        },
        "subject": {
            "kind": report.subject.kind,
            "name": report.subject.name,
            "details": dict(report.subject.details),
        },
        "environment": {
            "prefix": environment.prefix,
            "python": environment.python,
            "machine": environment.machine,
            "libc": str(environment.libc) if environment.libc is not None else None,
            "others": list(report.others),
        },
        "level": report.level,
        "levels": {result.level: {"matched": result.matched, "total": result.total} for result in report.levels},
        "coverage": _coverage(report),
        "complete": report.complete,
        "counts": {
            "locked": report.levels[0].total,
            "installed": len(environment.distributions),
            "drifts": len(report.drifts),
            "kinds": report.kinds,
        },
        "drifts": [_drift(drift) for drift in report.drifts],
        "told": _remarks(report.told),
        "unprovable": _remarks(report.unprovable),
        "problems": [{"path": problem.path, "reason": problem.reason} for problem in report.problems],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _coverage(report: DriftReport) -> dict[str, object] | None:
    """Return how the files under the import path are accounted for, None where nobody asked for them."""
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


def _drift(drift: Drift) -> dict[str, str | None]:
    return {
        "kind": drift.kind,
        "name": drift.name,
        "locked": drift.locked,
        "found": drift.found,
        "path": drift.path,
        "detail": redact(drift.detail),
        "origin": redact(drift.origin) if drift.origin is not None else None,
        "fix": drift.fix,
    }


def _remarks(remarks: Sequence[Remark]) -> list[dict[str, str]]:
    return [{"name": remark.name, "version": remark.version, "text": redact(remark.text)} for remark in remarks]
