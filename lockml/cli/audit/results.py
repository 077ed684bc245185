"""The output of `lockml audit run`."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import click

from lockml.audit.model import SEVERITIES, Finding, RunResult, RunState
from lockml.audit.serialize import finding_table
from lockml.audit.store.runs import Recorded
from lockml.cli.common.terminal import wants_colour
from lockml.common.display import escape, redact

__all__ = ["FORMATTERS", "Done", "summary"]

Done = tuple[RunResult, Recorded | None]
"""A result and its recorded run, None if the store did not take it."""

_WIDEST: Final = 40  # width of the column of names; a longer name has a line of its own
_MOST_SHOWN: Final = 20  # findings of one target
_MOST_NAMED: Final = 5  # targets of one reason

_COLOURS: Final[Mapping[RunState, str]] = {
    "in-order": "green",
    "drift": "red",
    "incomplete": "yellow",
    "unreachable": "yellow",
    "misconfigured": "yellow",
}


def summary(done: Sequence[Done]) -> str:
    """Return the number of targets in each state, as text."""
    states = [result.state for result, _ in done]
    counts = ", ".join(f"{states.count(state)} {state}" for state in _COLOURS if state in states)
    return f"{len(done)} {'target' if len(done) == 1 else 'targets'}: {counts}"


def _text(done: Sequence[Done]) -> str:
    width = min(max((len(escape(result.target)) for result, _ in done), default=0), _WIDEST)
    colour = wants_colour(sys.stdout)
    lines: list[str] = []
    for result, recorded in done:
        state = f"{result.state:<13}"
        state = click.style(state, fg=_COLOURS[result.state], bold=True) if colour else state
        name = escape(result.target)
        if len(name) > width:
            lines.append(name)
            name = ""
        lines.append(f"{name:<{width}}  {state}  {_counts(result, recorded)}".rstrip())
        lines += [f"  {escape(redact(line))}" for line in _details(result, recorded)]
    lines += [f"? {escape(redact(line))}" for line in _unknown(done)]
    return "".join(f"{line}\n" for line in (*lines, summary(done)))


def _details(result: RunResult, recorded: Recorded | None) -> Iterator[str]:
    """Yield the lines below a target: ``+`` marks new findings, ``-`` resolved ones; notes are omitted."""
    new = {each.fingerprint for each in recorded.changes.opened} if recorded is not None else set()
    shown = [each for each in result.findings if each.severity != "note"]
    shown.sort(key=lambda each: (each.fingerprint not in new, SEVERITIES.index(each.severity)))
    before = ""
    for finding in shown[:_MOST_SHOWN]:
        yield from _finding_lines(finding, "+" if finding.fingerprint in new else " ", before)
        before = finding.fix
    if len(shown) > _MOST_SHOWN:
        where = f": `lockml audit show {recorded.run}` lists all" if recorded is not None else ""
        yield f"  and {len(shown) - _MOST_SHOWN} more{where}"
    resolved = recorded.changes.resolved if recorded is not None else ()
    for each in resolved[:_MOST_SHOWN]:
        yield f"- resolved: {each.kind} {each.name}"
    if len(resolved) > _MOST_SHOWN:
        yield f"- and {len(resolved) - _MOST_SHOWN} more resolved"


def _finding_lines(finding: Finding, mark: str, fix: str) -> Iterator[str]:
    """Yield the lines of *finding*, without its fix if the finding before has the same *fix*."""
    versions = " -> ".join(each for each in (finding.locked, finding.found) if each)
    named = f"{finding.kind} {finding.name}{f' {versions}' if versions else ''}"
    yield f"{mark} {finding.severity}: {named}: {finding.detail}"
    if finding.path:
        yield f"    at  {finding.path}{f' ({finding.origin})' if finding.origin else ''}"
    elif finding.origin:
        yield f"    by  {finding.origin}"
    if finding.fix and finding.fix != fix:
        yield f"    fix {finding.fix}"


def _unknown(done: Sequence[Done]) -> Iterator[str]:
    """Yield what could not be determined: each reason once, with its targets."""
    reasons: dict[str, list[str]] = {}
    for result, _ in done:
        for each in result.unknown:
            named = reasons.setdefault(f"unknown: {each.reason}", [])
            if result.target not in named:
                named.append(result.target)
    for reason, targets in list(reasons.items())[:_MOST_SHOWN]:
        more = f" and {len(targets) - _MOST_NAMED} more" if len(targets) > _MOST_NAMED else ""
        yield f"{reason} ({', '.join(targets[:_MOST_NAMED])}{more})"
    if len(reasons) > _MOST_SHOWN:
        yield f"and {len(reasons) - _MOST_SHOWN} more reasons"


def _counts(result: RunResult, recorded: Recorded | None) -> str:
    if result.state in ("unreachable", "misconfigured") or (result.state == "incomplete" and result.error):
        return escape(redact(result.error or ""))
    counts = [f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in result.severities.items() if count]
    if recorded is not None:
        opened, resolved = len(recorded.changes.opened), len(recorded.changes.resolved)
        counts += [f"{opened} new"] if opened else []
        counts += [f"{resolved} resolved"] if resolved else []
    counts += [f"{len(result.accepted)} accepted"] if result.accepted else []
    return ", ".join(counts)


def _document(done: Sequence[Done]) -> str:
    runs = [
        {
            "run": recorded.run if recorded is not None else None,
            "target": result.target,
            "subject": result.subject,
            "tick": result.tick.isoformat(),
            "state": result.state,
            "error": result.error,
            "findings": [finding_table(each) for each in result.findings],
            "opened": [each.fingerprint for each in recorded.changes.opened] if recorded is not None else [],
            "resolved": [finding_table(each) for each in recorded.changes.resolved] if recorded is not None else [],
            "accepted": [{**finding_table(each.finding), "reason": each.reason} for each in result.accepted],
            "unknown": [{"kinds": list(each.kinds), "reason": each.reason} for each in result.unknown],
        }
        for result, recorded in done
    ]
    return json.dumps({"schema": "lockml/audit/1", "runs": runs}, indent=2) + "\n"


FORMATTERS: Final[Mapping[str, Callable[[Sequence[Done]], str]]] = {"text": _text, "json": _document}
"""The output formats by name."""
