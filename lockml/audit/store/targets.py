"""The targets: those of the fleet file, and those that discovery found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lockml.audit.config.model import AuditTarget
from lockml.audit.store.database import Database
from lockml.audit.store.tables import targets

__all__ = ["TargetRow", "TargetStore"]

_BEST: Final = "best"  # what the lock supports: names for a lock of another tool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A target as the store has it; *gone* is when it disappeared, None while it exists.

    *added* is when it was first seen, None in a store of an older lockml.
    """

    name: str
    subject: str
    lock: str
    level: str
    schedule: str
    labels: Mapping[str, str]
    rule: str | None
    host: str | None
    definition: Mapping[str, str]
    seen: datetime
    gone: datetime | None
    added: datetime | None = None


class TargetStore:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, found: Iterable[AuditTarget], now: datetime) -> None:
        """Store these targets."""
        rows = [_row(target, now) for target in found]
        if not rows:
            return
        with self._database.writing() as connection:
            insertion: Any = (sqlite.insert if self._database.embedded else postgresql.insert)(targets)
            changed = {
                column.name: insertion.excluded[column.name]
                for column in targets.columns
                if column.name not in ("name", "added")
            }
            statement = insertion.on_conflict_do_update(index_elements=["name"], set_=changed)
            connection.execute(statement, sorted(rows, key=lambda row: str(row["name"])))

    def retire(self, present: Iterable[str], now: datetime, *, rule: str | None, host: str | None = None) -> None:
        """Mark targets of *rule* on *host*, or of the fleet file, as gone unless they are *present*."""
        theirs: list[ColumnElement[bool]] = [targets.c.gone.is_(None), targets.c.name.not_in(list(present))]
        theirs.append(targets.c.rule.is_(None) if rule is None else targets.c.rule == rule)
        if host is not None:
            theirs.append(targets.c.host == host)
        with self._database.writing() as connection:
            connection.execute(update(targets).where(*theirs).values(gone=now))

    def all(self, *, gone: bool = False) -> list[TargetRow]:
        """Return the targets by name, with *gone* ones on request."""
        wanted = select(targets).order_by(targets.c.name)
        if not gone:
            wanted = wanted.where(targets.c.gone.is_(None))
        with self._database.reading() as connection:
            return [TargetRow(**row) for row in connection.execute(wanted).mappings()]

    def one(self, name: str) -> TargetRow | None:
        """Return the target *name*, None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(targets).where(targets.c.name == name)).mappings().first()
        return TargetRow(**row) if row is not None else None


def _row(target: AuditTarget, now: datetime) -> dict[str, object]:
    subject = target.subject
    return {
        "name": target.name,
        "subject": str(subject),
        "lock": str(target.lock),
        "level": target.settings.level or _BEST,
        "schedule": str(target.settings.schedule),
        "labels": dict(target.labels),
        "rule": target.rule,
        "host": target.host,
        "definition": {
            "kind": subject.kind,
            "name": subject.name,
            "lock": str(target.lock),
            "late": str(int((target.settings.jitter + target.settings.timeout).total_seconds())),
        },
        "seen": now,
        "gone": None,
        "added": now,
    }
