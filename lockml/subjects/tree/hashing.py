"""Hash open files: large ones in threads, small ones at once.

Hashing and reading release the interpreter lock, but Python's own work for each file costs more than hashing a small
one, so only large files are worth a thread.
"""

import hashlib
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import local
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lockml.inventory.file_tree import UnreadableError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from _typeshed import ReadableBuffer

__all__ = ["ALGORITHMS", "OpenFile", "digest_files", "new_digest"]

# What RECORD (PEP 376) and the lists of package managers may use. The weak ones prove no more than such a list.
ALGORITHMS: Final = frozenset(name for name in hashlib.algorithms_guaranteed if not name.startswith("shake"))
_MADE_BY: Final = {name: getattr(hashlib, name) for name in sorted(ALGORITHMS)}
_SMALL: Final = 1 << 17
_BUFFER: Final = 1 << 20  # a thread waits for its turn after each chunk, so small ones cost more than they hash
_TURN: Final = 0.0005  # seconds that a thread may block the others
_MAX_WAITING: Final = 64
_MAX_SIZE: Final = 1 << 40
_buffers = local()


class Digest(Protocol):
    """A hash object of hashlib."""

    def update(self, content: "ReadableBuffer", /) -> None:
        """Take *content* in."""

    def digest(self) -> bytes:
        """Return the digest of everything that was added."""


def new_digest(algorithm: str) -> Digest:
    """Return an empty digest; raises ValueError for an *algorithm* that is not one of `ALGORITHMS`."""
    if algorithm not in ALGORITHMS:
        raise ValueError(algorithm)
    return hashlib.new(algorithm, usedforsecurity=False)


class OpenFile(NamedTuple):
    """A file to hash: *size* bytes of *handle* from *offset* on; *owned* handles are closed afterwards."""

    handle: int
    offset: int
    size: int
    owned: bool


_Job = tuple[str, str, OpenFile]


def digest_files(
    jobs: Iterable[tuple[str, str, OpenFile | UnreadableError]],
) -> Iterator[tuple[str, bytes | UnreadableError]]:
    """Yield the path of each of *jobs* with its digest by the given algorithm, in any order."""
    from concurrent.futures import ThreadPoolExecutor

    waiting: deque[tuple[_Job, Future[bytes | UnreadableError]]] = deque()
    with _short_turns(), ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1)) as pool:
        for path, algorithm, file in jobs:
            if isinstance(file, UnreadableError):
                yield path, file
            elif file.size <= _SMALL:
                yield path, _digest_small(path, algorithm, file)
            else:
                waiting.append(((path, algorithm, file), pool.submit(_digest_large, path, algorithm, file)))
            while len(waiting) > _MAX_WAITING or (waiting and waiting[0][1].done()):
                job, future = waiting.popleft()
                yield job[0], future.result()
        while waiting:  # nothing else to do in this thread
            job, future = waiting.pop()
            yield job[0], _digest_large(*job) if future.cancel() else future.result()


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _digest_small(path: str, algorithm: str, file: OpenFile) -> bytes | UnreadableError:
    try:
        content = os.pread(file.handle, file.size, file.offset)
        if len(content) != file.size:
            return UnreadableError(path, "it changed while it was read, or its archive is truncated")
        digest: bytes = _MADE_BY[algorithm](content, usedforsecurity=False).digest()
        return digest
    except (OSError, KeyError) as error:
        return UnreadableError(path, getattr(error, "strerror", None) or str(error))
    finally:
        if file.owned:
            os.close(file.handle)


def _digest_large(path: str, algorithm: str, file: OpenFile) -> bytes | UnreadableError:
    try:
        if file.size > _MAX_SIZE:
            return UnreadableError(path, f"it has {file.size} bytes")
        digest = new_digest(algorithm)
        offset, stop = file.offset, file.offset + file.size
        buffer = _buffer()
        while offset < stop:
            count = os.preadv(file.handle, [buffer[: min(_BUFFER, stop - offset)]], offset)
            if not count:
                return UnreadableError(path, "it changed while it was read, or its archive is truncated")
            digest.update(buffer[:count])
            offset += count
        return digest.digest()
    except (OSError, ValueError) as error:
        return UnreadableError(path, getattr(error, "strerror", None) or str(error))
    finally:
        if file.owned:
            os.close(file.handle)


def _buffer() -> memoryview:
    """Return this thread's buffer."""
    if not hasattr(_buffers, "view"):
        _buffers.view = memoryview(bytearray(_BUFFER))
    view: memoryview = _buffers.view
    return view
