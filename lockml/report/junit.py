"""Format drift reports as JUnit XML for continuous integration: a test for each level and each group of drifts."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import quoteattr

from lockml.common.display import escape, redact
from lockml.common.settings import setting
from lockml.drift.model import AcceptedDrift, DriftReport
from lockml.report.groups import DriftGroup, group_drifts, rule_lines, rule_of
from lockml.report.words import claim, facts, limit_lines, named, place, states, where_from

__all__ = ["format_junit"]

_LISTED: Final = 200  # drifts of one group


def format_junit(reports: Sequence[DriftReport], *, full: bool = False) -> str:
    """Return the document for one subject: a suite for each environment; *full* includes every drift of a group."""
    suites = "".join(_suite(report, full=full) for report in reports)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="lockml">\n{suites}</testsuites>\n'


def _suite(report: DriftReport, *, full: bool) -> str:
    groups = group_drifts(report)
    cases = [*_cases(report, groups, full=full)]
    errors = len(report.problems) + len(report.exceeded)
    name = _attribute(f"{report.subject} {report.environment.prefix}")
    counts = f'tests="{len(cases)}" failures="{len(groups)}" errors="{errors}" skipped="{len(report.accepted)}"'
    properties = "".join(
        f"      <property name={_attribute(key)} value={_attribute(value)}/>\n" for key, value in facts(report)
    )
    head = f"    <properties>\n{properties}    </properties>\n" if properties else ""
    return f"  <testsuite name={name} {counts}{_times(report)}>\n{head}{''.join(cases)}  </testsuite>\n"


def _times(report: DriftReport) -> str:
    if not report.started or not report.ended:
        return ""
    seconds = (datetime.fromisoformat(report.ended) - datetime.fromisoformat(report.started)).total_seconds()
    return f' timestamp="{report.started[:19]}" time="{seconds:.3f}"'


def _cases(report: DriftReport, groups: Sequence[DriftGroup], *, full: bool) -> Iterator[str]:
    for result in report.levels:
        text = claim(report, result)
        yield f"    <testcase classname={_attribute(result.level)} name={_attribute(text)}/>\n"
    for group in groups:
        yield _failed(group, full=full)
    for accepted in report.accepted:
        yield _skipped(accepted)
    for limit, line in zip(report.limits, limit_lines(report), strict=True):
        strict = limit.code in report.strict
        inside = f'<error type="limit" message={_attribute(line)}/>' if strict else ""
        inside += f"<system-out>{escape_xml(escape(line))}</system-out>"
        yield f'    <testcase classname="limit" name={_attribute(limit.code)}>{inside}</testcase>\n'
    for problem in report.problems:
        inside = f'<error type="incomplete" message={_attribute(problem.reason)}/>'
        yield f'    <testcase classname="incomplete" name={_attribute(problem.path)}>{inside}</testcase>\n'


def _failed(group: DriftGroup, *, full: bool) -> str:
    only = group.drifts[0] if len(group.drifts) == 1 else None
    name = " ".join(filter(None, (only.name, only.path))) if only is not None else _title(group)
    message = redact(only.detail) if only is not None else named(group)
    body = escape_xml("\n".join(map(escape, _lines(group, full=full))))
    failure = f"<failure type={_attribute(group.kind)} message={_attribute(message)}>{body}</failure>"
    return f"    <testcase classname={_attribute(group.kind)} name={_attribute(name)}>{failure}</testcase>\n"


def _title(group: DriftGroup) -> str:
    """Return a name that is unique in the suite, as it includes the group's first drift."""
    first = f"{named(group)}, from {place(group, group.drifts[0])}"
    return f"{first} ({redact(group.origin)})" if group.origin is not None else first


def _lines(group: DriftGroup, *, full: bool) -> Iterator[str]:
    shown = group.drifts if full else group.drifts[:_LISTED]
    if group.folder:
        yield f"in {group.folder}"
    for drift in shown:
        what = place(group, drift) if group.of_files else f"{drift.name}, at {drift.path}" if drift.path else drift.name
        since = where_from(drift)
        yield f"{what}: {states(drift)}; {redact(drift.detail)}" + (f" ({since})" if since else "")
    if len(shown) < len(group.drifts):
        yield f"… and {len(group.drifts) - len(shown)} more: {setting('full')} lists all"
    yield f"fix: {group.fix}"
    yield "accept:"
    yield from rule_lines(rule_of(group))


def _skipped(accepted: AcceptedDrift) -> str:
    drift = accepted.drift
    name = " ".join(filter(None, (drift.name, drift.path)))
    inside = f"<skipped message={_attribute(accepted.reason)}/>"
    return f"    <testcase classname={_attribute(drift.kind)} name={_attribute(name)}>{inside}</testcase>\n"


def _attribute(text: str) -> str:
    return quoteattr(escape(text))
