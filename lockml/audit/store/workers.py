"""The processes that audit, each with its last heartbeat, and which of them stopped without notice."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, false, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from lockml.audit.messages import Message
from lockml.audit.store.database import Database
from lockml.audit.store.tables import claims, messages, worker_events, workers

__all__ = ["Role", "WorkerEvent", "WorkerRow", "WorkerStore"]

Role = Literal["serve", "worker", "beat", "pages"]
"""``pages`` is a ``serve --no-schedule``."""

_FORGOTTEN: Final = timedelta(days=1)  # after which a dead process is no longer listed


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A process as the store has it; *lost* is when another process found it dead, None while it lives.

    *name* is unique over all time. *running* are the targets that its host checks. *seen* is by the clock of its host.
    """

    name: str
    host: str
    role: str
    version: str
    started: datetime
    seen: datetime
    lost: datetime | None
    running: tuple[str, ...] = ()

    @property
    def is_dead(self) -> bool:
        """Whether a process marked it dead: its own clock may differ from that of any reader."""
        return self.lost is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """A process of *host* in a *role* that is *lost*, or back; *seen* is its last heartbeat before."""

    host: str
    role: str
    lost: bool
    moment: datetime
    seen: datetime


MakeWorkerMessages = Callable[[WorkerEvent], Iterable[Message]]
"""Returns the messages about an event."""


class WorkerStore:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, row: WorkerRow, ended: Iterable[str], make_messages: MakeWorkerMessages) -> list[WorkerEvent]:
        """Store a heartbeat of *row* at ``row.seen`` and return an event for each lost process that is back by it.

        *ended* names processes of its host that have ended: *row* replaces those of its role. The others count as dead
        only by their silence, as processes in another container of the host are invisible.
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

    def mark_dead(
        self, now: datetime, make_messages: MakeWorkerMessages, silent: Mapping[str, datetime]
    ) -> list[WorkerEvent]:
        """Mark the *silent* processes dead, forget those that are dead for long, and return the newly dead ones.

        *silent* has the last heartbeat of each: one that gave another since then is not dead. If several processes see
        it at once, one of them marks it and gets the event.
        """
        dead = and_(workers.c.lost.is_(None), _is_silent(silent))
        old = workers.c.lost < now - _FORGOTTEN
        with self._database.reading() as connection:
            if connection.execute(select(workers.c.name).where(or_(dead, old))).first() is None:
                return []
        with self._database.writing() as connection:
            marked = update(workers).where(dead).values(lost=now).returning(workers)
            found = connection.execute(marked).mappings().all()
            connection.execute(delete(workers).where(old))
            return [_keep_event(connection, each, now, make_messages, lost=True) for each in found]

    def heartbeats(self) -> dict[str, datetime]:
        """Return the last heartbeat of each process that is not dead, by its own clock."""
        with self._database.reading() as connection:
            found = connection.execute(select(workers.c.name, workers.c.seen).where(workers.c.lost.is_(None)))
            return {row.name: row.seen for row in found}

    def end(self, name: str) -> None:
        """Remove a process that was asked to stop."""
        with self._database.writing() as connection:
            connection.execute(delete(workers).where(workers.c.name == name))

    def names(self, host: str) -> list[str]:
        """Return the names of the processes of *host*, dead ones included."""
        wanted = select(workers.c.name).where(workers.c.host == host)
        with self._database.reading() as connection:
            return list(connection.execute(wanted).scalars())

    def all(self, now: datetime) -> list[WorkerRow]:
        """Return all processes by host and role, each with the targets that its host checks."""
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


def _is_silent(names: Mapping[str, datetime]) -> ColumnElement[bool]:
    """Return the condition of one of *names* that gave no heartbeat since the one in *names*."""
    return or_(false(), *(and_(workers.c.name == name, workers.c.seen == seen) for name, seen in names.items()))


def _keep_event(
    connection: Connection, row: RowMapping, now: datetime, make_messages: MakeWorkerMessages, *, lost: bool
) -> WorkerEvent:
    """Store what happened to the process of *row*, with the messages about it."""
    found = WorkerEvent(host=row["host"], role=row["role"], lost=lost, moment=now, seen=row["seen"])
    kept = {"moment": now, "host": found.host, "role": found.role, "event": "lost" if lost else "back"}
    number = connection.execute(worker_events.insert().values(kept).returning(worker_events.c.id)).scalar_one()
    for message in make_messages(found):
        values = {
            "rule": message.rule,
            "address": message.address,
            "run": -number,  # unique, and never that of a run
            "target": f"{found.role} {found.host}",
            "created": now,
            "due": message.due,
            "content": message.content,
            "digest": message.digest,
            "attempts": 0,
        }
        connection.execute(messages.insert().values(values))
    return found
