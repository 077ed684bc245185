"""Requested runs: a target and a tick, until there is a run of that tick or a later one."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from lockml.audit.store.database import Database
from lockml.audit.store.tables import requests

__all__ = ["RequestStore", "end_request"]

_KEPT: Final = timedelta(days=1)  # after which a request expires


class RequestStore:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, target: str, now: datetime) -> bool:
        """Request a run of *target*, and say whether it was not requested before."""
        insert: Any = (sqlite.insert if self._database.embedded else postgresql.insert)(requests)
        new = insert.values(target=target, tick=now).on_conflict_do_nothing().returning(requests.c.target)
        with self._database.writing() as connection:
            connection.execute(delete(requests).where(requests.c.tick < now - _KEPT))
            return connection.execute(new).first() is not None

    def all(self, now: datetime) -> dict[str, datetime]:
        """Return the requested ticks by target."""
        wanted = select(requests).where(requests.c.tick >= now - _KEPT)
        with self._database.reading() as connection:
            return {row.target: row.tick for row in connection.execute(wanted)}


def end_request(connection: Connection, target: str, tick: datetime) -> None:
    """Drop the request for *target*, as there is a run of *tick*."""
    connection.execute(delete(requests).where(requests.c.target == target, requests.c.tick <= tick))
