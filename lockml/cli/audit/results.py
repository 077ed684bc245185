"""Results of a pass in, what is printed of them out."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import click

from lockml.audit.model import RunResult, RunState
from lockml.audit.serialize import finding_table
from lockml.audit.store.runs import Recorded
from lockml.cli.common.terminal import wants_colour
from lockml.common.display import escape, redact

__all__ = ["FORMATTERS", "Done", "summary"]

Done = tuple[RunResult, Recorded | None]
"""A result and what the store made of it, None where it did not take it."""

_COLOURS: Final[Mapping[RunState, str]] = {
    "in-order": "green",
    "drift": "red",
    "incomplete": "yellow",
    "unreachable": "yellow",
    "misconfigured": "yellow",
}


def summary(done: Sequence[Done]) -> str:
    """Return how many targets there were of each state."""
    states = [result.state for result, _ in done]
    counts = ", ".join(f"{states.count(state)} {state}" for state in _COLOURS if state in states)
    return f"{len(done)} {'target' if len(done) == 1 else 'targets'}: {counts}"


def _text(done: Sequence[Done]) -> str:
    width = max((len(escape(result.target)) for result, _ in done), default=0)
    colour = wants_colour(sys.stdout)
    lines: list[str] = []
    for result, recorded in done:
        state = f"{result.state:<11}"
        state = click.style(state, fg=_COLOURS[result.state], bold=True) if colour else state
        lines.append(f"{escape(result.target):<{width}}  {state}  {_counts(result, recorded)}".rstrip())
        lines += [f"{mark:>{width + 2}} {escape(redact(text))}" for mark, text in _details(result, recorded)]
    return "".join(f"{line}\n" for line in lines)


def _details(result: RunResult, recorded: Recorded | None) -> Iterator[tuple[str, str]]:
    """Yield the lines below a target: ``+`` for what is new, ``-`` for what is resolved, ``?`` for what is unknown."""
    new = {each.fingerprint for each in recorded.changes.opened} if recorded is not None else set()
    for finding in result.findings:
        if finding.severity != "note":
            mark = "+" if finding.fingerprint in new else ""
            yield mark, f"{finding.severity}: {finding.kind} {finding.name}: {finding.detail}"
    for resolved in recorded.changes.resolved if recorded is not None else ():
        yield "-", f"resolved: {resolved.kind} {resolved.name}"
    for each in result.unknown:
        yield "?", f"unknown: {each.reason}"


def _counts(result: RunResult, recorded: Recorded | None) -> str:
    if result.state == "unreachable" or (result.state == "incomplete" and result.error):
        return escape(redact(result.error or ""))
    counts = [f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in result.severities.items() if count]
    if recorded is not None:
        opened, resolved = len(recorded.changes.opened), len(recorded.changes.resolved)
        counts += [f"{opened} new"] if opened else []
        counts += [f"{resolved} resolved"] if resolved else []
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
"""The formats of a pass by name."""
