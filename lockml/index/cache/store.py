"""What was fetched before, by key. Pages are files, what never changes is in one SQLite file beside them.

Processes and threads share both. The cache only saves work: a file that cannot be opened is replaced or done without,
and an entry that does not have its checksum any more is as good as none. Neither is ever an error.
"""

import contextlib
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from lockml.common.private_files import PrivateFolder
from lockml.index.cache.pages import PAGES, PageCache

__all__ = ["INDEX_FILE", "Cache"]

INDEX_FILE: Final = "index-3.sqlite"
"""What the file is called in its folder; SQLite has others beside it that begin alike."""

_TOGETHER: Final = 64  # facts that are written at once
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS fact (key TEXT PRIMARY KEY, checksum INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
"""


class Cache:
    """The cache in *folder*, or in memory for this process where *folder* is None or cannot be written.

    Keys of facts that lockml did not hash itself name their source (`distributions/cached.py`).
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._database = _open(folder)
        self._written: dict[str, bytes] = {}  # by this process
        self._unwritten: list[str] = []
        self._was_empty = not self._run("SELECT 1 FROM fact LIMIT 1")
        self.pages = PageCache(folder / PAGES if folder is not None else None)

    def close(self) -> None:
        """Write what is still to be written, and close the file."""
        self.write()
        with self._lock:
            self._database.close()

    def fact(self, key: str) -> bytes | None:
        """Return what was kept under *key*, which never goes stale."""
        kept = self._written.get(key)
        if kept is not None or self._was_empty:
            return kept
        rows = self._run("SELECT checksum, value FROM fact WHERE key = ?", key)
        return rows[0][1] if rows and zlib.crc32(rows[0][1]) == rows[0][0] else None

    def keep_fact(self, key: str, value: bytes) -> None:
        """Keep *value* under *key* permanently; it is written together with others, at the latest by `close`."""
        self._written[key] = value
        self._unwritten.append(key)
        if len(self._unwritten) >= _TOGETHER:
            self.write()

    def write(self) -> None:
        """Write what is still to be written: it took long to find out, and the process may be ended."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            keys, self._unwritten = self._unwritten, []
            rows = [(key, zlib.crc32(self._written[key]), self._written[key]) for key in keys]
            with self._database:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?, ?)", rows)

    def _run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock, contextlib.suppress(sqlite3.Error):
            return self._database.execute(statement, values).fetchall()
        return []


def _open(folder: Path | None) -> sqlite3.Connection:
    for path in _candidates(folder):
        with contextlib.suppress(sqlite3.Error, OSError):
            return _connect(path)
    return _connect(":memory:")


def _candidates(folder: Path | None) -> Iterator[str]:
    """Yield where the file may be opened: first as it is there, if no other user can have written it, then a new one.

    Of a folder that cannot be written it is only read, as it is: there may be no room for what SQLite puts beside it.

    SQLite opens it by its name: anyone who may rename the folder itself can lead it elsewhere, which handles cannot be.
    """
    if folder is None:
        return
    names = (INDEX_FILE, *(f"{INDEX_FILE}-{end}" for end in ("wal", "shm", "journal")))
    with contextlib.suppress(OSError), PrivateFolder(folder, closed=False) as private:
        if all(map(private.believes, names)):
            place = folder / INDEX_FILE
            if not (os.access(folder, os.W_OK) and (os.access(place, os.W_OK) or not place.exists())):
                yield from (f"{place.absolute().as_uri()}?mode=ro{more}" for more in ("", "&immutable=1"))
                return
            private.create(INDEX_FILE)
            yield str(place)
        for name in names:  # it could not be opened: damaged
            private.remove(name)
        private.create(INDEX_FILE)
        yield str(folder / INDEX_FILE)


def _connect(path: str) -> sqlite3.Connection:
    only_read = path.startswith("file:")
    database = sqlite3.connect(path, timeout=10, check_same_thread=False, isolation_level=None, uri=only_read)
    try:
        if only_read:
            database.execute("SELECT 1 FROM fact LIMIT 1")
            return database
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except sqlite3.Error:
        database.close()
        raise
    return database
