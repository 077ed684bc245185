"""Format a difference as a JSON document; docs/diff-report.schema.json describes it.

The schema number changes only when a reader of the old one would be misled; new keys may appear at any time.
"""

import json

from lockml.common.display import redact
from lockml.drift.differences.model import Difference, FileChange, FileCounts, FileGroup, PackageChange, Side

__all__ = ["SCHEMA", "format_json"]

SCHEMA = "lockml/diff/1"


def format_json(difference: Difference) -> str:
    """Return the document, indented by two spaces, and ASCII so that foreign text cannot forge a line of a terminal."""
    document = {
        "schema": SCHEMA,
        "before": _side(difference.before),
        "after": _side(difference.after),
        "level": difference.level,
        "complete": not difference.problems,
        "different": difference.different,
        "changes": [_package(each) for each in difference.packages],
        "settings": [
            {
                "name": each.name,
                "before": _redacted(each.before),
                "after": _redacted(each.after),
                "detail": redact(each.detail),
            }
            for each in difference.settings
        ],
        "files": [_group(each) for each in difference.groups],
        "layers": {
            "shared": difference.shared_layers,
            "others": [
                {"kind": each.kind, "number": each.number, "count": each.count, "step": redact(each.step)}
                for each in difference.layers
            ],
        },
        "counts": {
            "changes": len(difference.packages),
            "settings": len(difference.settings),
            "files": difference.files,
            "recompiled": difference.recompiled,
            "accepted": difference.accepted,
        },
        "notes": list(difference.notes),
        "problems": [{"path": each.path, "reason": each.reason} for each in difference.problems],
    }
    return json.dumps(document, indent=2) + "\n"


def _redacted(text: str | None) -> str | None:
    return redact(text) if text is not None else None


def _side(side: Side) -> dict[str, object]:
    subject = side.subject
    if subject is None:
        return {"kind": "lock", "name": side.name.removeprefix("lock ")}
    return {
        "kind": subject.kind,
        "name": subject.name,
        "details": dict(subject.details),
        "prefix": side.prefix,
        "python": side.python,
    }


def _package(change: PackageChange) -> dict[str, str | None]:
    found = {"kind": change.kind, "name": change.name, "before": change.before, "after": change.after}
    more = {
        "detail": redact(change.detail) or None,
        "path": change.path,
        "origin": _redacted(change.origin),
        "time": change.time,
    }
    return {**found, **({name: value for name, value in more.items() if value is not None})}


def _group(group: FileGroup) -> dict[str, object]:
    return {
        "owner": group.owner,
        "folder": group.folder or None,
        "files": _counts(group.files),
        "compiled": _counts(group.compiled),
        "growth": group.growth,
        "origins": [{"origin": redact(text) or None, "files": count} for text, count in group.origins.items()],
        "changes": [_file(each) for each in group.changes],
        "left_out": group.total - len(group.changes),
    }


def _counts(counts: FileCounts) -> dict[str, int]:
    return {"added": counts.added, "removed": counts.removed, "changed": counts.changed}


def _file(change: FileChange) -> dict[str, object]:
    return {
        "kind": change.kind,
        "path": change.path,
        "before": change.before,
        "after": change.after,
        "origin": _redacted(change.origin),
        "time": change.time,
        "detail": redact(change.detail) or None,
    }
