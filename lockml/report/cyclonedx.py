"""Format drift reports, or an inventory, as a CycloneDX 1.6 bill of materials: installed packages and their proof.

ECMA-424. The evidence of each component says where it was found and how far its identity is proven; hashes are those of
the locked wheel whose RECORD is installed, never of anything else. The caller gives the time and there is no serial
number, so the same subject gives the same bytes at the same time.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal
from urllib.parse import quote

from msgspec import Struct
from packaging.utils import NormalizedName

from lockml import __version__
from lockml.common.display import escape, redact
from lockml.drift.model import DriftReport, MatchedWheel
from lockml.inventory.model import InstalledDistribution, Inventory, PythonEnvironment, Subject
from lockml.report.inventory.dependencies import needed_by
from lockml.report.inventory.licenses import licenses_of
from lockml.report.words import project_of

__all__ = ["format_bill", "format_cyclonedx"]

_SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_Proof = Literal["verified", "recorded", "matched", "none"]
_Needs = tuple[str, list[str]]  # a component and its dependencies
_CONFIDENCE: Final[dict[_Proof, float]] = {"verified": 1, "recorded": 0.9, "matched": 0.9, "none": 0.5}
_SUBJECTS: Final = {"container": "container", "image": "container", "registry": "container", "archive": "container"}
_ALGORITHMS: Final = {"sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_ADDRESS: Final = re.compile(r"https?://[!#-;=?-\[\]_a-z~]{1,2000}")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+")
_LABELS: Final = {  # PEP 753
    "homepage": "website",
    "source": "vcs",
    "repository": "vcs",
    "sourcecode": "vcs",
    "github": "vcs",
    "download": "distribution",
    "changelog": "release-notes",
    "changes": "release-notes",
    "releasenotes": "release-notes",
    "whatsnew": "release-notes",
    "history": "release-notes",
    "documentation": "documentation",
    "docs": "documentation",
    "issues": "issue-tracker",
    "bugs": "issue-tracker",
    "issue": "issue-tracker",
    "tracker": "issue-tracker",
    "issuetracker": "issue-tracker",
    "bugtracker": "issue-tracker",
}


class _Facts(Struct, frozen=True, kw_only=True):
    """Facts about a distribution that do not come from the distribution itself."""

    proof: _Proof = "none"
    wheel: MatchedWheel | None = None
    drifts: tuple[str, ...] = ()


def format_cyclonedx(reports: Sequence[DriftReport], *, time: str | None = None) -> str:
    """Return the bill of materials of one subject, made at *time*, in ISO 8601 with its zone."""
    first = reports[0]
    subject = project_of(reports) or first.subject
    described = reports[:1] if subject is first.subject else reports
    properties = [each for report in described for each in _subject_properties(report)]
    components = [each for report in reports for each in _components(report)]
    graphs = [each for report in reports for each in _dependencies(report.environment_key, report.environment)]
    return _document(subject, properties, components, graphs, time)


def format_bill(inventory: Inventory, *, time: str | None = None) -> str:
    """Return the bill of materials of an *inventory*, made at *time*: nothing in it is proven."""
    environment, subject = inventory.environment, inventory.subject
    complete = {"name": "lockml:complete", "value": "false" if inventory.problems else "true"}
    components = [
        _component(environment.prefix, number, each, _Facts(), subject)
        for number, each in enumerate(environment.distributions)
    ]
    graph = list(_dependencies(environment.prefix, environment))
    return _document(subject, [complete, *_details(subject)], components, graph, time)


def _document(
    subject: Subject,
    properties: list[dict[str, str]],
    components: list[dict[str, object]],
    graphs: list[_Needs],
    time: str | None,
) -> str:
    document: dict[str, object] = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            **({"timestamp": time} if time is not None else {}),
            "tools": {"components": [{"type": "application", "name": "lockml", "version": __version__}]},
            "component": {
                "type": _SUBJECTS.get(subject.kind, "application"),
                "bom-ref": "subject",
                "name": escape(subject.name),
                "properties": properties,
            },
        },
        "components": components,
    }
    if graphs:
        needs = ({"ref": ref, "dependsOn": refs} for ref, refs in graphs)
        document["dependencies"] = [_of_subject(graphs), *needs]
    return json.dumps(document, indent=2) + "\n"


def _of_subject(graphs: Sequence[_Needs]) -> dict[str, object]:
    """Return the direct dependencies of the subject: what nothing else in it needs, and one of each cycle."""
    needs = dict(graphs)
    needed = {ref for refs in needs.values() for ref in refs}
    found: list[str] = []
    reached: set[str] = set()
    for ref in (*(ref for ref in needs if ref not in needed), *needs):
        if ref not in reached:
            found.append(ref)
            waiting = [ref]
            while waiting:
                here = waiting.pop()
                if here not in reached:
                    reached.add(here)
                    waiting += needs[here]
    return {"ref": "subject", "dependsOn": found}


def _dependencies(key: str, environment: PythonEnvironment) -> Iterator[_Needs]:
    """Yield the dependencies of each distribution, nothing if their requirements were not read."""
    distributions = environment.distributions
    if not any(each.described is not None for each in distributions):
        return
    refs: dict[NormalizedName, str] = {}
    for number, each in enumerate(distributions):
        refs.setdefault(each.name, _reference(key, number, each))
    needed = needed_by(environment)
    for number, each in enumerate(distributions):
        ref = _reference(key, number, each)
        used = refs[each.name] == ref  # a hidden copy is not imported
        yield ref, [refs[name] for name in needed[each.name]] if used else []


def _subject_properties(report: DriftReport) -> Iterator[dict[str, str]]:
    yield from _service(report.subject)
    yield {"name": "lockml:level", "value": report.level}
    yield {"name": "lockml:complete", "value": "true" if report.complete else "false"}
    if report.lock_sha256:
        yield {"name": "lockml:lock-sha256", "value": report.lock_sha256}
    for limit in report.limits:
        yield {"name": f"lockml:limit:{limit.code}", "value": str(limit.count)}
    yield from _details(report.subject)


def _details(subject: Subject) -> Iterator[dict[str, str]]:
    for name, value in sorted(subject.details.items()):
        if name != "service":
            yield {"name": f"lockml:{name}", "value": escape(value)}


def _components(report: DriftReport) -> Iterator[dict[str, object]]:
    for number, distribution in enumerate(report.environment.distributions):
        proof: _Proof = "matched" if distribution.name in report.proven else "none"
        proof = "recorded" if distribution.name in report.recorded else proof
        proof = "verified" if distribution.name in report.verified else proof
        drifts = [drift for drift in report.drifts if drift.path is not None and drift.name == distribution.name]
        kinds = tuple(sorted({drift.kind for drift in drifts}))
        wheel = report.wheels.get(distribution.name) if proof != "none" and not kinds else None
        facts = _Facts(proof=proof, wheel=wheel, drifts=kinds)
        yield _component(report.environment_key, number, distribution, facts, report.subject)


def _component(
    key: str, number: int, distribution: InstalledDistribution, facts: _Facts, subject: Subject
) -> dict[str, object]:
    described, proof = distribution.described, facts.proof
    licenses = licenses_of(described) if described is not None else []
    hashes = list(_hashes(facts.wheel))
    references = list(_references(distribution, facts.wheel))
    return {
        "type": "library",
        "bom-ref": _reference(key, number, distribution),
        "name": escape(distribution.name),
        "version": escape(distribution.version),
        **({"hashes": hashes} if hashes else {}),
        **({"licenses": licenses} if licenses else {}),
        "purl": _purl(distribution) + _qualifiers(distribution, facts.wheel),
        **({"externalReferences": references} if references else {}),
        "evidence": {
            "identity": [{"field": "purl", "confidence": _CONFIDENCE[proof], "methods": [_method(proof)]}],
            "occurrences": [{"location": escape(distribution.folder)}],
        },
        "properties": [*_service(subject), *_properties(distribution, proof, facts.drifts)],
    }


def _reference(key: str, number: int, distribution: InstalledDistribution) -> str:
    return escape(f"{key}#{number}:{_purl(distribution)}")


def _purl(distribution: InstalledDistribution) -> str:
    return f"pkg:pypi/{quote(distribution.name)}@{quote(distribution.version)}"


def _qualifiers(distribution: InstalledDistribution, wheel: MatchedWheel | None) -> str:
    """Return what is known about the installed file itself, or about its source."""
    source = distribution.source
    if wheel is not None:
        return f"?file_name={quote(wheel.filename)}"
    if source is None or source.editable or not _ADDRESS.fullmatch(source.url.removeprefix("git+")):
        return ""
    url = redact(source.url)
    if source.commit:
        return f"?vcs_url={quote(f'git+{url}@{source.commit}', safe='')}"
    return f"?download_url={quote(url, safe='')}"


def _hashes(wheel: MatchedWheel | None) -> Iterator[dict[str, str]]:
    for algorithm, digest in sorted(wheel.hashes.items()) if wheel is not None else ():
        if algorithm in _ALGORITHMS and _HEXADECIMAL.fullmatch(digest):
            yield {"alg": _ALGORITHMS[algorithm], "content": digest}


def _references(distribution: InstalledDistribution, wheel: MatchedWheel | None) -> Iterator[dict[str, object]]:
    """Yield the source of the file according to the lock, and the URLs that the project states (PEP 753)."""
    seen: set[tuple[str, str]] = set()
    if wheel is not None and wheel.url and _ADDRESS.fullmatch(wheel.url):
        hashes = list(_hashes(wheel))
        yield {"type": "distribution", "url": redact(wheel.url), **({"hashes": hashes} if hashes else {})}
    for label, url in distribution.described.urls if distribution.described is not None else ():
        kind = _LABELS.get(re.sub("[^a-z]", "", label.lower()), "other")
        if (kind, url) not in seen and _ADDRESS.fullmatch(url):
            seen.add((kind, url))
            comment = {} if kind != "other" else {"comment": escape(label)[:100]}
            yield {"type": kind, "url": redact(url), **comment}


def _service(subject: Subject) -> Iterator[dict[str, str]]:
    service = subject.details.get("service")
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
