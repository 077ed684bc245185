"""Format drift reports as Markdown (GitHub's flavour), for the comment of a pull request or a ticket.

GitHub takes comments of 65,536 characters: what is beyond is counted, and groups are folded.
"""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lockml.common.display import escape, redact
from lockml.common.settings import setting
from lockml.drift.model import DriftReport
from lockml.report.groups import DriftGroup, group_drifts, rule_lines, rule_of
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

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&])")
_SPAN: Final = re.compile("(`[^`]*`)")
_ROOM: Final = 60_000  # characters, for all reports
_OPEN: Final = 3  # groups that are not folded
_EXAMPLES: Final = 10
_LISTED: Final = 50  # remarks, problems or accepted drifts


def format_markdown(reports: Sequence[DriftReport], *, full: bool = False) -> str:
    """Return the document on one subject; foreign text in it can neither forge a line nor make a link.

    Without *full*, it fits a comment on GitHub.
    """
    room = None if full else _ROOM // len(reports)
    return "\n".join(_section(report, room) for report in reports)


def _section(report: DriftReport, room: int | None) -> str:
    head = f"### {_prose(headline(report))}\n\n"
    head += f"{counted(report)}\n\n" if report.drifts else ""
    groups = group_drifts(report)
    problems = [f"- could not be checked: {_code(each.path)}: {_text(each.reason)}" for each in report.problems]
    proof = "".join(f"{line}\n" for line in _capped(problems, room)) + ("\n" if problems else "")
    proof += _folded(
        "How far the proof goes", _capped(_proof_lines(report, full=room is None), room), folded=bool(groups)
    )
    spent = len(head) + len(proof)
    told: list[str] = []
    for group in groups:
        text = _group(group, full=room is None, folded=len(groups) > _OPEN)
        spent += len(text)
        if room is not None and spent > room:
            break
        told.append(text)
    left = groups[len(told) :]
    count = sum(len(group.drifts) for group in left)
    more = f"… and {count} more in {len(left)} more groups: `{setting('full')}` lists all\n\n" if left else ""
    return f"{head}{''.join(told)}{more}{proof}"


def _group(group: DriftGroup, *, full: bool, folded: bool) -> str:
    title = f"<b>{group.kind}</b> <code>{html.escape(escape(named(group)))}</code>"
    return _folded(title, _group_lines(group, full=full), folded=folded, plain=False)


def _group_lines(group: DriftGroup, *, full: bool) -> Iterator[str]:
    details = dict.fromkeys(redact(drift.detail) for drift in group.drifts)
    if len(details) == 1:
        yield f"- {_text(next(iter(details)))}"
    since = ", ".join(filter(None, (redact(group.origin or ""), written(group))))
    if since:
        yield f"- by {_text(since)}"
    only = len(group.drifts) == 1
    if only and group.drifts[0].path is not None:
        yield f"- at {_code(group.drifts[0].path)}"
    shown = group.drifts if full else group.drifts[:_EXAMPLES]
    for drift in () if only else shown:
        what = _code(place(group, drift)) if group.of_files else f"{_code(drift.name)} {_text(states(drift))}"
        where = f" at {_code(drift.path)}" if drift.path is not None and not group.of_files else ""
        yield f"- {what}{where}" + (f": {_text(redact(drift.detail))}" if len(details) > 1 else "")
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


def _proof_lines(report: DriftReport, *, full: bool) -> Iterator[str]:
    yield f"- checked: {_text(checked(report))}"
    for name, text in facts(report):
        yield f"- {name}: {_text(text)}"
    for result in report.levels:
        yield f"- {result.level}: {_text(claim(report, result))}"
    for line in coverage_lines(report):
        yield f"- {_text(line)}"
    if report.accepted:
        yield f"- accepted, not counted as drift: {len(report.accepted)}"
    for accepted in report.accepted if full else ():
        drift = accepted.drift
        where = f" {drift.path}" if drift.path is not None else ""
        yield f"- accepted: {_text(f'{drift.kind} {drift.name}{where}: {accepted.reason}')}"
    for line in limit_lines(report):
        yield f"- not proven: {_text(line)}"
    for remark in (*report.unprovable, *report.remarks):
        yield f"- {_text(f'{remark.subject} {remark.version}: {redact(remark.text)}')}"


def _capped(lines: Iterable[str], room: int | None) -> Iterator[str]:
    """Yield *lines*, no more than a comment should have, and how many are left."""
    listed = list(lines)
    if room is None or len(listed) <= _LISTED:
        yield from listed
        return
    yield from listed[:_LISTED]
    yield f"- … and {len(listed) - _LISTED} more: `{setting('full')}` lists all"


def _prose(text: str) -> str:
    """Return a sentence of ours in which commands stand between backticks, as code."""
    if text.count("`") % 2:
        return _text(text)
    return "".join(_code(part[1:-1]) if part.startswith("`") else _text(part) for part in _SPAN.split(text) if part)


def _code(text: str) -> str:
    """Return *text* as a code span, whatever backticks it has (CommonMark 6.1)."""
    shown = escape(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) or not shown else ""
    return f"{fence}{space}{shown}{space}{fence}"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", escape(text))
