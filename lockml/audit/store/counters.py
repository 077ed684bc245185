"""Counters since the store was made, which do not fall when old runs are deleted."""

from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from lockml.audit.store.database import Database
from lockml.audit.store.tables import counters

__all__ = ["Counters", "count_up"]


def count_up(connection: Connection, name: str, key: str, by: int = 1) -> None:
    """Add *by* to the counter *name* for *key*; do so last in a transaction, as other processes wait for its end."""
    insert: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(counters).values(name=name, key=key, value=by)
    changed = {"value": counters.c.value + by}
    connection.execute(statement.on_conflict_do_update(index_elements=["name", "key"], set_=changed))


class Counters:
    """Every method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, name: str) -> dict[str, int]:
        """Return the values of the counter *name* by key."""
        wanted = select(counters.c.key, counters.c.value).where(counters.c.name == name)
        with self._database.reading() as connection:
            return {row.key: row.value for row in connection.execute(wanted)}
