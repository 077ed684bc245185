"""Transactions on a store, which is created or migrated when it is first used.

Errors of SQLAlchemy about a store that does not respond are translated here.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lockml.common.display import redact
from lockml.common.errors import InputError, StoreError
from lockml.common.private_files import make_private

__all__ = ["HEAD", "VERSION_TABLE", "Database"]

HEAD: Final = "0003"
"""The newest of the migrations."""

VERSION_TABLE: Final = "lockml_version"
"""The table of migrations; another program may use the default name of Alembic in the same database."""

_BUSY: Final = 30  # seconds that a transaction waits for another one
_TRIES: Final = 100
_PAUSE: Final = 0.1  # seconds
_MOST_FREE: Final = 32 << 20  # free bytes in a file
_LOCK: Final = 0x6C6F636B6D6C  # the advisory lock of PostgreSQL for migrations
_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class Database:
    """A store at *url*: ``sqlite:///FILE`` relative to *folder*, or ``postgresql://…``.

    It is opened when it is first used. Raises InputError for an invalid address.
    """

    def __init__(self, url: str, folder: Path = Path()) -> None:
        parsed = _parsed(url)
        self.name = _shown(parsed)
        self._secrets = tuple(filter(None, (parsed.password, quote(parsed.password or "", safe=""))))
        self._engine = _engine(parsed, folder)
        self._lock = threading.Lock()
        self._ready = False

    @property
    def embedded(self) -> bool:
        """Whether the store is a file."""
        return self._engine.dialect.name == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of the store, None for a server."""
        return Path(self._engine.url.database or "") if self.embedded else None

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a transaction that writes nothing; raises StoreError."""
        self._make_ready()
        with self._translated(), self._engine.connect() as connection:
            yield connection.execution_options(writing=False)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a transaction and commit all of it or nothing; raises StoreError."""
        self._make_ready()
        with self._translated(), self._engine.begin() as connection:
            yield connection

    def compact(self) -> None:
        """Shrink a large SQLite file that is mostly free; a server needs no such help.

        If that is not possible now, nothing happens: nothing depends on it.
        """
        if not self.embedded:
            return
        self._make_ready()
        with self._translated(), self._engine.connect() as connection:
            connection.execution_options(writing=False)
            size, free, page = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_count", "freelist_count", "page_size")
            )
            connection.rollback()
            if free * page > _MOST_FREE and free * 2 > size:
                driver: Any = connection.connection.driver_connection
                driver.execute("PRAGMA busy_timeout = 1000")
                with suppress(sqlite3.OperationalError):  # another process writes, or the disk has no room for a copy
                    driver.execute("VACUUM")
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                driver.execute(f"PRAGMA busy_timeout = {_BUSY * 1000}")

    def _make_ready(self) -> None:
        with self._lock:
            if not self._ready:
                with self._translated():
                    _migrate(self._engine)
                self._ready = True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeoutError) as error:
            reason = " ".join(str(getattr(error, "orig", None) or error).split())
            for secret in self._secrets:
                reason = reason.replace(secret, "***")
            raise StoreError(f"store {self.name}", f"does not respond ({redact(reason)})") from error
        except UnicodeEncodeError as error:
            raise InputError(repr(error.object), "is not a text that a store can hold") from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        _ = _DRIVERS[parsed.drivername]
        if "@" in (parsed.host or ""):
            raise ArgumentError("a password with @ in it")
    except (ArgumentError, KeyError, ValueError) as error:
        hint = "write sqlite:///FILE, or postgresql://HOST/DATABASE with a login, percent-encoded, before the host"
        scheme = url.partition(":")[0]
        raise InputError(f"store of scheme {scheme!r}", "is not the address of a store", hint=hint) from error
    return parsed


def _shown(url: URL) -> str:
    """Return *url* without login and parameters: a password may contain characters that end one in an address."""
    port = f":{url.port}" if url.port else ""
    return f"{url.drivername}://{url.host or ''}{port}/{url.database or ''}"


def _engine(parsed: URL, folder: Path) -> Engine:
    driver = _DRIVERS[parsed.drivername]
    if driver != "sqlite":
        try:
            return create_engine(
                parsed.set(drivername=driver), pool_pre_ping=True, connect_args={"connect_timeout": 10}
            )
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            hint = "pip install 'psycopg[binary]'"
            raise InputError(f"store {_shown(parsed)}", "psycopg is not installed", hint=hint) from error
    if not parsed.database or parsed.database == ":memory:":
        raise InputError(f"store {_shown(parsed)}", "names no file", hint="write sqlite:///FILE")
    file = folder / parsed.database
    if not file.parent.is_dir():
        raise InputError(f"store {_shown(parsed)}", f"there is no folder {str(file.parent)!r}", hint="make it first")
    engine = create_engine(parsed.set(database=str(file)), connect_args={"timeout": _BUSY})
    event.listen(engine, "do_connect", lambda *_: make_private(file))
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins the transactions
    _turn_to_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _turn_to_wal(connection: Any) -> None:
    """Switch the file to write-ahead logging; SQLite lets only one of several processes do so and does not wait."""
    for _ in range(_TRIES):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            threading.Event().wait(_PAUSE)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


def _begin(connection: Connection) -> None:
    """Begin a transaction; one that writes locks at once, as two that read first could not both write later."""
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if engine.dialect.has_table(connection, VERSION_TABLE):
            version = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
            found = connection.execute(version).scalar()
            if found == HEAD:
                return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(text(f"pg_advisory_xact_lock({_LOCK})")))
        config.attributes |= {"connection": connection, "version_table": VERSION_TABLE}
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            hint = "a newer lockml created it: update this one"
            raise InputError("store", f"cannot be migrated ({error})", hint=hint) from error
