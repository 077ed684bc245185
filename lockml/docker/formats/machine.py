"""Format findings as JSON, SARIF 2.1.0 or annotations of GitHub."""

import json
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from lockml import __version__
from lockml.common.display import escape, redact
from lockml.docker.model import Finding, Severity
from lockml.docker.rules.registry import RULES

__all__ = ["format_github", "format_json", "format_sarif"]

_SCHEMA: Final = "lockml/dockerfile-lint/1"
_SARIF: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_COMMANDS: Final[dict[Severity, str]] = {"error": "error", "warning": "warning", "note": "notice"}


def _text(text: str) -> str:
    return escape(redact(text))


def format_json(findings: Sequence[Finding], files: Sequence[str]) -> str:
    """Return a document of the schema ``lockml/dockerfile-lint/1``."""
    document = {"schema": _SCHEMA, "files": list(files), "findings": [_table(finding) for finding in findings]}
    return json.dumps(document, indent=2) + "\n"


def _table(finding: Finding) -> dict[str, object]:
    start, stop = finding.source.position(finding.start), finding.source.position(finding.stop)
    return {
        "file": finding.source.name,
        "line": start.line,
        "column": start.column,
        "end-line": stop.line,
        "end-column": stop.column,
        "code": finding.code,
        "name": RULES[finding.code].name,
        "severity": finding.severity,
        "message": _text(finding.message),
        "hint": _text(finding.hint),
        "fixable": bool(finding.fix),
    }


def format_sarif(findings: Sequence[Finding]) -> str:
    """Return one run; columns count code points."""
    rules = [
        {
            "id": rule.code,
            "name": rule.name,
            "shortDescription": {"text": rule.sentence},
            "defaultConfiguration": {"level": rule.severity},
        }
        for rule in RULES.values()
    ]
    run = {
        "tool": {"driver": {"name": "lockml", "version": __version__, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(finding: Finding) -> dict[str, object]:
    start, stop = finding.source.position(finding.start), finding.source.position(finding.stop)
    text = finding.message + (f". Fix: {finding.hint}" if finding.hint else "")
    return {
        "ruleId": finding.code,
        "ruleIndex": list(RULES).index(finding.code),
        "level": finding.severity,
        "message": {"text": _text(text)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.source.name, errors="replace")},
                    "region": {
                        "startLine": start.line,
                        "startColumn": start.column,
                        "endLine": stop.line,
                        "endColumn": stop.column,
                    },
                }
            }
        ],
    }


def format_github(findings: Sequence[Finding]) -> str:
    """Return one workflow command a line, which GitHub shows next to the change."""
    return "".join(f"{_command(finding)}\n" for finding in findings)


def _command(finding: Finding) -> str:
    start, stop = finding.source.position(finding.start), finding.source.position(finding.stop)
    properties = {
        "file": finding.source.name,
        "line": str(start.line),
        "endLine": str(stop.line),
        "title": f"{finding.code} {RULES[finding.code].name}",
    }
    if start.line == stop.line:
        properties |= {"col": str(start.column), "endColumn": str(stop.column)}
    stated = ",".join(f"{name}={_escaped(value, inside=True)}" for name, value in properties.items())
    hint = f" ({finding.hint})" if finding.hint else ""
    return f"::{_COMMANDS[finding.severity]} {stated}::{_escaped(finding.message + hint)}"


def _escaped(text: str, *, inside: bool = False) -> str:
    """Return *text* escaped so that it ends no command and, *inside* properties, no property."""
    text = _text(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return re.sub("[:,]", lambda match: f"%{ord(match[0]):02X}", text) if inside else text
