"""The OpenAPI 3.1 description of the API, built from the types of the store and the paths of `api.py`."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lockml import __version__
from lockml.audit.model import FINDING_KINDS, SEVERITIES, STATES
from lockml.audit.serialize import RunDocument
from lockml.audit.web.triage.listing import AGES, ORDERS, SHOWN

__all__ = ["document"]

_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Final = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Final = {"type": "integer"}
_SEVERITY: Final = {"type": "string", "enum": ["", *SEVERITIES]}


def document() -> dict[str, Any]:
    """Return the description."""
    (_,), schemas = msgspec.json.schema_components([RunDocument], ref_template="#/components/schemas/{name}")
    run = _object(_run_properties())
    schemas |= {
        "Error": _object({"error": _TEXT}),
        "Run": run,
        "FoundRun": {"allOf": [_ref("Run"), _ref("RunDocument")]},
        "OpenFinding": _object(_finding_properties()),
        "Target": _object(_target_properties()),
        "TargetWithFindings": _object(
            {**_target_properties(), "findings": _list("OpenFinding"), "findings_total": _NUMBER}
        ),
        "Summary": _object({"targets": _NUMBER, "states": {"type": "object", "additionalProperties": _NUMBER}}),
        "Runs": _object({"runs": _list("Run")}),
        "Targets": _object({"targets": _list("Target")}),
        "Findings": _object({"findings": _list("OpenFinding")}),
        "Group": _object(_group_properties()),
        "Groups": _object({"groups": _list("Group"), "total": _NUMBER, "findings": _NUMBER}),
        "Acknowledgement": _object(_acknowledgement_properties()),
        "Acknowledgements": _object({"acknowledgements": _list("Acknowledgement")}),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lockml audit",
            "version": __version__,
            "description": "Targets, runs and findings of an audit.",
        },
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _paths() -> dict[str, Any]:
    words, limit = (
        _query("q", "words in names and labels"),
        _query("limit", "the maximum number of results", _range(1000)),
    )
    before = _query("before", "only runs older than this one", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1})
    name, run = _path("name", _TEXT), _path("run", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1})
    state = _query("state", "the state of the target", {"type": "string", "enum": ["", *STATES, "waiting"]})
    label = _query("label", "KEY=VALUE")
    every = _query("all", "include resolved findings", _enum("true", "false"))
    kind, severity = _query("kind", "a kind", _enum("", *FINDING_KINDS)), _query("severity", "a severity", _SEVERITY)
    package, target = _query("package", "a package, or a folder that ends in a slash"), _query("target", "a target")
    return {
        "/api/summary": _get("Count targets by state", "Summary"),
        "/api/targets": _get("List the targets", "Targets", words, state, label),
        "/api/targets/{name}": _get("Show a target", "TargetWithFindings", name),
        "/api/targets/{name}/runs": _get("List the runs of a target", "Runs", name, limit, before),
        "/api/runs": _get("List runs", "Runs", limit, before),
        "/api/runs/{run}": _get("Show a run", "FoundRun", run),
        "/api/findings": _get(
            "List findings",
            "Findings",
            _query("name", "part of a name"),
            *(package, target, kind, severity, every, limit),
            {**before, "description": "only findings older than the one with this id"},
        ),
        "/api/groups": _get(
            "List open findings by kind, package and version",
            "Groups",
            _query("q", "words in package and versions"),
            *(package, target, kind, severity),
            _query("version", "a locked or found version"),
            _query("age", "how long the finding has been open", _enum("", *AGES)),
            _query("show", "findings that count, acknowledged ones, or all", _enum(*SHOWN)),
            _query("sort", "the order", _enum(*ORDERS)),
            *(limit, _query("page", "the page, from 1", _range(1_000_000))),
        ),
        "/api/acknowledgements": _get("List acknowledgements, ended ones included", "Acknowledgements", limit, before),
    }


def _get(summary: str, answer: str, *parameters: Mapping[str, Any]) -> dict[str, Any]:
    errors = {"400": "a parameter is invalid", "401": "a token is required", "404": "not found"}
    errors |= {"429": "too many wrong tokens", "503": "the store does not respond"}
    refusals = {code: {"description": text, "content": _content("Error")} for code, text in errors.items()}
    answers = {"200": {"description": "OK", "content": _content(answer)}, **refusals}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": answers}}


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _enum(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _range(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most}


def _query(name: str, text: str, schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema or {"type": "string", "maxLength": 500}}


def _path(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _run_properties() -> dict[str, Any]:
    texts = dict.fromkeys(("target", "trigger", "host", "level", "subject"), _TEXT)
    numbers = dict.fromkeys(("id", "errors", "warnings", "notes", "opened", "resolved"), _NUMBER)
    moments = dict.fromkeys(("tick", "started", "finished", "since"), _MOMENT)
    kinds = {"type": "object", "additionalProperties": _NUMBER}
    rest = {"seconds": {"type": "number"}, "state": {"enum": list(STATES)}, "kinds": kinds}
    return {**texts, **numbers, **moments, **rest, "image": _MAYBE, "error": _MAYBE}


def _finding_properties() -> dict[str, Any]:
    texts = dict.fromkeys(("target", "name", "detail", "fix", "environment"), _TEXT)
    maybe = dict.fromkeys(("locked", "found", "path", "origin"), _MAYBE)
    closed = {"kind": {"enum": list(FINDING_KINDS)}, "severity": {"enum": list(SEVERITIES)}}
    maybe_number = {"type": ["integer", "null"]}
    runs = {"id": _NUMBER, "opened_by": _NUMBER, "resolved_by": maybe_number, "acknowledged": maybe_number}
    return {**texts, **maybe, **closed, **runs, "opened": _MOMENT, "resolved": _MAYBE_MOMENT}


def _group_properties() -> dict[str, Any]:
    texts = dict.fromkeys(("package", "fix"), _TEXT)
    closed = {"kind": {"enum": list(FINDING_KINDS)}, "severity": {"enum": list(SEVERITIES)}}
    numbers = dict.fromkeys(("count", "targets"), _NUMBER)
    return {**texts, **closed, **numbers, "locked": _MAYBE, "found": _MAYBE, "oldest": _MOMENT, "newest": _MOMENT}


def _acknowledgement_properties() -> dict[str, Any]:
    texts = dict.fromkeys(("kind", "package", "reason"), _TEXT)
    maybe = dict.fromkeys(("target", "locked", "found"), _MAYBE)
    moments = {"created": _MOMENT, "until": _MOMENT, "undone": _MAYBE_MOMENT}
    return {**texts, **maybe, **moments, "id": _NUMBER, "count": _NUMBER, "holds": {"type": "boolean"}}


def _target_properties() -> dict[str, Any]:
    texts = dict.fromkeys(("name", "subject", "lock", "level", "schedule"), _TEXT)
    maybe = dict.fromkeys(("rule", "host"), _MAYBE)
    labels = {"type": "object", "additionalProperties": _TEXT}
    moments = {"seen": _MOMENT, **dict.fromkeys(("gone", "added", "since", "next", "overdue", "asked"), _MAYBE_MOMENT)}
    run = {"oneOf": [_ref("Run"), {"type": "null"}]}
    return {**texts, **maybe, **moments, "labels": labels, "state": {"enum": [*STATES, "waiting"]}, "run": run}
