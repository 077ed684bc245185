"""Format drift reports as text: what to do, the drifts in groups with their fixes, then how far the proof goes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lockml.common.display import redact
from lockml.common.settings import setting
from lockml.drift.model import AcceptedDrift, Drift, DriftReport, Remark
from lockml.report.groups import DriftGroup, Member, group_drifts, rule_lines, rule_of
from lockml.report.lines import Line, fact, format_lines, paint, paint_nothing, shown
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
    states,
    verdict,
    where_from,
    written,
)

__all__ = ["format_text"]

_MOST_GROUPS: Final = 20
_MOST_MEMBERS: Final = 8
_MOST_EXAMPLES: Final = 2


def format_text(
    reports: Sequence[DriftReport], *, colour: bool = False, width: int | None = None, full: bool = False
) -> str:
    """Return the report for one subject; foreign text in it is escaped, *colour* adds terminal colours.

    Lines are wrapped at words to *width* columns, None for no wrapping; *full* lists every drift.
    """
    painted = paint if colour else paint_nothing
    return "\n".join(
        "\n\n".join(filter(None, (format_lines(lines, painted, width) for lines in _paragraphs(report, full=full))))
        + "\n"
        for report in reports
    )


def _paragraphs(report: DriftReport, *, full: bool) -> Iterator[Iterable[Line]]:
    yield _head_lines(report)
    groups = group_drifts(report)
    listed = groups if full else groups[:_MOST_GROUPS]
    yield from (_group_lines(group, full=full) for group in listed)
    left = groups[len(listed) :]
    if left:
        more = f" in {len(left)} more {'group' if len(left) == 1 else 'groups'}"
        yield [Line(2, _more(sum(len(group.drifts) for group in left), more))]
    yield _problem_lines(report)
    yield _accepted_lines(report.accepted, full=full)
    yield _proof_lines(report)


def _head_lines(report: DriftReport) -> Iterator[Line]:
    shade = "red" if report.drifts else "green" if report.complete else "yellow"
    yield Line(0, shown(verdict(report)), f"{shown(str(report.subject))}: ", shade)
    if report.drifts:
        yield Line(0, counted(report))


def _group_lines(group: DriftGroup, *, full: bool) -> Iterator[Line]:
    yield Line(2, shown(named(group)), f"{group.kind} ", "red", 6)
    yield from _single_lines(group.drifts[0]) if len(group.drifts) == 1 else _several_lines(group, full=full)
    yield fact("fix", group.fix)
    for number, line in enumerate(rule_lines(rule_of(group))):
        yield fact("" if number else "accept", line, wraps=False)


def _single_lines(drift: Drift) -> Iterator[Line]:
    yield Line(4, shown(redact(drift.detail)))
    if drift.path is not None:
        yield fact("at", drift.path, wraps=False)
    since = where_from(drift)
    if since:
        yield fact("by", since)


def _several_lines(group: DriftGroup, *, full: bool) -> Iterator[Line]:
    details = dict.fromkeys(drift.detail for drift in group.drifts)
    if len(details) == 1:
        yield Line(4, shown(redact(group.drifts[0].detail)))
    since = ", ".join(filter(None, (redact(group.origin or ""), written(group))))
    if since:
        yield fact("by", since)
    if group.folder:
        yield fact("in", group.folder, wraps=False)
    listed = group.members if full else group.members[:_MOST_MEMBERS]
    for member in listed:
        yield from _member_lines(group, member, full=full, detailed=len(details) > 1)
    left = group.members[len(listed) :]
    if left:
        count = sum(len(member.drifts) for member in left)
        yield Line(6, _more(count, f" in {len(left)} more" if group.of_files else ""))


def _member_lines(group: DriftGroup, member: Member, *, full: bool, detailed: bool) -> Iterator[Line]:
    alone = len(group.members) == 1
    if full or alone or not group.of_files:
        most = len(member.drifts) if full else _MOST_MEMBERS if alone else _MOST_EXAMPLES
        yield from (_listed(group, drift, detailed=detailed) for drift in member.drifts[:most])
        if len(member.drifts) > most:
            yield Line(6, _more(len(member.drifts) - most))
        return
    examples = ", ".join(place(group, drift) for drift in member.drifts[:_MOST_EXAMPLES])
    more = ", …" if len(member.drifts) > _MOST_EXAMPLES else ""
    yield Line(6, shown(f"{member.name}: {len(member.drifts)}, such as {examples}{more}"))


def _listed(group: DriftGroup, drift: Drift, *, detailed: bool) -> Line:
    what = place(group, drift) if group.of_files else f"{drift.name}: {states(drift)}"
    detail = f": {redact(drift.detail)}" if detailed else ""
    time = f" ({moment(drift.time)})" if drift.time is not None and " to " in written(group) else ""
    return Line(6, shown(f"{what}{detail}{time}"))


def _more(count: int, where: str = "") -> str:
    return f"… and {count} more{where}: {setting('full')} lists all"


def _problem_lines(report: DriftReport) -> Iterator[Line]:
    if report.problems:
        yield Line(0, "", "Could not be checked:", "yellow")
    for problem in report.problems:
        yield Line(2, shown(f"{problem.path}: {problem.reason}"))


def _accepted_lines(accepted: Sequence[AcceptedDrift], *, full: bool) -> Iterator[Line]:
    if accepted and not full:
        yield Line(0, f"Accepted, not counted as drift: {len(accepted)} ({setting('full')} lists all)")
    elif accepted:
        yield Line(0, "Accepted, not counted as drift:")
    for each in accepted if full else ():
        where = f" at {each.drift.path}" if each.drift.path is not None else ""
        yield Line(2, shown(f"{each.drift.kind} {each.drift.name}{where}: {each.reason}"))


def _proof_lines(report: DriftReport) -> Iterator[Line]:
    yield Line(0, f"Checked {shown(checked(report))}")
    proof = [*facts(report), *((result.level, claim(report, result)) for result in report.levels)]
    yield from (Line(2, shown(text), f"{name:10} ", "", 11) for name, text in proof)
    for number, line in enumerate(coverage_lines(report)):
        yield Line(4, shown(line)) if number else Line(2, shown(line), f"{'coverage':10} ", "", 11)
    if report.unprovable:
        yield Line(0, "Cannot be proven, not counted as drift:")
        yield from _remark_lines(report.unprovable)
    if report.remarks:
        yield Line(0, "Not counted as drift:")
        yield from _remark_lines(report.remarks)
    limits = list(limit_lines(report))
    if limits:
        yield Line(0, f"Limits of this check, not counted as drift (see {setting('strict')}):")
        yield from (Line(2, shown(line)) for line in limits)


def _remark_lines(remarks: Sequence[Remark]) -> Iterator[Line]:
    for remark in remarks:
        subject = f"{remark.subject} {remark.version}".rstrip()
        yield Line(2, shown(f"{subject}: {redact(remark.text)}"))
