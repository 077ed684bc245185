"""Messages about the changes of a run, and the text of messages that are due together.

Only changes are sent: findings that open or are resolved, targets that cannot be checked or can be again, and workers
that stop without notice or are back.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lockml.audit.config.model import NotifyRule
from lockml.audit.findings import Changes
from lockml.audit.model import SEVERITIES, Finding, RunResult, RunState
from lockml.audit.serialize import finding_table
from lockml.common.display import escape, redact

__all__ = [
    "Message",
    "Notice",
    "NoticeType",
    "due_after_quiet",
    "messages_of",
    "notice_of",
    "without_mentions",
    "worker_messages",
]

_MAX_LISTED: Final = 20  # findings in one message; it counts the others
_MAX_KEPT: Final = 50  # findings that a waiting message has in full; it has the fingerprints of others
_MAX_NAMED: Final = 5  # targets that a message names of those with one cause
_UNREACHED: Final[frozenset[RunState]] = frozenset({"incomplete", "unreachable", "misconfigured"})
_LOST: Final[Mapping[str, str]] = {
    "unreachable": "cannot be reached",
    "incomplete": "cannot be read completely",
    "misconfigured": "is misconfigured",
    "worker": "not responding",
}
_NEVER: Final = "was never reached"
_BACK: Final[Mapping[str, str]] = {"worker": "is back"}
_CHECKED_AGAIN: Final = "can be checked again"

_MENTION: Final = re.compile(r"(?i)@(?=(?:everyone|here|channel|all|room)\b)|(?<![\w.+-])@(?=\w)|<(?=[@!#])")

NoticeType = Literal["info", "success", "warning", "failure"]
"""The types of Apprise, which services show as colours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message for the *address*-th address of *rule*, to be sent at *due* or later.

    *content* is JSON: *target*, *state*, *error*, *labels*, *moment*, and the findings that are *opened* and
    *resolved*, those beyond the first fifty as fingerprints in *opened-more* and *resolved-more*; *worst-more* is the
    worst severity of the former. *digest* covers the content without its moment: the same text has the same digest.
    """

    rule: str
    address: int
    due: datetime
    content: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A notification: a title of one line, a body and a type."""

    title: str
    body: str
    type: NoticeType = "info"


def messages_of(
    rules: Iterable[NotifyRule], result: RunResult, changes: Changes, before: RunState | None
) -> Iterator[Message]:
    """Yield the messages about *result*, after a run that ended in the state *before*, None for the first run."""
    for rule in rules:
        if not rule.concerns(result.target, result.labels):
            continue
        opened = _severe_enough(rule, changes.opened) if "opened" in rule.on else []
        resolved = _severe_enough(rule, changes.resolved) if "resolved" in rule.on else []
        lost = "unreachable" in rule.on and _is_lost(result.state, before)
        back = result.state not in _UNREACHED and before in _UNREACHED and "reachable" in rule.on
        if not (opened or resolved or lost or back):
            continue
        content: dict[str, Any] = {
            "target": result.target,
            "subject": result.subject,
            "state": result.state,
            "error": result.error if lost else None,
            "lost": lost,
            "never": lost and before is None and result.state == "unreachable",
            "back": back,
            "labels": dict(result.labels),
            "opened": [finding_table(each) for each in opened[:_MAX_KEPT]],
            "opened-more": [each.fingerprint for each in opened[_MAX_KEPT:]],
            **({"worst-more": opened[_MAX_KEPT].severity} if len(opened) > _MAX_KEPT else {}),
            "resolved": [finding_table(each) for each in resolved[:_MAX_KEPT]],
            "resolved-more": [each.fingerprint for each in resolved[_MAX_KEPT:]],
        }
        yield from _addressed(rule, content, result.finished)


def _is_lost(state: RunState, before: RunState | None) -> bool:
    """Say whether a target cannot be checked for a new reason, which a corrected fleet file may reveal."""
    if state not in _UNREACHED or state == before:
        return False
    return before not in _UNREACHED or "misconfigured" in (state, before)


def worker_messages(
    rules: Iterable[NotifyRule], name: str, seen: datetime, now: datetime, *, lost: bool
) -> list[Message]:
    """Return the messages about the worker *name* with the last heartbeat *seen*: it is *lost*, or back."""
    seen_at = f"last heartbeat at {seen:%Y-%m-%d %H:%M:%S} UTC"
    dated = {"error": f"{seen_at}; the process stopped, or its machine cannot reach the store"}
    content: dict[str, Any] = {
        "target": name,
        "subject": name,
        "state": "worker",
        "error": None,
        "lost": lost,
        "never": False,
        "back": not lost,
        "labels": {},
        "opened": [],
        "resolved": [],
    }
    found = (each for rule in rules if "worker" in rule.on for each in _addressed(rule, content, now, dated))
    return list(found)


