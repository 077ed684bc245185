"""Stores for tests: SQLite in every run of the tests, a real PostgreSQL where the engine tests run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lockml.audit.store.database import Database
from lockml.audit.store.store import Store
from tests.audit.services import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.engine)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the address of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/audit.db"
    server = str(request.getfixturevalue("server"))
    database = Database(server)
    with database.writing() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    database.close()
    return server


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()
