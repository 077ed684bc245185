"""Format drift reports as a SARIF 2.1.0 log: each drift points at the line of the lock that it departs from.

OASIS, Static Analysis Results Interchange Format 2.1.0. Accepted drifts are results with a suppression.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args
from urllib.parse import quote

from packaging.utils import canonicalize_name

from lockml import __version__
from lockml.common.display import escape, redact
from lockml.drift.model import Drift, DriftKind, DriftReport
from lockml.drift.policy import fingerprint
from lockml.report.words import limit_lines, states, where_from

__all__ = ["KIND_TEXTS", "format_sarif"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
KIND_TEXTS: Final[dict[DriftKind, str]] = {
    "base-image": "The image is not built on the base image that was locked for.",
    "python": "Another Python runs than was locked for.",
    "platform": "The platform is another than was locked for.",
    "missing": "A locked package is not installed.",
    "unexpected": "A package is installed that is not locked.",
    "version": "Another version is installed than was locked.",
    "artifact": "The locked version is installed, from other bytes than the locked wheels.",
    "source": "A package is installed from elsewhere than it was locked from.",
    "duplicate": "A package is installed twice in one folder.",
    "shadowed": "Something earlier on the import path hides a locked package.",
    "modified": "A file has other bytes than its package says.",
    "removed-file": "A file of a package is not there.",
    "unattributed-file": "Nothing that is installed accounts for a file on the import path.",
    "bytecode": "A compiled module does not stand for its source.",
    "environment": "A variable or a file beside the program changes what Python loads.",
    "lock-label": "The image says that it was built from another lock, and its packages differ.",
}


def format_sarif(reports: Sequence[DriftReport], lines: Mapping[str, Mapping[str, int]]) -> str:
    """Return the log on one subject; *lines* tells for each lock in which line each project stands."""
    results = [_result(drift, report, lines, None) for report in reports for drift in report.drifts]
    results += [_result(a.drift, report, lines, a.reason) for report in reports for a in report.accepted]
    run = {
        "tool": {"driver": {"name": "lockml", "version": __version__, "rules": list(_rules())}},
        "invocations": [
            {
                "executionSuccessful": all(report.complete for report in reports),
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": escape(f"{problem.path}: {problem.reason}")}}
                    for report in reports
                    for problem in report.problems
                ]
                + [
                    {
                        "level": "error" if limit.code in report.strict else "note",
                        "message": {"text": escape(f"not proven: {line}")},
                        "descriptor": {"id": limit.code},
                    }
                    for report in reports
                    for limit, line in zip(report.limits, limit_lines(report), strict=True)
                ],
            }
        ],
        "results": results,
        **_locks(reports),
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _locks(reports: Sequence[DriftReport]) -> dict[str, object]:
    """Return the locks that were checked against, with their hashes (3.24)."""
    hashes = {report.lock: report.lock_sha256 for report in reports if report.lock_sha256}
    locks = [{"location": {"uri": _uri(lock)}, "hashes": {"sha-256": sha256}} for lock, sha256 in hashes.items()]
    return {"artifacts": locks} if locks else {}


def _rules() -> Iterator[dict[str, object]]:
    for kind in get_args(DriftKind):
        yield {"id": kind, "shortDescription": {"text": KIND_TEXTS[kind]}}


def _result(
    drift: Drift, report: DriftReport, lines: Mapping[str, Mapping[str, int]], reason: str | None
) -> dict[str, object]:
    line = lines.get(report.lock, {}).get(canonicalize_name(drift.name), 1)
    where = [each for each in (drift.path, where_from(drift)) if each]
    subject = f"{report.subject} ({', '.join(where)})" if where else str(report.subject)
    text = f"{drift.name}: {states(drift)}; {redact(drift.detail)}. In {subject}. Fix: {drift.fix}"
    location = f"{report.subject}{drift.path or report.environment.prefix}"
    result: dict[str, object] = {
        "ruleId": drift.kind,
        "ruleIndex": get_args(DriftKind).index(drift.kind),
        "level": "error",
        "message": {"text": escape(text)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(report.lock)},
                    "region": {"startLine": line},
                },
                "logicalLocations": [{"fullyQualifiedName": escape(location), "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"lockml/1": _fingerprint(drift, report)},
    }
    if reason is not None:
        result["suppressions"] = [{"kind": "external", "justification": escape(reason)}]
    return result


def _uri(lock: str) -> str:
    return quote("pylock.toml" if lock == "-" else lock)


def _fingerprint(drift: Drift, report: DriftReport) -> str:
    parts = (str(report.subject), *fingerprint(drift, report.environment_key))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
