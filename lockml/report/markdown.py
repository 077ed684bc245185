"""Format drift reports as Markdown (GitHub's flavour), for the comment of a pull request or a ticket."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from lockml.common.display import escape, redact
from lockml.drift.model import DriftReport
from lockml.report.words import claim, coverage_lines, headline, limit_lines, states, where_from

__all__ = ["format_markdown"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~@])")


def format_markdown(reports: Sequence[DriftReport]) -> str:
    """Return the document on one subject; foreign text in it can neither forge a line nor make a link."""
    return "\n".join("\n".join(_section(report)) + "\n" for report in reports)


def _section(report: DriftReport) -> Iterator[str]:
    yield f"### {_text(headline(report))}"
    if report.drifts:
        yield ""
        yield "| drift | what | where | detail | fix |"
        yield "|---|---|---|---|---|"
    for drift in report.drifts:
        origin = where_from(drift)
        where = f"{drift.path} ({origin})" if drift.path and origin else drift.path or origin
        cells = (drift.kind, f"{drift.name}: {states(drift)}", where, redact(drift.detail), drift.fix)
        yield f"| {' | '.join(map(_text, cells))} |"
    yield ""
    environment = report.environment
    yield f"Checked {_text(environment.prefix)}, Python {_text(environment.python_text)}, against {_text(report.lock)}:"
    yield ""
    if report.lock_sha256:
        yield f"- lock: sha256:{report.lock_sha256}"
    for result in report.levels:
        yield f"- {result.level}: {_text(claim(report, result))}"
    for line in coverage_lines(report):
        yield f"- {_text(line)}"
    for problem in report.problems:
        yield f"- **could not be checked**: {_text(f'{problem.path}: {problem.reason}')}"
    for accepted in report.accepted:
        drift = accepted.drift
        where = f" {drift.path}" if drift.path is not None else ""
        yield f"- accepted: {_text(f'{drift.kind} {drift.name}{where}: {accepted.reason}')}"
    for line in limit_lines(report):
        yield f"- not proven: {_text(line)}"
    for remark in (*report.unprovable, *report.remarks):
        yield f"- {_text(f'{remark.subject} {remark.version}: {redact(remark.text)}')}"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", escape(text))
