"""Acknowledgements: findings that do not count until a date.

An acknowledgement covers findings that are open when it is made, by fingerprint: later findings count. It applies to
one target, or to all, including later ones. It never covers a file whose bytes no run knows: other bytes could take
their place unnoticed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from lockml.audit.findings import Group
from lockml.audit.model import Finding
from lockml.audit.store.database import Database
from lockml.audit.store.tables import acknowledged, acknowledgements, findings
from lockml.common.errors import InputError
from lockml.drift.policy import has_unknown_bytes

__all__ = [
    "MOST_FINGERPRINTS",
    "Acknowledgement",
    "AcknowledgementStore",
    "FindingScope",
    "forget_acknowledgements",
    "held_by",
    "is_of_group",
]

MOST_FINGERPRINTS: Final = 10_000
"""The most findings of one acknowledgement."""

_CHUNK: Final = 500  # values in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A rule that *count* findings of *group* on *target*, None for all, do not count *until* a time, for a *reason*.

    *undone* is when a user ended it early.
    """

    id: int
    target: str | None
    group: Group
    count: int
    reason: str
    created: datetime
    until: datetime
    undone: datetime | None

    def holds(self, now: datetime) -> bool:
        """Say whether it is in force."""
        return self.undone is None and now < self.until

    @property
    def text(self) -> str:
        """The reason, as a run shows it."""
        return f"{self.reason} (acknowledged until {self.until:%Y-%m-%d %H:%M} UTC)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingScope:
    """The open findings of *group* that a page showed to a user: those that meet every condition that is given.

    They are open on *target*, have this *severity*, and opened from *oldest* to *newest*. *count* is how many of them
    counted then.
    """

    group: Group
    target: str | None = None
    severity: str | None = None
    oldest: datetime | None = None
    newest: datetime | None = None
    count: int | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        """The conditions on rows of findings."""
        found = [findings.c.resolved_by.is_(None), *is_of_group(self.group)]
        if self.target is not None:
            found.append(findings.c.target == self.target)
        if self.severity is not None:
            found.append(findings.c.severity == self.severity)
        if self.oldest is not None:
            found.append(findings.c.opened >= self.oldest)
        if self.newest is not None:
            found.append(findings.c.opened <= self.newest)
        return found


