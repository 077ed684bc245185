"""Format drift reports as one self-contained HTML page: it loads no font and no other resource.

Its one script filters and copies; the page allows no other, by digest (Content Security Policy 3), so foreign text
in it cannot run.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lockml.common.display import redact
from lockml.common.settings import setting
from lockml.drift.model import Drift, DriftReport
from lockml.report.groups import DriftGroup, group_drifts, rule_lines, rule_of
from lockml.report.markup import html_text
from lockml.report.sarif import KIND_TEXTS
from lockml.report.words import (
    checked,
    claim,
    counted,
    coverage_lines,
    facts,
    limit_lines,
    moment,
    named,
    place,
    project_of,
    states,
    verdict,
    where_from,
    written,
)

__all__ = ["format_html"]

_SPAN: Final = re.compile("(`[^`]*`)")
_LISTED: Final = 500  # drifts of one group, and remarks of one kind
_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --dim: #666; --card: #8881; --bad: #b3261e; --good: #1b6e3c;
  --open: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --dim: #aaa; --bad: #ff8a80; --good: #7bd89a; --open: #ffcf70 } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem;
  overflow-wrap: anywhere }
h1 { font-size: 1.2rem; margin-bottom: .2rem } h1 + p { margin-top: 0; font-weight: 600 } h2 { font-size: 1rem }
.bad { color: var(--bad) } .good { color: var(--good) } .open { color: var(--open) }
article { border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 6px; padding: .6rem .9rem;
  margin: .8rem 0 }
article h2 { margin: 0 0 .3rem } article h2 b { color: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .8rem; margin: .4rem 0 } dd { margin: 0 }
dt, small { color: var(--dim) }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr } dd { margin-bottom: .3rem } }
code, pre { font: .86em ui-monospace, monospace } pre { overflow-x: auto; margin: 0; white-space: pre-wrap }
code, pre { background: var(--card); border-radius: 4px; padding: .1em .3em } pre { padding: .5em }
ul { padding-left: 1.2rem; margin: .3rem 0 } summary { cursor: pointer }
form { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0 } input[type=search] { flex: 1 1 12rem }
input, select, button { font: inherit; padding: .3rem .6rem } button { font-size: .8rem; padding: .1rem .5rem }
[hidden] { display: none }
"""
_SCRIPT: Final = """
const words = document.getElementById("words"), kind = document.getElementById("kind");
const shown = document.getElementById("shown"), groups = [...document.querySelectorAll("article")];
function filter() {
  let count = 0;
  for (const group of groups) {
    const fits = (!kind.value || group.dataset.kind === kind.value)
      && group.textContent.toLowerCase().includes(words.value.toLowerCase());
    group.hidden = !fits;
    count += fits;
  }
  shown.textContent = `${count} of ${groups.length} groups`;
}
if (words) {
  document.getElementById("filter").hidden = false;
  words.addEventListener("input", filter);
  kind.addEventListener("input", filter);
}
async function copy(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text);
  }
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  document.execCommand("copy");
  area.remove();
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}
"""


def format_html(reports: Sequence[DriftReport], *, full: bool = False) -> str:
    """Return the page for one subject; *full* includes every drift of a group."""
    body = "".join("".join(_section(report, full=full)) for report in reports)
    groups = [group for report in reports for group in group_drifts(report)]
    title = html_text(f"lockml: {project_of(reports) or reports[0].subject}")
    policy = f"default-src 'none'; style-src '{_digest(_STYLE)}'; script-src '{_digest(_SCRIPT)}'"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><title>{title}</title>'
        f"<style>{_STYLE}</style>"
    )
    filters = _filters(groups) if len(groups) > 1 else ""
    script = f"<script>{_SCRIPT}</script>"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{filters}{body}{script}\n</body>\n</html>\n'
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _filters(groups: Sequence[DriftGroup]) -> str:
    kinds = "".join(f"<option>{kind}</option>" for kind in dict.fromkeys(group.kind for group in groups))
    return (
        '<form id="filter" role="search" hidden><input type="search" id="words" placeholder="Filter" '
        'aria-label="Filter groups by a word"><select id="kind" aria-label="Filter groups by kind">'
        f'<option value="">all kinds</option>{kinds}</select>'
        f'<output id="shown">{len(groups)} of {len(groups)} groups</output></form>\n'
    )


