"""Queries of open findings: by package and version, by kind, by age, by target, and one by one.

Two partial indexes answer everything but the findings themselves without reading rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Label, Row, Select, bindparam, case, exists, false, func, or_, select

from lockml.audit.findings import Group
from lockml.audit.model import SEVERITIES
from lockml.audit.store.acknowledgements import is_of_group
from lockml.audit.store.database import Database
from lockml.audit.store.history import FindingRow, finding_of
from lockml.audit.store.tables import findings, targets

__all__ = ["FindingFilter", "GroupRow", "OpenFindings", "Order", "Page", "TargetCounts"]

Order = Literal["severity", "targets", "count", "oldest", "newest", "name"]
_LEAST: Final = case(*((findings.c.severity == each, at) for at, each in enumerate(SEVERITIES)), else_=len(SEVERITIES))


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFilter:
    """The open findings to return: those that meet every condition that is given.

    Each of *words* is in the package or a version. *acknowledged* are the numbers of acknowledgements in force; with
    *counted* their findings are excluded, with False only they are returned.
    """

    words: tuple[str, ...] = ()
    kind: str | None = None
    severity: str | None = None
    package: str | None = None
    version: str | None = None
    target: str | None = None
    group: Group | None = None
    after: datetime | None = None
    before: datetime | None = None
    acknowledged: frozenset[int] = frozenset()
    counted: bool | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on rows."""
        columns = findings.c
        found: list[ColumnElement[bool]] = [columns.resolved_by.is_(None)]
        equal = {"kind": self.kind, "severity": self.severity, "package": self.package, "target": self.target}
        found += [columns[key] == value for key, value in equal.items() if value is not None]
        if self.group is not None:
            found += is_of_group(self.group)
        if self.version is not None:
            found.append(or_(columns.found == self.version, columns.locked == self.version))
        texts = (columns.package, columns.found, columns.locked, columns.kind)
        found += [or_(*(text.icontains(word, autoescape=True) for text in texts)) for word in self.words]
        if self.after is not None:
            found.append(columns.opened > self.after)
        if self.before is not None:
            found.append(columns.opened <= self.before)
        if self.counted is not None:
            held = columns.acknowledged.in_(self.acknowledged) if self.acknowledged else false()
            found.append(held if not self.counted else or_(columns.acknowledged.is_(None), ~held))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow:
    """The open findings of a *group*: *count* on *targets* targets, the worst with *severity*.

    *held* of them are acknowledged, *example* is one of them, None for a query without examples.
    """

    group: Group
    target: str
    severity: str
    count: int
    targets: int
    oldest: datetime
    newest: datetime
    held: int
    example: FindingRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page: *rows* of *total* from *offset* on; all rows have *count* findings."""

    rows: Sequence[Any]
    offset: int
    total: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCounts:
    """The number of findings of a target that count, by severity, and that are acknowledged."""

    severities: Mapping[str, int]
    held: int


class OpenFindings:
    """The queries; every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def groups(self, chosen: FindingFilter, order: Order, *, limit: int, offset: int = 0, by: str = "package") -> Page:
        """Return the groups of *chosen* findings; *by* ``kind`` or ``target``, one group for each."""
        wanted = _grouped(chosen, by).limit(limit)
        for key in _orders(by)[order]:
            wanted = wanted.order_by(key)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.offset(offset)).all()
            if not rows and offset:
                offset = 0
                rows = connection.execute(wanted).all()
            found = [_group_row(row) for row in rows]
            return Page(
                rows=self._with_examples(connection, chosen, found) if by == "package" else found,
                offset=offset,
                total=rows[0].total if rows else 0,
                count=int(rows[0].findings) if rows else 0,
            )

    @staticmethod
    def _with_examples(connection: Connection, chosen: FindingFilter, rows: Sequence[GroupRow]) -> list[GroupRow]:
        """Return *rows*, each with one of its *chosen* findings."""
        found = []
        for row in rows:
            one = select(findings).where(*chosen.conditions, *is_of_group(row.group)).limit(1)
            example = connection.execute(one).first()
            found.append(replace(row, example=finding_of(example) if example is not None else None))
        return found

    def rows(self, chosen: FindingFilter, *, limit: int, offset: int = 0) -> Page:
        """Return the *chosen* findings, the worst first."""
        conditions = chosen.conditions
        order = (_LEAST, findings.c.kind, findings.c.package, findings.c.target, findings.c.id)
        place = select(findings.c.id).where(*conditions).order_by(*order).limit(limit)
        with self._database.reading() as connection:
            total = connection.execute(select(func.count()).select_from(findings).where(*conditions)).scalar_one()
            offset = offset if offset < total else 0
            numbers = connection.execute(place.offset(offset)).scalars().all()
            found = connection.execute(select(findings).where(findings.c.id.in_(numbers)))
            rows = {row.id: finding_of(row) for row in found}
        return Page(rows=[rows[each] for each in numbers], offset=offset, total=total, count=total)

    def opened(self, chosen: FindingFilter, moments: Sequence[datetime]) -> list[int]:
        """Return the number of *chosen* findings that opened after each of *moments*."""
        sums = [func.sum(case((findings.c.opened > moment, 1), else_=0)) for moment in moments]
        with self._database.reading() as connection:
            row = connection.execute(select(*sums).where(*chosen.conditions)).one()
        return [int(each or 0) for each in row]

    def worst_groups(
        self, names: Sequence[str], chosen: FindingFilter, limit: int
    ) -> dict[str, tuple[list[GroupRow], int]]:
        """Return the *limit* worst groups of each of the targets *names*, with the number of all its groups."""
        key = [findings.c[each] for each in _KEYS["both"]]
        every = select(findings.c.target).where(*chosen.conditions, findings.c.target.in_(names)).group_by(*key)
        counted = every.subquery()
        totals = select(counted.c.target, func.count()).group_by(counted.c.target)
        one = _grouped(chosen, "both").where(findings.c.target == bindparam("name")).limit(limit)
        one = one.order_by(*_orders("both")["severity"])
        with self._database.reading() as connection:
            counts = {row[0]: row[1] for row in connection.execute(totals)}
            found = ((name, connection.execute(one, {"name": name})) for name in names if name in counts)
            return {name: ([_group_row(row) for row in rows], counts[name]) for name, rows in found}

    def samples(self, chosen: FindingFilter, groups: Sequence[GroupRow], limit: int) -> dict[Group, list[FindingRow]]:
        """Return the first *limit* *chosen* findings of each of *groups*."""
        with self._database.reading() as connection:
            return {
                row.group: [
                    finding_of(each)
                    for each in connection.execute(
                        select(findings)
                        .where(*chosen.conditions, *is_of_group(row.group))
                        .order_by(findings.c.id)
                        .limit(limit)
                    )
                ]
                for row in groups
            }

    def with_errors(self, acknowledged: frozenset[int], name: str | None = None) -> set[str]:
        """Return the targets, or the one *name*, that have open errors; those *acknowledged* do not count."""
        conditions = FindingFilter(severity="error", acknowledged=acknowledged, counted=True).conditions
        one = exists().where(findings.c.target == targets.c.name, *conditions)
        wanted = select(targets.c.name).where(one)
        if name is not None:
            wanted = wanted.where(targets.c.name == name)
        with self._database.reading() as connection:
            return set(connection.execute(wanted).scalars())

    def counts(self, names: Iterable[str] | None, acknowledged: frozenset[int]) -> dict[str, TargetCounts]:
        """Return the counts of each target with open findings, only of *names* if given."""
        held = _held(acknowledged)
        key = (findings.c.target, findings.c.severity, held)
        wanted = select(*key, func.count().label("count")).where(findings.c.resolved_by.is_(None)).group_by(*key)
        if names is not None:
            wanted = wanted.where(findings.c.target.in_(list(names)))
        counted: dict[str, dict[str, int]] = {}
        apart: dict[str, int] = {}
        with self._database.reading() as connection:
            for target, severity, is_held, count in connection.execute(wanted):
                mine = counted.setdefault(target, dict.fromkeys(SEVERITIES, 0))
                if is_held:
                    apart[target] = apart.get(target, 0) + count
                else:
                    mine[severity] = mine.get(severity, 0) + count
        return {name: TargetCounts(severities=each, held=apart.get(name, 0)) for name, each in counted.items()}


