"""Format drift reports as a CycloneDX 1.6 bill of materials: what is installed, and what proves it.

ECMA-424. Each component says in its evidence where it was found and how far its identity was proven; it has no serial
number and no time, so that the same subject gives the same bytes.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final, Literal
from urllib.parse import quote

from lockml import __version__
from lockml.common.display import escape
from lockml.drift.model import DriftReport
from lockml.inventory.model import InstalledDistribution
from lockml.report.words import project_of

__all__ = ["format_cyclonedx"]

_SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_Proof = Literal["verified", "recorded", "matched", "none"]
_CONFIDENCE: Final[dict[_Proof, float]] = {"verified": 1, "recorded": 0.9, "matched": 0.9, "none": 0.5}
_SUBJECTS: Final = {"container": "container", "image": "container", "registry": "container", "archive": "container"}


def format_cyclonedx(reports: Sequence[DriftReport]) -> str:
    """Return the bill of materials of one subject."""
    first = reports[0]
    subject = project_of(reports) or first.subject
    described = reports[:1] if subject is first.subject else reports
    document = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "lockml", "version": __version__}]},
            "component": {
                "type": _SUBJECTS.get(subject.kind, "application"),
                "bom-ref": "subject",
                "name": escape(subject.name),
                "properties": [each for report in described for each in _subject_properties(report)],
            },
        },
        "components": [each for report in reports for each in _components(report)],
    }
    return json.dumps(document, indent=2) + "\n"


def _subject_properties(report: DriftReport) -> Iterator[dict[str, str]]:
    yield from _service(report)
    yield {"name": "lockml:level", "value": report.level}
    yield {"name": "lockml:complete", "value": "true" if report.complete else "false"}
    if report.lock_sha256:
        yield {"name": "lockml:lock-sha256", "value": report.lock_sha256}
    for limit in report.limits:
        yield {"name": f"lockml:limit:{limit.code}", "value": str(limit.count)}
    for name, value in sorted(report.subject.details.items()):
        if name == "service":
            continue
        yield {"name": f"lockml:{name}", "value": escape(value)}


def _components(report: DriftReport) -> Iterator[dict[str, object]]:
    for number, distribution in enumerate(report.environment.distributions):
        proof: _Proof = "matched" if distribution.name in report.proven else "none"
        proof = "recorded" if distribution.name in report.recorded else proof
        proof = "verified" if distribution.name in report.verified else proof
        drifts = [drift for drift in report.drifts if drift.path is not None and drift.name == distribution.name]
        kinds = sorted({drift.kind for drift in drifts})
        name, version = escape(distribution.name), escape(distribution.version)
        purl = f"pkg:pypi/{quote(distribution.name)}@{quote(distribution.version)}"
        yield {
            "type": "library",
            "bom-ref": f"{report.environment_key}#{number}:{purl}",
            "name": name,
            "version": version,
            "purl": purl,
            "evidence": {
                "identity": [{"field": "purl", "confidence": _CONFIDENCE[proof], "methods": [_method(proof)]}],
                "occurrences": [{"location": escape(distribution.folder)}],
            },
            "properties": [*_service(report), *_properties(distribution, proof, kinds)],
        }


def _service(report: DriftReport) -> Iterator[dict[str, str]]:
    service = report.subject.details.get("service")
    if service:
        yield {"name": "lockml:service", "value": escape(service)}


def _method(proof: _Proof) -> dict[str, object]:
    value = "METADATA" if proof == "none" else "RECORD is that of a locked wheel"
    value = "RECORD is that of a recorded build" if proof == "recorded" else value
    technique = "manifest-analysis" if proof == "none" else "hash-comparison"
    return {"technique": technique, "confidence": _CONFIDENCE[proof], "value": value}


def _properties(distribution: InstalledDistribution, proof: _Proof, kinds: Sequence[str]) -> Iterator[dict[str, str]]:
    yield {"name": "lockml:record", "value": proof}
    if distribution.installer is not None:
        yield {"name": "lockml:installer", "value": escape(distribution.installer)}
    if distribution.owner is not None:
        yield {"name": "lockml:owner", "value": escape(distribution.owner)}
    for kind in kinds:
        yield {"name": "lockml:drift", "value": kind}
