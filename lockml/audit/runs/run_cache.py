"""The cache that the runs of one process share.

Two hundred targets of one lock read it once. Every part is bounded, and its key is the digest of the lock.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

from lockml.audit.model import Finding, Unknown
from lockml.audit.runs.host import FileState, file_state, read_beside, read_file
from lockml.common.errors import InputError
from lockml.drift.model import DriftReport
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Lock
from lockml.subjects.inventory_cache import ImageMemory

__all__ = ["BoundedCache", "LockFile", "RunCache"]

_MAX_LOCKS: Final = 256
_MAX_REPORTS: Final = 256
_MAX_INPUTS: Final = 1024
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """A *lock*, the *text* of the file *path*, and the SHA-256 of that, hexadecimal.

    *key* is that of all that the lock was read from, as other tools' locks leave some to the files beside them.
    """

    path: Path
    text: str
    sha256: str
    key: str
    lock: Lock


class BoundedCache(Generic[_K, _V]):
    """The *size* values that were used last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[_K, _V] = OrderedDict()

    def get(self, key: _K) -> _V | None:
        """Return the value of *key*, None if there is none."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: _K, value: _V) -> None:
        """Keep *value*; if there are too many, drop the least recently used one."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)


class RunCache:
    """The cache that the runs of one process share, with a folder for more, or None. Not for two threads.

    *images* has inventories, *reports* those without drift by the key of the inventory, the lock's key, the level
    and the lock's name, *inputs* what the requirement files of a lock said and when, by its path and key.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.images = ImageMemory(folder)
        self.reports: BoundedCache[tuple[str, str, str, str], DriftReport] = BoundedCache(_MAX_REPORTS)
        self.inputs: BoundedCache[tuple[Path, str], tuple[datetime, list[Finding], list[Unknown]]] = BoundedCache(
            _MAX_INPUTS
        )
        self._locks: BoundedCache[Path, tuple[dict[Path, FileState | None], LockFile]] = BoundedCache(_MAX_LOCKS)

    def read_lock(self, path: Path) -> LockFile:
        """Return the lock at *path*, read again if its file has changed; raises InputError."""
        cached = self._locks.get(path)
        if cached is not None and all(_state_of(file) == state for file, state in cached[0].items()):
            return cached[1]
        states: dict[Path, FileState | None] = {path: _state_of(path)}
        try:
            content = read_file(path)
        except FileNotFoundError as error:
            raise InputError(str(path), "no such file", hint="`lockml compile` writes locks") from error
        except OSError as error:
            raise InputError(str(path), f"cannot be read ({error.strerror})") from error
        digest = hashlib.sha256(hashlib.sha256(content).digest())

        def beside(name: str) -> bytes | None:
            states[path.parent / name] = _state_of(path.parent / name)
            found = read_beside(path, name)
            digest.update(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest())
            digest.update(b"" if found is None else hashlib.sha256(found).digest())
            return found

        lock = parse_any_lock(content, str(path), beside)
        text = content.decode("utf-8", "surrogateescape")
        found = LockFile(path=path, text=text, sha256=lock.sha256, key=digest.hexdigest(), lock=lock)
        self._locks.put(path, (states, found))
        return found


def _state_of(file: Path) -> FileState | None:
    """Return the state of *file*, None if there is no file."""
    try:
        return file_state(file)
    except OSError:
        return None
