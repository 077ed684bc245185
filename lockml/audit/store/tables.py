"""The tables of the store, for SQLAlchemy; `migrations/` makes them.

Runs are only ever added, and taken away by age. A finding is an interval: from the run that opened it to the one that
resolved it. Reports and locks are kept once by their SHA-256.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

__all__ = [
    "Moment",
    "acknowledged",
    "acknowledgements",
    "claims",
    "contents",
    "counters",
    "findings",
    "messages",
    "metadata",
    "requests",
    "runs",
    "targets",
    "worker_events",
    "workers",
]


class Moment(TypeDecorator[datetime]):
    """An aware time in UTC: SQLite stores no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value to write."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Return the value that was read."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


metadata = MetaData()
_Key = BigInteger().with_variant(Integer, "sqlite")

_GROUP = ("kind", "package", "locked", "found")
_SHOWN = ("severity", "acknowledged", "opened", "resolved_by")  # an index with these answers without reading rows

targets = Table(
    "targets",
    metadata,
    Column("name", String(400), primary_key=True),
    Column("subject", Text, nullable=False),
    Column("lock", Text, nullable=False),
    Column("level", String(16), nullable=False),
    Column("schedule", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("rule", Text),
    Column("host", Text),
    Column("definition", JSON),  # how to audit a discovered target
    Column("seen", Moment, nullable=False),
    Column("gone", Moment),
    Column("added", Moment),  # None for a target that is older than this column
)

contents = Table(
    "contents",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("body", LargeBinary, nullable=False),  # zlib
)

runs = Table(
    "runs",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("target", String(400), nullable=False),
    Column("tick", Moment, nullable=False),
    Column("trigger", String(16), nullable=False),
    Column("host", Text, nullable=False),
    Column("started", Moment, nullable=False),
    Column("finished", Moment, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", Moment, nullable=False),
    Column("level", String(16), nullable=False),
    Column("subject", Text, nullable=False),
    Column("image", Text),
    Column("errors", Integer, nullable=False),
    Column("warnings", Integer, nullable=False),
    Column("notes", Integer, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("opened", Integer, nullable=False),
    Column("resolved", Integer, nullable=False),
    Column("error", Text),
    Column("document", String(64), ForeignKey("contents.sha256"), nullable=False),
    Column("lock", String(64), ForeignKey("contents.sha256")),
    UniqueConstraint("target", "tick", name="one_run_a_tick"),
    Index("runs_by_time", "target", "id"),
    Index("runs_by_state", "target", "state", "tick"),
    Index("runs_by_age", "finished"),
    Index("runs_by_document", "document"),
    Index("runs_by_lock", "lock"),
    sqlite_autoincrement=True,
)

findings = Table(
    "findings",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("target", String(400), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("finding", JSON, nullable=False),
    Column("opened_by", _Key, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("resolved_by", _Key),
    Column("resolved", Moment),
    Column("package", String(100)),  # these three are its group, None in findings that an older lockml resolved
    Column("locked", String(50)),
    Column("found", String(50)),
    Column("acknowledged", _Key),  # the number of its acknowledgement, which may have ended
    Index(
        "one_open_finding",
        "target",
        "fingerprint",
        unique=True,
        sqlite_where=text("resolved_by IS NULL"),
        postgresql_where=text("resolved_by IS NULL"),
    ),
    Index("findings_by_name", "name"),
    Index("findings_by_target", "target", "id"),
    Index(
        "open_by_group",
        *(*_GROUP, "target", *_SHOWN),
        sqlite_where=text("resolved_by IS NULL"),
        postgresql_where=text("resolved_by IS NULL"),
    ),
    Index(
        "open_by_target",
        *("target", *_GROUP, *_SHOWN),
        sqlite_where=text("resolved_by IS NULL"),
        postgresql_where=text("resolved_by IS NULL"),
    ),
    Index(
        "resolved_kinds",
        *("target", "kind", "severity", "resolved_by"),
        sqlite_where=text("resolved_by IS NOT NULL"),
        postgresql_where=text("resolved_by IS NOT NULL"),
    ),
)

acknowledgements = Table(
    "acknowledgements",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("target", String(400)),  # None for all
    Column("kind", String(32), nullable=False),
    Column("package", String(100), nullable=False),
    Column("locked", String(50)),
    Column("found", String(50)),
    Column("count", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("undone", Moment),
    sqlite_autoincrement=True,
)

acknowledged = Table(
    "acknowledged",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("acknowledgement", _Key, ForeignKey("acknowledgements.id"), primary_key=True),
)

requests = Table(
    "requests",
    metadata,
    Column("target", String(400), primary_key=True),
    Column("tick", Moment, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("target", String(400), primary_key=True),
    Column("tick", Moment, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Moment, nullable=False),
    Column("attempt", Integer, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("rule", Text, nullable=False),
    Column("address", Integer, nullable=False),
    Column("run", _Key, nullable=False),
    Column("target", String(400), nullable=False),
    Column("created", Moment, nullable=False),
    Column("due", Moment, nullable=False),
    Column("content", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("owner", Text),
    Column("claimed_until", Moment),
    Column("attempts", Integer, nullable=False),
    Column("sent", Moment),
    Column("outcome", Text),
    UniqueConstraint("rule", "address", "run", name="one_message_a_run"),
    Index("messages_by_due", "sent", "due"),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(400), primary_key=True),  # host, process and start
    Column("host", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("version", String(64), nullable=False),
    Column("started", Moment, nullable=False),
    Column("seen", Moment, nullable=False),
    Column("lost", Moment),
)

worker_events = Table(
    "worker_events",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("moment", Moment, nullable=False),
    Column("host", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("event", String(16), nullable=False),  # lost or back
    sqlite_autoincrement=True,
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
