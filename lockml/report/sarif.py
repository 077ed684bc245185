"""Format drift reports as a SARIF 2.1.0 log: each drift points at the line of the lock that it violates.

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
from lockml.common.settings import setting
from lockml.drift.model import Drift, DriftKind, DriftReport
from lockml.drift.policy import fingerprint
from lockml.report.words import facts, limit_lines, states, where_from

__all__ = ["HELP", "KIND_TEXTS", "WARNINGS", "format_sarif"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
KIND_TEXTS: Final[dict[DriftKind, str]] = {
    "base-image": "The image is not built on the locked base image.",
    "python": "Python is not the one that the lock is for.",
    "platform": "The platform is not the one that the lock is for.",
    "missing": "A locked package is not installed.",
    "unexpected": "An installed package is not locked.",
    "version": "The installed version is not the locked one.",
    "artifact": "The locked version is installed, but not from a locked wheel.",
    "source": "A package is installed from a source that is not the locked one.",
    "duplicate": "A package is installed twice in the same folder.",
    "shadowed": "Something earlier on the import path hides a locked package.",
    "modified": "The content of a file is not what its package lists.",
    "removed-file": "A file of a package is missing.",
    "unattributed-file": "A file on the import path belongs to nothing that is installed.",
    "bytecode": "A compiled module does not match its source.",
    "environment": "An environment variable or a configuration file changes what Python loads.",
    "lock-label": "The image's label names another lock, and its packages differ.",
    "accelerator": "A package is not built for this driver, GPU or image, or does not fit another installed package.",
}

WARNINGS: Final = frozenset({"unexpected", "duplicate", "base-image", "lock-label"})
"""The kinds that may leave locked packages intact."""

_SHOWN: Final = 5_000  # results of a run that GitHub displays
HELP: Final[dict[DriftKind, str]] = {
    "base-image": "Build on the locked base image, by digest, or compile for the new one.",
    "python": "Use the locked Python, or compile for this one: it needs other wheels.",
    "platform": "Use the locked platform, or compile for this one: it needs other wheels.",
    "missing": "Install the locked requirements.txt. Code that imports the package fails or takes another path.",
    "unexpected": "Remove the package, or add it to the inputs and compile again.",
    "version": "Install the locked requirements.txt: another version behaves differently.",
    "artifact": "Install the locked requirements.txt with its hashes. Another build, an edited RECORD or another "
    "file of the same name is installed.",
    "source": "Install from the locked source: the same name and version from elsewhere say nothing about the bytes.",
    "duplicate": "Remove both copies and install one: which of them Python uses depends on the file system.",
    "shadowed": "Rename or remove whatever hides the package: Python imports it instead.",
    "modified": "Reinstall the package, and find out who changed the file.",
    "removed-file": "Reinstall the package.",
    "unattributed-file": "Remove the file or move it: Python can import it from here.",
    "bytecode": "Remove the compiled module: Python runs it instead of the source beside it.",
    "environment": "Start Python without it: it changes what Python loads, regardless of what is installed.",
    "lock-label": "Build the image from this lock.",
    "accelerator": "Lock builds for the CUDA version and driver that run them; docs/accelerators.md has the rules.",
}


def format_sarif(reports: Sequence[DriftReport], lines: Mapping[str, Mapping[str, int]], *, full: bool = False) -> str:
    """Return the log for one subject; *lines* maps each lock to the line number of each project.

    Without *full*, it has at most as many results as GitHub displays, and says how many there are.
    """
    results = [_result(drift, report, lines, None) for report in reports for drift in report.drifts]
    results += [_result(a.drift, report, lines, a.reason) for report in reports for a in report.accepted]
    shown = results if full else results[:_SHOWN]
    notices = [*(each for report in reports for each in _notices(report)), *_left_out(len(results) - len(shown))]
    invocation: dict[str, object] = {
        "executionSuccessful": all(report.complete for report in reports),
        "toolExecutionNotifications": notices,
    }
    if reports[0].started:
        invocation |= {"startTimeUtc": reports[0].started, "endTimeUtc": reports[0].ended}
    driver = {"name": "lockml", "version": __version__, "semanticVersion": __version__, "rules": list(_rules())}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": escape(f"lockml/{reports[0].subject.kind}/{reports[0].subject.name}/")},
        "invocations": [invocation],
        "results": shown,
        "properties": {"facts": [dict(facts(report)) for report in reports]},
        **_locks(reports),
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _notices(report: DriftReport) -> Iterator[dict[str, object]]:
    """Yield what could not be read, and the limits of the check (3.58)."""
    for problem in report.problems:
        yield {"level": "error", "message": {"text": escape(f"{problem.path}: {problem.reason}")}}
    for limit, line in zip(report.limits, limit_lines(report), strict=True):
        yield {
            "level": "error" if limit.code in report.strict else "note",
            "message": {"text": escape(f"not proven: {line}")},
            "descriptor": {"id": limit.code},
        }


def _left_out(count: int) -> Iterator[dict[str, object]]:
    if count > 0:
        results = "result is" if count == 1 else "results are"
        text = f"{count} more {results} omitted: {setting('full')} includes all"
        yield {"level": "warning", "message": {"text": text}}


def _locks(reports: Sequence[DriftReport]) -> dict[str, object]:
    """Return the locks that the subjects were checked against, with their hashes (3.24)."""
    hashes = {report.lock: report.lock_sha256 for report in reports if report.lock_sha256}
    locks = [{"location": {"uri": _uri(lock)}, "hashes": {"sha-256": sha256}} for lock, sha256 in hashes.items()]
    return {"artifacts": locks} if locks else {}


def _rules() -> Iterator[dict[str, object]]:
    """Yield a rule for each kind, with everything that GitHub displays about it."""
    for kind in get_args(DriftKind):
        help_text = f"{KIND_TEXTS[kind]} {HELP[kind]}"
        yield {
            "id": kind,
            "name": "".join(word.capitalize() for word in kind.split("-")),
            "shortDescription": {"text": KIND_TEXTS[kind]},
            "fullDescription": {"text": help_text},
            "help": {"text": help_text, "markdown": f"**{KIND_TEXTS[kind]}**\n\n{HELP[kind]}"},
            "defaultConfiguration": {"level": _level(kind)},
            "properties": {
                "tags": ["supply-chain", "reproducibility"],
                "precision": "very-high",
                "problem.severity": _level(kind),
            },
        }


def _level(kind: DriftKind) -> str:
    return "warning" if kind in WARNINGS else "error"


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
        "level": _level(drift.kind),
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
    if lock.startswith("/"):
        return f"file://{quote(lock)}"
    return quote("pylock.toml" if lock == "-" else lock.removeprefix("./"))


def _fingerprint(drift: Drift, report: DriftReport) -> str:
    parts = (str(report.subject), *fingerprint(drift, report.environment_key))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