def _held(acknowledged: frozenset[int]) -> Label[int]:
    if not acknowledged:
        return case((false(), 1), else_=0).label("held")
    return case((findings.c.acknowledged.in_(acknowledged), 1), else_=0).label("held")


_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "package": ("kind", "package", "locked", "found"),
    "both": ("target", "kind", "package", "locked", "found"),
    "kind": ("kind",),
    "target": ("target",),
}


def _grouped(chosen: FindingFilter, by: str) -> Select[Any]:
    key = [findings.c[each] for each in _KEYS[by]]
    held = _held(chosen.acknowledged)
    shown: dict[str, ColumnElement[Any]] = {
        "least": func.min(_LEAST),
        "count": func.count(),
        "targets": func.count(findings.c.target.distinct()) if by != "both" else func.min(1),
        "oldest": func.min(findings.c.opened),
        "newest": func.max(findings.c.opened),
        "held": func.sum(held.element),
    }
    if by != "both":
        shown |= {"total": func.count().over(), "findings": func.sum(func.count()).over()}
    columns = [value.label(name) for name, value in shown.items()]
    return select(*key, *columns).where(*chosen.conditions).group_by(*key)


def _orders(by: str) -> Mapping[str, tuple[Any, ...]]:
    named = [findings.c[each] for each in ("package", "found", "locked", "kind") if each in _KEYS[by]]
    named = named or [findings.c[each] for each in _KEYS[by]]
    least, count = func.min(_LEAST), func.count().desc()
    targets = (func.count(findings.c.target.distinct()) if by != "both" else func.min(1)).desc()
    return {
        "severity": (least, targets, count, *named),
        "targets": (targets, least, *named),
        "count": (count, least, *named),
        "oldest": (func.min(findings.c.opened), least, *named),
        "newest": (func.max(findings.c.opened).desc(), least, *named),
        "name": (*named, least),
    }


def _group_row(row: Row[Any]) -> GroupRow:
    table = row._mapping
    group = Group(
        kind=table.get("kind") or "",
        package=table.get("package") or "",
        locked=table.get("locked"),
        found=table.get("found"),
    )
    return GroupRow(
        group=group,
        target=table.get("target") or "",
        severity=SEVERITIES[min(table["least"], len(SEVERITIES) - 1)],
        count=table["count"],
        targets=table["targets"],
        oldest=table["oldest"],
        newest=table["newest"],
        held=int(table["held"] or 0),
    )
