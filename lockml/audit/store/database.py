"""The address of a store in, transactions on it out; it is made or brought up to date when it is first used.

What SQLAlchemy raises for a store that does not answer is translated here, once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from lockml.display import redact
from lockml.errors import InputError, StoreError

__all__ = ["HEAD", "Database"]

HEAD: Final = "0001"
"""The newest of the migrations."""

_LOCK: Final = 0x6C6F636B6D6C  # PostgreSQL's advisory lock of those that migrate
_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class Database:
    """A store by its *url*, ``sqlite:///FILE``, seen from *folder*, or ``postgresql://…``.

    Nothing is opened before it is used; raises InputError for an address that is none.
    """

    def __init__(self, url: str, folder: Path = Path()) -> None:
        self.name = redact(url)
        self._engine = _engine(url, folder)
        self._lock = threading.Lock()
        self._ready = False

    @property
    def embedded(self) -> bool:
        """Whether it is a file of this machine."""
        return self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a transaction that writes nothing; raises StoreError."""
        self._make_ready()
        with self._translated(), self._engine.connect() as connection:
            yield connection.execution_options(writing=False)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a transaction; it is committed in the end, or nothing of it. Raises StoreError."""
        self._make_ready()
        with self._translated(), self._engine.begin() as connection:
            yield connection

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
            raise StoreError(f"store {self.name}", f"does not answer ({redact(reason)})") from error


def _engine(url: str, folder: Path) -> Engine:
    try:
        parsed = make_url(url)
        driver = _DRIVERS[parsed.drivername]
    except (ArgumentError, KeyError) as error:
        hint = "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        raise InputError(f"store {redact(url)!r}", "is not the address of a store", hint=hint) from error
    if driver != "sqlite":
        try:
            return create_engine(
                parsed.set(drivername=driver), pool_pre_ping=True, connect_args={"connect_timeout": 10}
            )
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            hint = "pip install 'lockml[fleet]'"
            raise InputError(f"store {redact(url)!r}", "psycopg is not installed", hint=hint) from error
    if not parsed.database or parsed.database == ":memory:":
        raise InputError(f"store {url!r}", "names no file", hint="write sqlite:///FILE")
    file = folder / parsed.database
    if not file.parent.is_dir():
        raise InputError(f"store {url!r}", f"there is no folder {str(file.parent)!r}", hint="make it first")
    engine = create_engine(parsed.set(database=str(file)), connect_args={"timeout": 30})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where SQLAlchemy says
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    """Begin; who will write says so at once, as two that read first cannot both write afterwards."""
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _migrate(engine: Engine) -> None:
    with engine.connect() as connection:
        if engine.dialect.has_table(connection, "alembic_version"):
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
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
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            hint = "a newer lockml made it: update this one"
            raise InputError("store", f"cannot be brought up to date ({error})", hint=hint) from error
