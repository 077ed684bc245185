"""Findings of one run in groups, as pages show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from lockml.audit.findings import Group, group_of
from lockml.audit.model import SEVERITIES, Finding

__all__ = ["FoundGroup", "FoundGroups", "found_groups", "group_query", "one_by_one"]

_LISTED: Final = 5  # findings of each group


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGroup:
    """The first *findings* of a *group* of *count*; the page at *link* has all of them.

    *fix* is the fix of all, "" if they have several.
    """

    group: Group
    severity: str
    count: int
    findings: Sequence[Finding]
    fix: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundGroups:
    """The *groups* of a page, of *total*."""

    groups: Sequence[FoundGroup]
    total: int

    @property
    def left(self) -> int:
        """The number of groups that are not shown."""
        return self.total - len(self.groups)


def group_query(group: Group) -> str:
    """Return the parameters that name *group*."""
    return urlencode(
        {"kind": group.kind, "package": group.package, "locked": group.locked or "", "found": group.found or ""}
    )


def found_groups(findings: Iterable[Finding], path: str, size: int, offset: int = 0) -> FoundGroups:
    """Return *size* groups of *findings* from *offset* on, the worst and largest first; *path* is their page."""
    grouped: dict[Group, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(group_of(finding), []).append(finding)
    ordered = sorted(grouped.items(), key=lambda item: (_least(item[1]), -len(item[1]), item[0].kind, item[0].package))
    return FoundGroups(
        groups=[_group(group, found, path) for group, found in ordered[offset : offset + size]], total=len(ordered)
    )


def one_by_one(findings: Iterable[Finding]) -> list[FoundGroup]:
    """Return each of *findings* as a group of its own."""
    return [_group(group_of(finding), [finding], "") for finding in findings]


def _least(findings: Iterable[Finding]) -> int:
    return min(SEVERITIES.index(finding.severity) for finding in findings)


def _group(group: Group, findings: Sequence[Finding], path: str) -> FoundGroup:
    fixes = {finding.fix for finding in findings}
    return FoundGroup(
        group=group,
        severity=SEVERITIES[_least(findings)],
        count=len(findings),
        findings=findings[:_LISTED],
        fix=fixes.pop() if len(fixes) == 1 else "",
        link=f"{path}?{group_query(group)}" if path else "",
    )
