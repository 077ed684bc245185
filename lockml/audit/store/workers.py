"""The processes that audit, with their last sign of life: who is there, and who has ended without a word."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, false, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lockml.audit.messages import Message
from lockml.audit.store.database import Database
from lockml.audit.store.tables import claims, messages, worker_events, workers

__all__ = ["SILENT", "Role", "WorkerEvent", "WorkerRow", "WorkerStore"]

Role = Literal["serve", "worker", "beat", "pages"]
"""``pages`` is a ``serve --no-schedule``."""

SILENT: Final = timedelta(seconds=45)
"""After so long without a sign of life a process counts as dead."""

_FORGOTTEN: Final = timedelta(days=7)  # after which a dead one that nobody replaced is not listed any more


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A process as the store has it; *lost* is since when it counts as dead, None while it lives.

    *name* names it among all that there ever were. *running* are the targets that its host looks at.
    """

    name: str
    host: str
    role: str
    version: str
    started: datetime
    seen: datetime
    lost: datetime | None
    running: tuple[str, ...] = ()

    def is_dead(self, now: datetime) -> bool:
        """Say whether it gave no sign of life for too long."""
        return self.lost is not None or now - self.seen > SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """A process of *host* in a *role* that is *lost*, or back where not; *seen* is its last sign of life before."""

    host: str
    role: str
    lost: bool
    moment: datetime
    seen: datetime


MakeWorkerMessages = Callable[[WorkerEvent], Iterable[Message]]
"""An event, and the messages that tell of it."""


class WorkerStore:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: WorkerRow, ended: Iterable[str], make_messages: MakeWorkerMessages) -> list[WorkerEvent]:
        """Keep a sign of life of *row* at ``row.seen``, and return what changed by it: it was lost, or replaces one.

        *ended* names those of its host that have ended: the ones of its role are replaced by it. Of the others only
        their silence counts, as those of another container of the host cannot be seen.
        """
        values = {key: getattr(row, key) for key in ("name", "host", "role", "version", "started", "seen")}
        with self._database.writing() as connection:
            there = connection.execute(select(workers).where(workers.c.name == row.name)).mappings().first()
            gone = [name for name in ended if name != row.name]
            theirs = (workers.c.host == row.host, workers.c.role == row.role, workers.c.name.in_(gone))
            replaced = connection.execute(select(workers).where(*theirs)).mappings().all()
            connection.execute(delete(workers).where(*theirs))
            lost = [each for each in (there, *replaced) if each is not None and each["lost"] is not None]
            insert: Any = sqlite.insert if self._database.embedded else postgresql.insert
            statement = insert(workers).values({**values, "lost": None})
            again = {"seen": row.seen, "lost": None}
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=again))
            return [_keep_event(connection, each, row.seen, make_messages, lost=False) for each in lost]

    def bury(
        self, now: datetime, make_messages: MakeWorkerMessages, silent: Mapping[str, datetime] | None = None
    ) -> list[WorkerEvent]:
        """Keep that those which gave no sign of life for too long are dead, and return who is new among them.

        *silent* names them with their last sign of life; without it the clocks of all are taken to agree. Of several
        processes that see it at once, one keeps and tells it.
        """
        dead = and_(workers.c.lost.is_(None), _silent(now, silent))
        with self._database.reading() as connection:
            if connection.execute(select(workers.c.name).where(dead)).first() is None:
                return []
        with self._database.writing() as connection:
            buried = update(workers).where(dead).values(lost=now).returning(workers)
            found = connection.execute(buried).mappings().all()
            connection.execute(delete(workers).where(workers.c.lost < now - _FORGOTTEN))
            return [_keep_event(connection, each, now, make_messages, lost=True) for each in found]

    def signs(self) -> dict[str, datetime]:
        """Return the last sign of life of each process that is not dead, by its own clock."""
        with self._database.reading() as connection:
            found = connection.execute(select(workers.c.name, workers.c.seen).where(workers.c.lost.is_(None)))
            return {row.name: row.seen for row in found}

    def end(self, name: str) -> None:
        """Keep that a process ended as it was told to."""
        with self._database.writing() as connection:
            connection.execute(delete(workers).where(workers.c.name == name))

    def names(self, host: str) -> list[str]:
        """Return the names of the processes of *host*, also of those that are dead."""
        wanted = select(workers.c.name).where(workers.c.host == host)
        with self._database.reading() as connection:
            return list(connection.execute(wanted).scalars())

    def all(self, now: datetime) -> list[WorkerRow]:
        """Return all processes by host and role, each with what its host looks at."""
        with self._database.reading() as connection:
            rows = connection.execute(select(workers).order_by(workers.c.host, workers.c.role)).mappings().all()
            held = connection.execute(select(claims.c.owner, claims.c.target).where(claims.c.until > now)).all()
        running: dict[str, list[str]] = {}
        for owner, target in held:
            running.setdefault(owner.rsplit(" ", 2)[0], []).append(target)
        at_work = ("serve", "worker")
        return [
            WorkerRow(**row, running=tuple(sorted(running.get(row["host"], ()))) if row["role"] in at_work else ())
            for row in rows
        ]


def _silent(now: datetime, names: Mapping[str, datetime] | None) -> ColumnElement[bool]:
    """Return the condition under which a process gives no sign of life: it is one of *names*, or late at *now*."""
    if names is None:
        return workers.c.seen < now - SILENT
    return or_(false(), *(and_(workers.c.name == name, workers.c.seen == seen) for name, seen in names.items()))


def _keep_event(
    connection: Connection, row: RowMapping, now: datetime, make_messages: MakeWorkerMessages, *, lost: bool
) -> WorkerEvent:
    """Keep what happened to the process of *row*, with what is to be told of it."""
    found = WorkerEvent(host=row["host"], role=row["role"], lost=lost, moment=now, seen=row["seen"])
    kept = {"moment": now, "host": found.host, "role": found.role, "event": "lost" if lost else "back"}
    number = connection.execute(worker_events.insert().values(kept).returning(worker_events.c.id)).scalar_one()
    for message in make_messages(found):
        values = {
            "rule": message.rule,
            "address": message.address,
            "run": -number,  # no run, and no other message's
            "target": f"{found.role} {found.host}",
            "created": now,
            "due": message.due,
            "content": message.content,
            "digest": message.digest,
            "attempts": 0,
        }
        connection.execute(messages.insert().values(values))
    return found
