"""What a run changed and the rules of whom to tell in, messages out; messages that are due together in, one text out.

Only transitions are told: what opens, what is resolved, what cannot be reached any more and what can be again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from lockml.audit.config.model import NotifyRule
from lockml.audit.findings import Changes
from lockml.audit.model import SEVERITIES, Finding, RunResult, RunState
from lockml.audit.serialize import finding_table
from lockml.common.display import escape, redact

__all__ = ["Message", "Notice", "due_after_quiet", "messages_of", "notice_of"]

_MAX_LISTED: Final = 20  # findings that one message names; the others are counted
_UNREACHED: Final[frozenset[RunState]] = frozenset({"incomplete", "unreachable"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell by the rule of that name, to the *address*-th of its addresses, not before *due*.

    *content* is JSON: *target*, *state*, *error*, and the findings that are *opened* and *resolved*; *digest* is that
    of the content, the same for the same text.
    """

    rule: str
    address: int
    due: datetime
    content: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is sent: a title in one line, and a body."""

    title: str
    body: str


def messages_of(
    rules: Iterable[NotifyRule], result: RunResult, changes: Changes, before: RunState | None
) -> Iterator[Message]:
    """Yield what is to be told of *result*, after a run that ended as *before* says, None for the first one."""
    for rule in rules:
        if not rule.concerns(result.target, result.labels):
            continue
        opened = _severe_enough(rule, changes.opened) if "opened" in rule.on else []
        resolved = _severe_enough(rule, changes.resolved) if "resolved" in rule.on else []
        lost = result.state in _UNREACHED and before not in _UNREACHED and "unreachable" in rule.on
        back = result.state not in _UNREACHED and before in _UNREACHED and "reachable" in rule.on
        if not (opened or resolved or lost or back):
            continue
        content: dict[str, Any] = {
            "target": result.target,
            "subject": result.subject,
            "state": result.state,
            "error": result.error if lost else None,
            "lost": lost,
            "back": back,
            "opened": [finding_table(each) for each in opened],
            "resolved": [finding_table(each) for each in resolved],
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
        due = due_after_quiet(rule, result.finished)
        for number in range(len(rule.urls)):
            yield Message(rule=rule.name, address=number, due=due, content=content, digest=digest)


def _severe_enough(rule: NotifyRule, findings: Iterable[Finding]) -> list[Finding]:
    least = SEVERITIES.index(rule.severity)
    return [finding for finding in findings if SEVERITIES.index(finding.severity) <= least]


def due_after_quiet(rule: NotifyRule, now: datetime) -> datetime:
    """Return *now*, or the end of the rule's quiet hours where it is in them, in UTC."""
    if rule.quiet is None:
        return now
    begin, end = rule.quiet
    local = now.astimezone(ZoneInfo(rule.zone))
    at = local.time()
    quiet = begin <= at < end if begin <= end else at >= begin or at < end
    if not quiet:
        return now
    day = local.date() if at < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, ZoneInfo(rule.zone)).astimezone(UTC)


def notice_of(contents: Sequence[Mapping[str, Any]]) -> Notice | None:
    """Return what is sent for messages of one target that are due together, the oldest first.

    What opened and was resolved meanwhile is left out, and None returned where nothing is left.
    """
    opened: dict[str, Finding] = {}
    resolved: dict[str, Finding] = {}
    lost: str | None = None
    back = False
    for content in contents:
        for finding in (Finding(**each) for each in content["resolved"]):
            if opened.pop(finding.fingerprint, None) is None:
                resolved[finding.fingerprint] = finding
        for finding in (Finding(**each) for each in content["opened"]):
            if resolved.pop(finding.fingerprint, None) is None:
                opened[finding.fingerprint] = finding
        if content["lost"]:
            lost, back = content["error"] or content["state"], False
        elif content["back"]:
            lost, back = None, lost is None
    last = contents[-1]
    parts = [
        *([f"{len(opened)} new"] if opened else []),
        *([f"{len(resolved)} resolved"] if resolved else []),
        *(["cannot be told any more"] if lost else []),
        *(["can be told again"] if back else []),
    ]
    if not parts:
        return None
    lines = [f"{last['subject']}: {last['state']}", *([str(lost)] if lost else [])]
    lines += [*_lines("New", list(opened.values())), *_lines("Resolved", list(resolved.values()))]
    title = f"lockml: {last['target']}: {', '.join(parts)}"
    return Notice(title=escape(redact(title)), body="\n".join(escape(redact(line)) for line in lines))


def _lines(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"{title}:"
    for finding in findings[:_MAX_LISTED]:
        versions = " -> ".join(str(each) for each in (finding.locked, finding.found) if each)
        yield f"  {finding.kind} {finding.name}{f' {versions}' if versions else ''}: {finding.detail}"
        if finding.fix and title == "New":
            yield f"    {finding.fix}"
    if len(findings) > _MAX_LISTED:
        yield f"  and {len(findings) - _MAX_LISTED} more"
