"""Format drift reports as one HTML page that needs nothing beside it: no script, no font, no address is loaded."""

import html
from collections.abc import Iterator, Sequence
from typing import Final

from lockml.common.display import escape, redact
from lockml.drift.model import Drift, DriftReport
from lockml.report.sarif import KIND_TEXTS
from lockml.report.words import claim, coverage_lines, headline, limit_lines, project_of, states, where_from

__all__ = ["format_html"]

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --dim: #777; --bad: #b3261e; --good: #1b6e3c; --open: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --dim: #aaa; --bad: #ff8a80; --good: #7bd89a; --open: #ffcf70 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem } h1 b { display: block; font-size: 1rem; font-weight: 600 }
.bad { color: var(--bad) } .good { color: var(--good) } .open { color: var(--open) }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 } caption { text-align: left; color: var(--dim) }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-top: 1px solid var(--line) }
td:first-child { white-space: nowrap; font-weight: 600 }
code { font: .86em ui-monospace, monospace; overflow-wrap: anywhere }
small { color: var(--dim); display: block } ul { padding-left: 1.2rem }
"""


def format_html(reports: Sequence[DriftReport]) -> str:
    """Return the page on one subject."""
    body = "".join("".join(_section(report)) for report in reports)
    title = _text(f"lockml: {project_of(reports) or reports[0].subject}")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    head += f"<style>{_STYLE}</style>"
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}</body>\n</html>\n'


def _section(report: DriftReport) -> Iterator[str]:
    shade = "bad" if report.drifts else "good" if report.complete else "open"
    verdict = headline(report).removeprefix(f"{report.subject}: ")
    yield f'<h1>{_text(str(report.subject))}<b class="{shade}">{_text(verdict)}</b></h1>\n'
    if report.drifts:
        yield _table("Drift", [_row(drift, None) for drift in report.drifts])
    if report.problems:
        yield _list("Could not be checked", [f"{each.path}: {each.reason}" for each in report.problems])
    if report.accepted:
        yield _table("Accepted, not counted", [_row(each.drift, each.reason) for each in report.accepted])
    environment = report.environment
    lock = [f"lock: sha256:{report.lock_sha256}"] if report.lock_sha256 else []
    claims = [f"{each.level}: {claim(report, each)}" for each in report.levels]
    lines = [*lock, *claims, *coverage_lines(report)]
    yield _list(f"Checked {environment.prefix}: Python {environment.python_text}, against {report.lock}", lines)
    for name, remarks in (
        ("Cannot be proven, not counted as drift", report.unprovable),
        ("Not counted as drift", report.remarks),
    ):
        if remarks:
            yield _list(name, [f"{each.subject} {each.version}: {redact(each.text)}" for each in remarks])
    if report.limits:
        yield _list("Limits of this check, not counted as drift", list(limit_lines(report)))


def _table(caption: str, rows: Sequence[str]) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Kind", "What", "Where", "Fix"))
    return f"<table><caption>{caption}</caption><tr>{heads}</tr>\n{''.join(rows)}</table>\n"


def _row(drift: Drift, reason: str | None) -> str:
    what = f"{_text(drift.name)}: {_text(states(drift))}<small>{_text(redact(drift.detail))}</small>"
    where = f"<code>{_text(drift.path)}</code>" if drift.path is not None else ""
    since = where_from(drift)
    where += f"<small>{_text(since)}</small>" if since else ""
    last = f"<code>{_text(drift.fix)}</code>" if reason is None else _text(reason)
    kind = f'<span title="{_text(KIND_TEXTS[drift.kind])}">{drift.kind}</span>'
    return f"<tr><td>{kind}</td><td>{what}</td><td>{where}</td><td>{last}</td></tr>\n"


def _list(title: str, lines: Sequence[str]) -> str:
    return f"<p>{_text(title)}</p><ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>\n"


def _text(text: str) -> str:
    return html.escape(escape(text))