def _section(report: DriftReport, *, full: bool) -> Iterator[str]:
    shade = "bad" if report.drifts else "good" if report.complete else "open"
    yield f'<h1>{html_text(str(report.subject))}</h1>\n<p class="{shade}">{_prose(verdict(report))}</p>\n'
    if report.drifts:
        yield f"<p>{html_text(counted(report))}</p>\n"
    yield from (_group(group, full=full) for group in group_drifts(report))
    if report.problems:
        yield _list("Could not be checked", [f"{each.path}: {each.reason}" for each in report.problems])
    yield from _accepted(report, full=full)
    rows = [*facts(report), *((each.level, claim(report, each)) for each in report.levels)]
    yield f"<h2>What this check proves</h2>\n<p>{html_text(checked(report))}, against {html_text(report.lock)}</p>\n"
    yield _facts((name, html_text(text)) for name, text in rows)
    coverage = list(coverage_lines(report))
    if coverage:
        yield _list("Coverage", coverage)
    for name, remarks in (
        ("Cannot be proven, not counted as drift", report.unprovable),
        ("Not counted as drift", report.remarks),
    ):
        if remarks:
            yield _list(name, [f"{each.subject} {each.version}: {redact(each.text)}" for each in remarks])
    if report.limits:
        yield _list("Limits of this check, not counted as drift", list(limit_lines(report)))


def _group(group: DriftGroup, *, full: bool) -> str:
    details = dict.fromkeys(redact(drift.detail) for drift in group.drifts)
    entries: list[tuple[str, str]] = []
    only = group.drifts[0] if len(group.drifts) == 1 else None
    if only is not None and only.path is not None:
        entries.append(("at", f"<code>{html_text(only.path)}</code>"))
    since = ", ".join(filter(None, (redact(group.origin or ""), written(group))))
    if since:
        entries.append(("by", html_text(since)))
    if group.folder and only is None:
        entries.append(("in", f"<code>{html_text(group.folder)}</code>"))
    entries.append(("fix", _prose(group.fix) if "`" in group.fix else f"{html_text(group.fix)} {_copy(group.fix)}"))
    rule = "\n".join(rule_lines(rule_of(group)))
    entries.append(
        ("accept", f"<details><summary>with a rule</summary><pre>{_text_lines(rule)}</pre>{_copy(rule)}</details>")
    )
    title = f'<h2><b title="{html_text(KIND_TEXTS[group.kind])}">{group.kind}</b> {html_text(named(group))}</h2>'
    detail = f"<p>{html_text(next(iter(details)))}</p>" if len(details) == 1 else ""
    rows = _rows(group, detailed=len(details) > 1, full=full) if only is None else ""
    return f'<article data-kind="{group.kind}">{title}{detail}{rows}{_facts(entries)}</article>\n'


def _rows(group: DriftGroup, *, detailed: bool, full: bool) -> str:
    shown = group.drifts if full else group.drifts[:_LISTED]
    rows = "".join(f"<li>{_row(group, drift, detailed=detailed)}</li>" for drift in shown)
    left = len(group.drifts) - len(shown)
    more = f"<li>… and {left} more: {html_text(setting('full'))} lists all</li>" if left else ""
    folded = " open" if len(group.drifts) <= 10 else ""
    return f"<details{folded}><summary>Show each</summary><ul>{rows}{more}</ul></details>"


def _row(group: DriftGroup, drift: Drift, *, detailed: bool) -> str:
    what = (
        f"<code>{html_text(place(group, drift))}</code>"
        if group.of_files
        else html_text(f"{drift.name}: {states(drift)}")
    )
    detail = f": {html_text(redact(drift.detail))}" if detailed else ""
    time = f" <small>{html_text(moment(drift.time))}</small>" if drift.time is not None else ""
    return f"{what}{detail}{time}"


def _accepted(report: DriftReport, *, full: bool) -> Iterator[str]:
    """Yield the accepted drifts, collapsed because they do not count."""
    shown = report.accepted if full else report.accepted[:_LISTED]
    rows = [
        f"{each.drift.kind} {each.drift.name}: {states(each.drift)}; {each.reason}"
        + (f" ({since})" if (since := where_from(each.drift)) else "")
        for each in shown
    ]
    if rows:
        count = len(report.accepted)
        rows += [f"… and {count - len(shown)} more: {setting('full')} lists all"] if len(shown) < count else []
        items = "".join(f"<li>{html_text(row)}</li>" for row in rows)
        yield f"<details><summary>Accepted, not counted as drift: {count}</summary><ul>{items}</ul></details>\n"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{html_text(name)}</dt><dd>{value}</dd>' for name, value in rows)}</dl>\n"


def _list(title: str, lines: Sequence[str]) -> str:
    return f"<h2>{html_text(title)}</h2>\n<ul>{''.join(f'<li>{html_text(line)}</li>' for line in lines)}</ul>\n"


def _prose(text: str) -> str:
    """Return one of our own sentences with its backquoted commands as code, each with a button that copies it."""
    if text.count("`") % 2:
        return html_text(text)
    return "".join(
        f"<code>{html_text(part[1:-1])}</code> {_copy(part[1:-1])}" if part.startswith("`") else html_text(part)
        for part in _SPAN.split(text)
        if part
    )


def _copy(text: str) -> str:
    return f'<button type="button" data-copy="{_text_lines(text)}" hidden>Copy</button>'


def _text_lines(text: str) -> str:
    return "\n".join(map(html_text, text.split("\n")))