def _addressed(
    rule: NotifyRule, content: Mapping[str, Any], now: datetime, more: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[Message]:
    """Yield *content*, which became true at *now*, for each address of *rule*; its digest does not cover *more*."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
    dated = {**content, **more, "moment": now.isoformat()}
    due = due_after_quiet(rule, now)
    for number in range(len(rule.urls)):
        yield Message(rule=rule.name, address=number, due=due, content=dated, digest=digest)


def _severe_enough(rule: NotifyRule, findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings of the severities of *rule*, the most severe first."""
    least = SEVERITIES.index(rule.severity)
    chosen = [finding for finding in findings if SEVERITIES.index(finding.severity) <= least]
    return sorted(chosen, key=lambda finding: SEVERITIES.index(finding.severity))


def due_after_quiet(rule: NotifyRule, now: datetime) -> datetime:
    """Return *now*, or the end of the rule's quiet hours during them, in UTC."""
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


@dataclass(slots=True, kw_only=True)
class _Change:
    """The sum of the messages about one target; None replaces a finding of which only the fingerprint is known."""

    last: Mapping[str, Any]
    opened: dict[str, Finding | None] = field(default_factory=dict)
    worst_more: str = ""
    resolved: dict[str, Finding | None] = field(default_factory=dict)
    lost: str | None = None
    reason: str = ""
    back: bool = False

    @property
    def parts(self) -> list[str]:
        """The changes, in a few words each."""
        return [
            *([f"{len(self.opened)} new"] if self.opened else []),
            *([f"{len(self.resolved)} resolved"] if self.resolved else []),
            *([self.lost] if self.lost else []),
            *([_BACK.get(self.last["state"], _CHECKED_AGAIN)] if self.back else []),
        ]

    @property
    def type(self) -> NoticeType:
        """The type of the worst change."""
        severities = {self.worst_more if each is None else each.severity for each in self.opened.values()}
        if self.lost or "error" in severities:
            return "failure"
        if "warning" in severities:
            return "warning"
        return "info" if self.opened else "success"

    @property
    def target(self) -> str:
        """The name of the target."""
        return str(self.last["target"])


def _change_of(contents: Sequence[Mapping[str, Any]]) -> _Change:
    """Return the sum of the messages about one target, given the oldest first."""
    change = _Change(last=contents[-1])
    for content in contents:
        _cancel(change.opened, change.resolved, _findings(content, "resolved"))
        _cancel(change.resolved, change.opened, _findings(content, "opened"))
        change.worst_more = min(change.worst_more, content.get("worst-more", ""), key=_severity_order)
        if content["lost"]:
            change.lost = _NEVER if content.get("never") else _LOST[content["state"]]
            change.back = False
            change.reason = content["error"] or content["state"]
        elif content["back"]:
            change.back = change.lost is None
            change.lost = None
    return change


def _severity_order(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def _findings(content: Mapping[str, Any], key: str) -> dict[str, Finding | None]:
    whole = (Finding(**each) for each in content[key])
    return {each.fingerprint: each for each in whole} | dict.fromkeys(content.get(f"{key}-more", ()), None)


def _cancel(
    before: dict[str, Finding | None], after: dict[str, Finding | None], new: dict[str, Finding | None]
) -> None:
    """Move *new* to *after*, or remove it from *before* if it is there: the two cancel out."""
    for key, finding in new.items():
        if key in before:
            del before[key]
        else:
            after[key] = finding


def notice_of(groups: Sequence[Sequence[Mapping[str, Any]]], base_url: str | None = None) -> Notice | None:
    """Return the notice for messages that are due together, grouped by target, the oldest of each first.

    Findings that opened and were resolved since are omitted; if nothing remains, return None. Findings of several
    targets are listed by cause. *base_url* is the address of the pages.
    """
    changes = [change for change in map(_change_of, groups) if change.parts]
    if not changes:
        return None
    title, lines, page = _one(changes[0]) if len(changes) == 1 else _many(changes)
    if base_url is not None:
        lines.append(f"{base_url.replace('@', '%40')}{page}")  # an @ in a link must not look like a mention
    worst: tuple[NoticeType, ...] = ("failure", "warning", "info", "success")
    kind = min((change.type for change in changes), key=worst.index)
    return Notice(title=_shown(f"lockml: {title}"), body="\n".join(map(_shown, lines)), type=kind)


def _shown(line: str) -> str:
    """Return *line* without secrets and control characters."""
    return escape(redact(line))


def without_mentions(notice: Notice) -> Notice:
    """Return *notice* without mentions that a chat would notify people of.

    A zero-width space breaks ``@everyone``, ``@here``, ``@name``, ``<!channel>`` and ``<@U123>``; ``user@host`` stays.
    """
    title, body = (_MENTION.sub(lambda match: f"{match[0]}\u200b", text) for text in (notice.title, notice.body))
    return replace(notice, title=title, body=body)


def _one(change: _Change) -> tuple[str, list[str], str]:
    """Return title, lines and page of one target."""
    last = change.last
    worker = last["state"] == "worker"
    lines = [f"{last['subject']}: {', '.join(change.parts) if worker else last['state']}"]
    lines += [change.reason] if change.lost else []
    lines += [*_listed("New", change.opened), *_listed("Resolved", change.resolved)]
    if "moment" in last:
        lines.append(_when([last["moment"]]) + "".join(f", {key}={value}" for key, value in last["labels"].items()))
    page = "/" if worker else f"/targets/{quote(change.target, safe='')}"
    return f"{change.target}: {', '.join(change.parts)}", lines, page


def _when(moments: Sequence[str]) -> str:
    first, last = (f"{datetime.fromisoformat(each):%Y-%m-%d %H:%M:%S}" for each in (min(moments), max(moments)))
    return f"At {first} UTC" if first == last else f"From {first} to {last} UTC"


def _listed(title: str, findings: Mapping[str, Finding | None]) -> Iterator[str]:
    if not findings:
        return
    yield f"{title}:"
    whole = [finding for finding in findings.values() if finding is not None][:_MAX_LISTED]
    for finding in whole:
        yield f"  {_headline(finding)}: {finding.detail}"
        if finding.fix and title == "New":
            yield f"    {finding.fix}"
    if len(findings) > len(whole):
        yield f"  and {len(findings) - len(whole)} more"


def _headline(finding: Finding) -> str:
    versions = " -> ".join(str(each) for each in (finding.locked, finding.found) if each)
    return f"{finding.severity}: {finding.kind} {finding.name}{f' {versions}' if versions else ''}"


def _many(changes: Sequence[_Change]) -> tuple[str, list[str], str]:
    """Return title, lines and page of several targets: each cause once, with the targets that have it."""
    new, resolved = sum(len(each.opened) for each in changes), sum(len(each.resolved) for each in changes)
    lost, back = [each for each in changes if each.lost], [each for each in changes if each.back]
    parts = [
        *([f"{new} new"] if new else []),
        *([f"{resolved} resolved"] if resolved else []),
        *([f"{len(lost)} cannot be checked"] if lost else []),
        *([f"{len(back)} can be checked again"] if back else []),
    ]
    lines: list[str] = []
    for phrase in dict.fromkeys(str(each.lost) for each in lost):
        theirs = [each for each in lost if each.lost == phrase]
        lines.append(f"{_named(theirs)}: {phrase}")
        lines += [f"  {each.target}: {each.reason}" for each in theirs[:_MAX_NAMED]]
        lines += [f"  and {len(theirs) - _MAX_NAMED} more"] if len(theirs) > _MAX_NAMED else []
    lines += _causes("New", [(each, each.opened) for each in changes])
    lines += _causes("Resolved", [(each, each.resolved) for each in changes])
    if back:
        lines.append(f"Can be checked again: {_named(back)}")
    moments = [each.last["moment"] for each in changes if "moment" in each.last]
    lines += [_when(moments)] if moments else []
    return f"{len(changes)} targets: {', '.join(parts)}", lines, "/"


def _causes(title: str, changed: Iterable[tuple[_Change, Mapping[str, Finding | None]]]) -> Iterator[str]:
    causes: dict[tuple[str, str], list[_Change]] = {}
    unnamed = 0
    for change, findings in changed:
        for finding in findings.values():
            if finding is None:
                unnamed += 1
                continue
            fix = finding.fix if title == "New" else ""
            causes.setdefault((_headline(finding), fix), []).append(change)
    if not causes and not unnamed:
        return
    yield f"{title}:"
    order = {f"{severity}:": number for number, severity in enumerate(SEVERITIES)}
    ranked = sorted(causes.items(), key=lambda each: (order[each[0][0].partition(" ")[0]], -len(each[1])))
    for (headline, fix), changes in ranked[:_MAX_LISTED]:
        yield f"  {headline}: in {_named(changes)}"
        if fix:
            yield f"    {fix}"
    left = sum(len(changes) for _, changes in ranked[_MAX_LISTED:]) + unnamed
    if left:
        yield f"  and {left} more"


def _named(changes: Sequence[_Change]) -> str:
    """Return the names of the first targets and the number of the others."""
    names = list(dict.fromkeys(change.target for change in changes))
    more = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"{', '.join(names[:_MAX_NAMED])}{more}"
