"""What somebody has seen and lets be until a day in; what of a run does not count out.

An acknowledgement is a rule on what was open when it was made, by fingerprint: whatever is found later counts. It holds
on one target, or on all, also on those that come later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, update

from lockml.audit.findings import Group
from lockml.audit.store.database import Database
from lockml.audit.store.tables import acknowledged, acknowledgements, findings
from lockml.common.errors import InputError

__all__ = [
    "MOST_FINGERPRINTS",
    "Acknowledgement",
    "AcknowledgementStore",
    "forget_acknowledgements",
    "held_by",
    "is_of_group",
]

MOST_FINGERPRINTS: Final = 10_000
"""What one acknowledgement may be about."""

_CHUNK: Final = 500  # values in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A rule on *count* findings of *group*, on *target*, None for all: let be for a *reason*, *until* a moment.

    *undone* is when somebody ended it before.
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
        """Say whether what it is about does not count."""
        return self.undone is None and now < self.until

    @property
    def text(self) -> str:
        """Why what it is about does not count, as a run says it."""
        return f"{self.reason} (acknowledged until {self.until:%Y-%m-%d %H:%M} UTC)"


class AcknowledgementStore:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, group: Group, target: str | None, reason: str, now: datetime, until: datetime) -> int | None:
        """Let what is open of *group* be, on *target* or on all, and return the number; None where nothing is open.

        Raises InputError where that is too much.
        """
        theirs = [findings.c.resolved_by.is_(None), *is_of_group(group)]
        if target is not None:
            theirs.append(findings.c.target == target)
        with self._database.writing() as connection:
            seen = select(findings.c.fingerprint).where(*theirs).distinct().limit(MOST_FINGERPRINTS + 1)
            fingerprints = connection.execute(seen).scalars().all()
            if not fingerprints:
                return None
            if len(fingerprints) > MOST_FINGERPRINTS:
                problem = f"has more than {MOST_FINGERPRINTS} findings"
                raise InputError(
                    group.package, problem, hint="acknowledge it on one target, or write a rule into the fleet file"
                )
            values = {
                "target": target,
                **{key: getattr(group, key) for key in ("kind", "package", "locked", "found")},
                "count": len(fingerprints),
                "reason": reason,
                "created": now,
                "until": until,
            }
            added = insert(acknowledgements).values(values).returning(acknowledgements.c.id)
            number: int = connection.execute(added).scalar_one()
            rows = [{"fingerprint": each, "acknowledgement": number} for each in fingerprints]
            connection.execute(insert(acknowledged), rows)
            connection.execute(update(findings).where(*theirs).values(acknowledged=number))
            return number

    def undo(self, number: int, now: datetime) -> bool:
        """Let what acknowledgement *number* is about count again, and say whether it held; the next run tells of it."""
        held = (acknowledgements.c.id == number, acknowledgements.c.undone.is_(None), acknowledgements.c.until > now)
        with self._database.writing() as connection:
            return bool(connection.execute(update(acknowledgements).where(*held).values(undone=now)).rowcount)

    def all(self, *, limit: int = 100, before: int | None = None) -> list[Acknowledgement]:
        """Return them, the newest first, with *before* those older than the one of that number."""
        wanted = select(acknowledgements).order_by(acknowledgements.c.id.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(acknowledgements.c.id < before)
        with self._database.reading() as connection:
            return [_acknowledgement(row) for row in connection.execute(wanted)]

    def holding(self, now: datetime) -> dict[int, Acknowledgement]:
        """Return those that hold at *now* by their numbers."""
        with self._database.reading() as connection:
            found = connection.execute(select(acknowledgements).where(*_holding(now)))
            return {row.id: _acknowledgement(row) for row in found}

    def on(self, target: str, fingerprints: Sequence[str], now: datetime) -> dict[str, Acknowledgement]:
        """Return by which of them those of *fingerprints* do not count on *target* that one is about."""
        with self._database.reading() as connection:
            return held_by(connection, target, fingerprints, now)

    def changed(self, now: datetime) -> datetime | None:
        """Return when last one was made, was undone or ran out, None for never."""
        ended = select(func.max(acknowledgements.c.until)).where(acknowledgements.c.until <= now)
        last = select(
            func.max(acknowledgements.c.created), func.max(acknowledgements.c.undone), ended.scalar_subquery()
        )
        with self._database.reading() as connection:
            moments = [each for each in connection.execute(last).one() if each is not None]
        return max(moments, default=None)


def _holding(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (acknowledgements.c.undone.is_(None), acknowledgements.c.until > now)


def is_of_group(group: Group) -> list[ColumnElement[bool]]:
    """Return the conditions under which a row of the findings is of *group*."""
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
    """Return by which acknowledgement those of *fingerprints* do not count on *target* that one is about."""
    theirs = and_(*_holding(now), or_(acknowledgements.c.target.is_(None), acknowledgements.c.target == target))
    rules = {row.id: _acknowledgement(row) for row in connection.execute(select(acknowledgements).where(theirs))}
    held: dict[str, Acknowledgement] = {}
    if not rules:
        return held
    for first in range(0, len(fingerprints), _CHUNK):
        some = fingerprints[first : first + _CHUNK]
        wanted = select(acknowledged).where(acknowledged.c.fingerprint.in_(some))
        for row in connection.execute(wanted.order_by(acknowledged.c.acknowledgement)):
            if row.acknowledgement in rules:
                held[row.fingerprint] = rules[row.acknowledgement]
    return held


def forget_acknowledgements(connection: Connection, before: datetime) -> None:
    """Take away those that ended *before* that moment."""
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
