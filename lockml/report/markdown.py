"""Format drift reports as Markdown (GitHub's flavour), for the comment of a pull request or a ticket.

GitHub limits comments to 65,536 characters: the rest is counted, and groups are collapsed.
"""

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from lockml.common.display import escape, redact
from lockml.common.settings import setting
from lockml.drift.model import DriftReport
from lockml.report.groups import DriftGroup, group_drifts, rule_lines, rule_of
from lockml.report.markup import md_code, md_text
from lockml.report.words import (
    checked,
    claim,
    counted,
    coverage_lines,
    facts,
    headline,
    limit_lines,
    named,
    place,
    states,
    written,
)

__all__ = ["format_markdown"]

_SPAN: Final = re.compile("(`[^`]*`)")
_ROOM: Final = 60_000  # characters, for all reports
_LEAST: Final = 2_000  # for one of many
_OPEN: Final = 3  # groups that are not folded
_EXAMPLES: Final = 10
_LONGEST: Final = 1_000  # characters of a line of foreign text
_LISTED: Final = 50  # remarks, problems or accepted drifts


def format_markdown(reports: Sequence[DriftReport], *, full: bool = False) -> str:
    """Return the document for one subject; foreign text in it can neither forge a line nor make a link.

    Without *full*, it fits a comment on GitHub.
    """
    if full:
        return "\n".join(_section(report, None) for report in reports)
    sections = [_section(report, max(_ROOM // len(reports), _LEAST)) for report in reports]
    lengths = list(accumulate(len(section) + 1 for section in sections))
    fitting = bisect_right(lengths, _ROOM)
    left = len(sections) - fitting
    more = [f"… and {left} more environments: `{setting('full')}` lists all\n"] if left else []
    return "\n".join([*sections[:fitting], *more])


def _section(report: DriftReport, room: int | None) -> str:
    head = f"### {_prose(_clipped(headline(report), room))}\n\n"
    head += f"{counted(report)}\n\n" if report.drifts else ""
    groups = group_drifts(report)
    problems = [
        f"- could not be checked: {md_code(_clipped(each.path, room))}: {md_text(_clipped(each.reason, room))}"
        for each in report.problems[: None if room is None else _LISTED]
    ]
    unlisted = len(report.problems) - len(problems)
    proof = "".join(f"{line}\n" for line in _capped(problems, room, unlisted)) + ("\n" if problems else "")
    proof += _folded("What this check proves", _capped(list(_proof_lines(report, room)), room), folded=bool(groups))
    spent = len(head) + len(proof)
    parts: list[str] = []
    left: list[DriftGroup] = []
    for group in groups:
        text = _group(group, full=room is None, folded=len(groups) > _OPEN)
        if room is not None and spent + len(text) > room:
            left.append(group)
            continue
        spent += len(text)
        parts.append(text)
    count = sum(len(group.drifts) for group in left)
    more = f"… and {count} more in {len(left)} more groups: `{setting('full')}` lists all\n\n" if left else ""
    return f"{head}{''.join(parts)}{more}{proof}"


def _group(group: DriftGroup, *, full: bool, folded: bool) -> str:
    title = f"<b>{group.kind}</b> <code>{html.escape(escape(named(group)))}</code>"
    return _folded(title, _group_lines(group, full=full), folded=folded, plain=False)


def _group_lines(group: DriftGroup, *, full: bool) -> Iterator[str]:
    details = dict.fromkeys(redact(drift.detail) for drift in group.drifts)
    if len(details) == 1:
        yield f"- {md_text(next(iter(details)))}"
    since = ", ".join(filter(None, (redact(group.origin or ""), written(group))))
    if since:
        yield f"- by {md_text(since)}"
    only = len(group.drifts) == 1
    if only and group.drifts[0].path is not None:
        yield f"- at {md_code(group.drifts[0].path)}"
    shown = group.drifts if full else group.drifts[:_EXAMPLES]
    for drift in () if only else shown:
        what = md_code(place(group, drift)) if group.of_files else f"{md_code(drift.name)} {md_text(states(drift))}"
        where = f" at {md_code(drift.path)}" if drift.path is not None and not group.of_files else ""
        yield f"- {what}{where}" + (f": {md_text(redact(drift.detail))}" if len(details) > 1 else "")
    if len(shown) < len(group.drifts):
        yield f"- … and {len(group.drifts) - len(shown)} more"
    yield f"- fix: {_prose(group.fix)}"
    yield "- accept:"
    yield ""
    yield "  ```toml"
    yield from (f"  {escape(line)}" for line in rule_lines(rule_of(group)))
    yield "  ```"


def _folded(title: str, lines: Iterable[str], *, folded: bool, plain: bool = True) -> str:
    summary = html.escape(title) if plain else title
    body = "\n".join(lines)
    return f"<details{'' if folded else ' open'}><summary>{summary}</summary>\n\n{body}\n\n</details>\n\n"


def _proof_lines(report: DriftReport, room: int | None) -> Iterator[str]:
    yield f"- checked: {md_text(checked(report))}"
    for name, text in facts(report):
        yield f"- {name}: {md_text(text)}"
    for result in report.levels:
        yield f"- {result.level}: {md_text(claim(report, result))}"
    for line in coverage_lines(report):
        yield f"- {md_text(_clipped(line, room))}"
    if report.accepted:
        yield f"- accepted, not counted as drift: {len(report.accepted)}"
    for accepted in report.accepted if room is None else ():
        drift = accepted.drift
        where = f" {drift.path}" if drift.path is not None else ""
        yield f"- accepted: {md_text(f'{drift.kind} {drift.name}{where}: {accepted.reason}')}"
    for line in limit_lines(report):
        yield f"- not proven: {md_text(_clipped(line, room))}"
    for remark in (*report.unprovable, *report.remarks):
        yield f"- {md_text(_clipped(f'{remark.subject} {remark.version}: {redact(remark.text)}', room))}"


def _capped(lines: Sequence[str], room: int | None, unlisted: int = 0) -> Iterator[str]:
    """Yield as many *lines* as a comment should have, then how many more there are, including those *unlisted*."""
    if room is None:
        yield from lines
        return
    lengths = list(accumulate(len(line) + 1 for line in lines[:_LISTED]))
    shown = bisect_right(lengths, room // 4)
    yield from lines[:shown]
    left = len(lines) - shown + unlisted
    if left:
        yield f"- … and {left} more: `{setting('full')}` lists all"


def _clipped(text: str, room: int | None) -> str:
    """Return *text* shortened to what a line of a comment should hold."""
    if room is None:
        return escape(text)
    longest = min(_LONGEST, room // 8)
    shown = escape(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def _prose(text: str) -> str:
    """Return one of our own sentences with its backquoted commands as code."""
    if text.count("`") % 2:
        return md_text(text)
    return "".join(md_code(part[1:-1]) if part.startswith("`") else md_text(part) for part in _SPAN.split(text) if part)