class AcknowledgementStore:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, scope: FindingScope, target: str | None, reason: str, now: datetime, until: datetime) -> int | None:
        """Acknowledge the findings in *scope*, on *target* or on all, and return the number; None if none is open.

        The same acknowledgement again has the same number. Raises InputError if the findings are too many, more than
        the page showed, or all of unknown bytes.
        """
        with self._database.writing() as connection:
            fingerprints = _fingerprints(connection, scope, now)
            if not fingerprints:
                return None
            values = {
                "target": target,
                **{key: getattr(scope.group, key) for key in ("kind", "package", "locked", "found")},
                "reason": reason,
                "until": until,
            }
            number = _same_before(connection, values, fingerprints)
            if number is None:
                values |= {"count": len(fingerprints), "created": now}
                added = insert(acknowledgements).values(values).returning(acknowledgements.c.id)
                number = connection.execute(added).scalar_one()
                rows = [{"fingerprint": each, "acknowledgement": number} for each in fingerprints]
                connection.execute(insert(acknowledged), rows)
            longer = select(acknowledgements.c.id).where(*_holding(now), acknowledgements.c.until > until)
            free = or_(findings.c.acknowledged.is_(None), findings.c.acknowledged.not_in(longer))
            theirs = [findings.c.resolved_by.is_(None), *is_of_group(scope.group), free]
            if target is not None:
                theirs.append(findings.c.target == target)
            for first in range(0, len(fingerprints), _CHUNK):
                some = findings.c.fingerprint.in_(fingerprints[first : first + _CHUNK])
                connection.execute(update(findings).where(*theirs, some).values(acknowledged=number))
            return number

    def undo(self, number: int, now: datetime) -> bool:
        """End acknowledgement *number* and say whether it was in force; the next run sends messages about it.

        A finding with another acknowledgement does not count for the reason of that one.
        """
        held = (acknowledgements.c.id == number, acknowledgements.c.undone.is_(None), acknowledgements.c.until > now)
        others = (
            select(acknowledgements.c.id)
            .join(acknowledged, acknowledged.c.acknowledgement == acknowledgements.c.id)
            .where(acknowledged.c.fingerprint == findings.c.fingerprint, *_holding(now))
            .where(or_(acknowledgements.c.target.is_(None), acknowledgements.c.target == findings.c.target))
            .order_by(acknowledgements.c.until.desc(), acknowledgements.c.id.desc())
            .limit(1)
        )
        with self._database.writing() as connection:
            ended = update(acknowledgements).where(*held).values(undone=now).returning(acknowledgements)
            row = connection.execute(ended).first()
            if row is None:
                return False
            theirs = (findings.c.resolved_by.is_(None), *is_of_group(_acknowledgement(row).group))
            other = func.coalesce(others.scalar_subquery(), number)
            connection.execute(
                update(findings).where(*theirs, findings.c.acknowledged == number).values(acknowledged=other)
            )
            return True

    def all(self, *, limit: int = 100, before: int | None = None) -> list[Acknowledgement]:
        """Return the acknowledgements, the newest first, only those older than number *before* if given."""
        wanted = select(acknowledgements).order_by(acknowledgements.c.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(acknowledgements.c.id < before)
        with self._database.reading() as connection:
            return [_acknowledgement(row) for row in connection.execute(wanted)]

    def holding(self, now: datetime) -> dict[int, Acknowledgement]:
        """Return the acknowledgements in force at *now* by number."""
        with self._database.reading() as connection:
            found = connection.execute(select(acknowledgements).where(*_holding(now)))
            return {row.id: _acknowledgement(row) for row in found}

    def on(self, target: str, fingerprints: Sequence[str], now: datetime) -> dict[str, Acknowledgement]:
        """Return the acknowledgement of each of *fingerprints* that has one on *target*."""
        with self._database.reading() as connection:
            return held_by(connection, target, fingerprints, now)


def _fingerprints(connection: Connection, scope: FindingScope, now: datetime) -> list[str]:
    """Return the fingerprints in *scope* that can be acknowledged; raises InputError."""
    each = select(findings.c.fingerprint, func.max(findings.c.id)).where(*scope.conditions)
    rows = connection.execute(each.group_by(findings.c.fingerprint).limit(MOST_FINGERPRINTS + 1)).all()
    if len(rows) > MOST_FINGERPRINTS:
        hint = "acknowledge it on one target, or add a rule to the fleet file"
        raise InputError(scope.group.package, f"has more than {MOST_FINGERPRINTS} findings", hint=hint)
    if scope.count is not None and _count_open(connection, scope, now) > scope.count:
        problem = "has more open findings than the page showed"
        raise InputError(scope.group.package, problem, hint="reload the page and review the new findings")
    known = []
    for first in range(0, len(rows), _CHUNK):
        some = findings.c.id.in_([number for _, number in rows[first : first + _CHUNK]])
        found = connection.execute(select(findings.c.fingerprint, findings.c.finding).where(some))
        known += [row.fingerprint for row in found if not has_unknown_bytes(Finding(**row.finding))]
    if rows and not known:
        problem = "has only files with unknown bytes: other bytes could take their place unnoticed"
        raise InputError(scope.group.package, problem, hint="add a rule with their path to the fleet file")
    return known


def _count_open(connection: Connection, scope: FindingScope, now: datetime) -> int:
    """Return the number of findings in *scope* that count at *now*."""
    holding = select(acknowledgements.c.id).where(*_holding(now))
    counts = or_(findings.c.acknowledged.is_(None), findings.c.acknowledged.not_in(holding))
    wanted = select(func.count()).select_from(findings).where(*scope.conditions, counts)
    return connection.execute(wanted).scalar_one()


def _same_before(connection: Connection, values: Mapping[str, Any], fingerprints: Sequence[str]) -> int | None:
    """Return the number of an equal acknowledgement of all *fingerprints*: a form may be sent twice."""
    columns = acknowledgements.c
    same = [columns[key].is_(None) if value is None else columns[key] == value for key, value in values.items()]
    last = select(columns.id).where(*same, columns.undone.is_(None)).order_by(columns.id.desc()).limit(1)
    number: int | None = connection.execute(last).scalar()
    if number is None:
        return None
    its = select(acknowledged.c.fingerprint).where(acknowledged.c.acknowledgement == number)
    return number if set(fingerprints) <= set(connection.execute(its).scalars()) else None


def _holding(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (acknowledgements.c.undone.is_(None), acknowledgements.c.until > now)


def is_of_group(group: Group) -> list[ColumnElement[bool]]:
    """Return the conditions of rows of findings in *group*."""
    return [
        findings.c.kind == group.kind,
        findings.c.package == group.package,
        *(
            column.is_(None) if value is None else column == value
            for column, value in ((findings.c.locked, group.locked), (findings.c.found, group.found))
        ),
    ]


def held_by(
    connection: Connection, target: str, fingerprints: Sequence[str], now: datetime
) -> dict[str, Acknowledgement]:
    """Return the acknowledgement of each of *fingerprints* that has one on *target*, the one that ends last."""
    theirs = and_(*_holding(now), or_(acknowledgements.c.target.is_(None), acknowledgements.c.target == target))
    rules = {row.id: _acknowledgement(row) for row in connection.execute(select(acknowledgements).where(theirs))}
    held: dict[str, Acknowledgement] = {}
    if not rules:
        return held
    for first in range(0, len(fingerprints), _CHUNK):
        some = fingerprints[first : first + _CHUNK]
        wanted = select(acknowledged).where(acknowledged.c.fingerprint.in_(some))
        for row in connection.execute(wanted.order_by(acknowledged.c.acknowledgement)):
            rule, before = rules.get(row.acknowledgement), held.get(row.fingerprint)
            if rule is not None and (before is None or rule.until >= before.until):
                held[row.fingerprint] = rule
    return held


def forget_acknowledgements(connection: Connection, before: datetime) -> None:
    """Delete the acknowledgements that ended *before* this time."""
    ended = select(acknowledgements.c.id).where(
        or_(acknowledgements.c.until < before, acknowledgements.c.undone < before)
    )
    connection.execute(delete(acknowledged).where(acknowledged.c.acknowledgement.in_(ended)))
    connection.execute(delete(acknowledgements).where(acknowledgements.c.id.in_(ended)))


def _acknowledgement(row: Row[Any]) -> Acknowledgement:
    return Acknowledgement(
        id=row.id,
        target=row.target,
        group=Group(kind=row.kind, package=row.package, locked=row.locked, found=row.found),
        count=row._mapping["count"],
        reason=row.reason,
        created=row.created,
        until=row.until,
        undone=row.undone,
    )
