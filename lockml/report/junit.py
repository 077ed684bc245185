"""Format drift reports as JUnit XML for continuous integration: a test for each level and each drift."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import quoteattr

from lockml.common.display import escape, redact
from lockml.drift.model import Drift, DriftReport
from lockml.report.words import claim, limit_lines, where_from

__all__ = ["format_junit"]


def format_junit(reports: Sequence[DriftReport]) -> str:
    """Return the document on one subject: a suite for each environment."""
    suites = "".join(_suite(report) for report in reports)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="lockml">\n{suites}</testsuites>\n'


def _suite(report: DriftReport) -> str:
    cases = [*_cases(report)]
    drifts, errors = len(report.drifts), len(report.problems) + len(report.exceeded)
    name = _attribute(f"{report.subject} {report.environment.prefix}")
    counts = f'tests="{len(cases)}" failures="{drifts}" errors="{errors}" skipped="{len(report.accepted)}"'
    value = _attribute(f"sha256:{report.lock_sha256}")
    lock = f'    <properties><property name="lock" value={value}/></properties>\n' if report.lock_sha256 else ""
    return f"  <testsuite name={name} {counts}>\n{lock}{''.join(cases)}  </testsuite>\n"


def _cases(report: DriftReport) -> Iterator[str]:
    for result in report.levels:
        text = claim(report, result)
        yield f"    <testcase classname={_attribute(result.level)} name={_attribute(text)}/>\n"
    for drift in report.drifts:
        message = f"<failure type={_attribute(drift.kind)} message={_attribute(redact(drift.detail))}>"
        yield _case(drift, f"{message}{_body(drift)}</failure>")
    for accepted in report.accepted:
        yield _case(accepted.drift, f"<skipped message={_attribute(accepted.reason)}/>")
    for limit, line in zip(report.limits, limit_lines(report), strict=True):
        strict = limit.code in report.strict
        inside = f'<error type="limit" message={_attribute(line)}/>' if strict else ""
        inside += f"<system-out>{escape_xml(escape(line))}</system-out>"
        yield f'    <testcase classname="limit" name={_attribute(limit.code)}>{inside}</testcase>\n'
    for problem in report.problems:
        inside = f'<error type="incomplete" message={_attribute(problem.reason)}/>'
        yield f'    <testcase classname="incomplete" name={_attribute(problem.path)}>{inside}</testcase>\n'


def _case(drift: Drift, inside: str) -> str:
    name = f"{drift.name} {drift.path}" if drift.path is not None else drift.name
    return f"    <testcase classname={_attribute(drift.kind)} name={_attribute(name)}>{inside}</testcase>\n"


def _body(drift: Drift) -> str:
    facts = {
        "locked": drift.locked,
        "found": drift.found,
        "at": drift.path,
        "origin": where_from(drift) or None,
        "fix": drift.fix,
    }
    return escape_xml("\n".join(f"{key}: {escape(value)}" for key, value in facts.items() if value is not None))


def _attribute(text: str) -> str:
    return quoteattr(escape(text))
