"""The description of the API (OpenAPI 3.1): made of the types that the store gives, and of the paths of `api.py`."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lockml import __version__
from lockml.audit.model import FINDING_KINDS, SEVERITIES, STATES
from lockml.audit.serialize import RunDocument

__all__ = ["document"]

_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_MAYBE_MOMENT: Final = {"type": ["string", "null"], "format": "date-time"}
_NUMBER: Final = {"type": "integer"}


def document() -> dict[str, Any]:
    """Return the whole description."""
    (_,), schemas = msgspec.json.schema_components([RunDocument], ref_template="#/components/schemas/{name}")
    run = _object(_run_properties())
    schemas |= {
        "Error": _object({"error": _TEXT}),
        "Run": run,
        "FoundRun": {"allOf": [_ref("Run"), _ref("RunDocument")]},
        "OpenFinding": _object(_finding_properties()),
        "Target": _object(_target_properties()),
        "TargetWithFindings": _object({**_target_properties(), "findings": _list("OpenFinding")}),
        "Summary": _object({"targets": _NUMBER, "states": {"type": "object", "additionalProperties": _NUMBER}}),
        "Runs": _object({"runs": _list("Run")}),
        "Targets": _object({"targets": _list("Target")}),
        "Findings": _object({"findings": _list("OpenFinding")}),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "lockml audit", "version": __version__, "description": "What an audit remembers."},
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _paths() -> dict[str, Any]:
    words, limit = _query("q", "words in names and labels"), _query("limit", "how many at most", _range(1000))
    before = _query("before", "only runs older than that one", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1})
    name, run = _path("name", _TEXT), _path("run", {"type": "integer", "minimum": 0, "maximum": 2**63 - 1})
    state = _query("state", "how the last run ended", {"type": "string", "enum": ["", *STATES, "waiting"]})
    label = _query("label", "KEY=VALUE")
    every = _query("all", "also those that are resolved", {"type": "string", "enum": ["true", "false"]})
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
            _query("target", "a target"),
            every,
            limit,
            {**before, "description": "only findings older than the one of that number"},
        ),
    }


def _get(summary: str, answer: str, *parameters: Mapping[str, Any]) -> dict[str, Any]:
    errors = {"400": "a parameter is wrong", "401": "a token is needed", "404": "it is not there"}
    errors |= {"429": "too many wrong tokens", "503": "the store does not answer"}
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
    runs = {"id": _NUMBER, "opened_by": _NUMBER, "resolved_by": {"type": ["integer", "null"]}}
    return {**texts, **maybe, **closed, **runs, "opened": _MOMENT, "resolved": _MAYBE_MOMENT}


def _target_properties() -> dict[str, Any]:
    texts = dict.fromkeys(("name", "subject", "lock", "level", "schedule"), _TEXT)
    maybe = dict.fromkeys(("rule", "host"), _MAYBE)
    labels = {"type": "object", "additionalProperties": _TEXT}
    moments = {"seen": _MOMENT, "gone": _MAYBE_MOMENT, "added": _MAYBE_MOMENT, "since": _MAYBE_MOMENT}
    run = {"oneOf": [_ref("Run"), {"type": "null"}]}
    return {**texts, **maybe, **moments, "labels": labels, "state": {"enum": [*STATES, "waiting"]}, "run": run}
