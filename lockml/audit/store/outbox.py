"""Messages that wait to be sent: one sender at a time takes each, and it is sent once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, func, or_, select, tuple_, update

from lockml.audit.store.counters import count_up
from lockml.audit.store.database import Database
from lockml.audit.store.tables import messages

__all__ = ["SENT", "Outbox", "WaitingMessage"]

SENT: Final = "sent"
"""The outcome of a sent message."""

_MOST_GROUPS: Final = 5000  # taken at once: the messages to one address are sent together

_MOST_NAMED: Final = 500  # numbers in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMessage:
    """A message of *rule* about *target* to its *address*-th address, tried *attempts* times."""

    id: int
    rule: str
    address: int
    target: str
    created: datetime
    content: dict[str, Any]
    digest: str
    attempts: int


class Outbox:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, owner: str, now: datetime, lease: timedelta) -> list[list[WaitingMessage]]:
        """Take the messages that are due and free until *now* + *lease*, by address and target, the oldest first.

        A message to the same address about the same target is taken too, even if it is not due yet: the two may cancel
        out. If nothing is due, one look at an index says so.
        """
        free = (
            messages.c.sent.is_(None),
            or_(messages.c.claimed_until.is_(None), messages.c.claimed_until <= now),
        )
        key = (messages.c.rule, messages.c.address, messages.c.target)
        due = select(*key).where(*free, messages.c.due <= now)
        with self._database.reading() as connection:
            if connection.execute(due.limit(1)).first() is None:
                return []
        oldest = due.group_by(*key).order_by(func.min(messages.c.id)).limit(_MOST_GROUPS)
        waiting = select(messages).where(*free, tuple_(*key).in_(oldest)).order_by(messages.c.id)
        if not self._database.embedded:
            waiting = waiting.with_for_update(skip_locked=True)
        with self._database.writing() as connection:
            groups = _grouped(connection.execute(waiting))
            chosen = [message.id for group in groups for message in group]
            for part in _parts(chosen):
                taken = update(messages).where(messages.c.id.in_(part))
                connection.execute(taken.values(owner=owner, claimed_until=now + lease))
            return groups

    def last_sent(self, message: WaitingMessage) -> datetime | None:
        """Return when the same text was last sent to the same address, None if it never was."""
        same = select(func.max(messages.c.sent)).where(
            messages.c.rule == message.rule,
            messages.c.address == message.address,
            messages.c.digest == message.digest,
            messages.c.outcome == SENT,
        )
        with self._database.reading() as connection:
            return connection.execute(same).scalar()

    def sendings(self, rule: str, address: int, since: datetime) -> list[datetime]:
        """Return when messages were sent to an address of *rule* after *since*, the latest first."""
        sent = select(messages.c.sent).where(
            messages.c.rule == rule,
            messages.c.address == address,
            messages.c.outcome == SENT,
            messages.c.sent > since,
        )
        with self._database.reading() as connection:
            return sorted(set(connection.execute(sent).scalars()), reverse=True)

    def waiting(self) -> tuple[int, datetime | None]:
        """Return the number of messages that are not sent yet, and when the first of them is due."""
        wanted = select(func.count(), func.min(messages.c.due)).where(messages.c.sent.is_(None))
        with self._database.reading() as connection:
            count, due = connection.execute(wanted).one()
        return count, due

    def settle(
        self, ids: Sequence[int], now: datetime, outcome: str, counted: str = "dropped", *, merged: Sequence[int] = ()
    ) -> None:
        """Close the messages *ids* with an *outcome*, `SENT` or why they were not sent; *counted* is its counter's key.

        Those in *merged* were sent in one text with others about their target, so none of their own texts was sent.
        """
        if not ids:
            return
        with self._database.writing() as connection:
            for part in _parts(ids):
                done = update(messages).where(messages.c.id.in_(part)).values(sent=now, outcome=outcome, content={})
                connection.execute(done)
            for part in _parts(merged):
                connection.execute(update(messages).where(messages.c.id.in_(part)).values(digest=""))
            count_up(connection, "deliveries", counted)

    def postpone(self, ids: Sequence[int], until: datetime, reason: str, *, failed: bool = False) -> None:
        """Let the messages *ids* wait until *until*, for a *reason*; an attempt that *failed* counts."""
        later = {"due": until, "outcome": reason[:1000], "claimed_until": None}
        with self._database.writing() as connection:
            for part in _parts(ids):
                attempts = messages.c.attempts + int(failed)
                changed = update(messages).where(messages.c.id.in_(part)).values(**later, attempts=attempts)
                connection.execute(changed)
            if failed:
                count_up(connection, "deliveries", "failed")


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield *ids* in parts that fit into a statement."""
    for begin in range(0, len(ids), _MOST_NAMED):
        yield ids[begin : begin + _MOST_NAMED]


def _grouped(rows: Iterable[Row[Any, Any]]) -> list[list[WaitingMessage]]:
    groups: dict[tuple[str, int, str], list[WaitingMessage]] = {}
    for row in rows:
        groups.setdefault((row.rule, row.address, row.target), []).append(_message(row))
    return list(groups.values())


def _message(row: Row[Any, Any]) -> WaitingMessage:
    return WaitingMessage(
        id=row.id,
        rule=row.rule,
        address=row.address,
        target=row.target,
        created=row.created,
        content=row.content,
        digest=row.digest,
        attempts=row.attempts,
    )
