"""Messages that are waiting to be sent: taken by one sender at a time, and sent once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, func, or_, select, update

from lockml.audit.store.database import Database
from lockml.audit.store.tables import messages

__all__ = ["SENT", "Outbox", "WaitingMessage"]

SENT: Final = "sent"
"""The outcome of a message that was sent."""

_MOST_GROUPS: Final = 50  # that are taken at once, so that another sender has some too


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingMessage:
    """A message of the rule of that name on *target* to one of its addresses, which was tried *attempts* times."""

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
        """Take what is due and nobody else has, until *now* + *lease*: by address and target, the oldest first.

        What waits for the same address and target is taken along, though it is not due yet: it may cancel out.
        """
        free = or_(messages.c.claimed_until.is_(None), messages.c.claimed_until <= now)
        waiting = select(messages).where(messages.c.sent.is_(None), free).order_by(messages.c.id)
        with self._database.reading() as connection:
            if not _due(connection.execute(waiting), now):
                return []
        if not self._database.embedded:
            waiting = waiting.with_for_update(skip_locked=True)
        with self._database.writing() as connection:
            groups = _due(connection.execute(waiting), now)
            chosen = [message.id for group in groups for message in group]
            taken = update(messages).where(messages.c.id.in_(chosen))
            taken = taken.values(owner=owner, claimed_until=now + lease, attempts=messages.c.attempts + 1)
            connection.execute(taken)
            return groups

    def last_sent(self, message: WaitingMessage) -> datetime | None:
        """Return when the same text was last sent to the same address, None for never."""
        same = select(func.max(messages.c.sent)).where(
            messages.c.rule == message.rule,
            messages.c.address == message.address,
            messages.c.digest == message.digest,
            messages.c.outcome == SENT,
        )
        with self._database.reading() as connection:
            return connection.execute(same).scalar()

    def settle(self, ids: Sequence[int], now: datetime, outcome: str) -> None:
        """Keep that the messages *ids* are done with: `SENT`, or why they were not."""
        with self._database.writing() as connection:
            done = update(messages).where(messages.c.id.in_(ids)).values(sent=now, outcome=outcome)
            connection.execute(done)

    def postpone(self, ids: Sequence[int], until: datetime, reason: str) -> None:
        """Keep that the messages *ids* could not be sent, for a *reason*, and are tried again at *until*."""
        with self._database.writing() as connection:
            later = update(messages).where(messages.c.id.in_(ids))
            connection.execute(later.values(due=until, outcome=reason[:1000], claimed_until=None))


def _due(rows: Iterable[Row[Any, Any]], now: datetime) -> list[list[WaitingMessage]]:
    groups: dict[tuple[str, int, str], list[Row[Any, Any]]] = {}
    for row in rows:
        groups.setdefault((row.rule, row.address, row.target), []).append(row)
    due = [group for group in groups.values() if any(row.due <= now for row in group)]
    return [[_message(row) for row in group] for group in due[:_MOST_GROUPS]]


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
