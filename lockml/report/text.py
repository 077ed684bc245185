"""Format drift reports as text: the verdict, each drift with its fix, then how far the proof goes."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lockml.common.display import escape, redact
from lockml.common.settings import setting
from lockml.drift.model import AcceptedDrift, Drift, DriftReport, Remark
from lockml.report.words import checked, claim, coverage_lines, limit_lines, states, verdict, where_from

__all__ = ["format_text"]

_COLOURS: Final = {"red": "31;1", "green": "32;1", "yellow": "33;1", "dim": "2"}
_Paint = Callable[[str, str], str]


def format_text(reports: Sequence[DriftReport], *, colour: bool = False) -> str:
    """Return the report on one subject; foreign text in it is escaped, *colour* adds terminal colours."""
    return "\n".join(_one(report, _paint if colour else lambda text, _: text) for report in reports)


def _one(report: DriftReport, paint: _Paint) -> str:
    paragraphs = [
        [_headline(report, paint)],
        *([*_drift_lines(drift, paint)] for drift in report.drifts),
        [*_problem_lines(report, paint)],
        [*_accepted_lines(report.accepted)],
        [*_proof_lines(report)],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def _headline(report: DriftReport, paint: _Paint) -> str:
    shade = "red" if report.drifts else "green" if report.complete else "yellow"
    return f"{escape(str(report.subject))}: {paint(escape(verdict(report)), shade)}"


def _drift_lines(drift: Drift, paint: _Paint) -> Iterator[str]:
    yield f"  {paint(drift.kind, 'red')} {escape(drift.name)}: {escape(states(drift))}"
    yield f"    {escape(redact(drift.detail))}"
    since = escape(where_from(drift))
    if drift.path is not None:
        yield f"    {paint('at', 'dim')}  {escape(drift.path)}{f' ({since})' if since else ''}"
    elif since:
        yield f"    {paint('by', 'dim')}  {since}"
    yield f"    {paint('fix', 'dim')} {escape(drift.fix)}"


def _problem_lines(report: DriftReport, paint: _Paint) -> Iterator[str]:
    if report.problems:
        yield paint("Could not be checked:", "yellow")
    for problem in report.problems:
        yield f"  {escape(problem.path)}: {escape(problem.reason)}"


def _accepted_lines(accepted: Sequence[AcceptedDrift]) -> Iterator[str]:
    if accepted:
        yield "Accepted drift, not counted:"
    for each in accepted:
        where = f" at {escape(each.drift.path)}" if each.drift.path is not None else ""
        yield f"  {each.drift.kind} {escape(each.drift.name)}{where}: {escape(each.reason)}"


def _proof_lines(report: DriftReport) -> Iterator[str]:
    yield f"Checked {escape(checked(report))}"
    if report.lock_sha256:
        yield f"  lock      sha256:{report.lock_sha256}"
    for result in report.levels:
        yield f"  {result.level:9} {claim(report, result)}"
    for number, line in enumerate(coverage_lines(report)):
        yield f"  coverage  {escape(line)}" if not number else f"    {escape(line)}"
    if report.unprovable:
        yield "Cannot be proven, not counted as drift:"
        yield from _remark_lines(report.unprovable)
    if report.remarks:
        yield "Not counted as drift:"
        yield from _remark_lines(report.remarks)
    limits = list(limit_lines(report))
    if limits:
        yield f"Limits of this check, not counted as drift (see {setting('strict')}):"
        yield from (f"  {escape(line)}" for line in limits)


def _remark_lines(remarks: Sequence[Remark]) -> Iterator[str]:
    for remark in remarks:
        named = f"{escape(remark.subject)} {escape(remark.version)}".rstrip()
        yield f"  {named}: {escape(redact(remark.text))}"
