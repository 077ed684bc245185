"""Downloads a listed file whole, hashed against what its page names.

They lie in memory while they are few, else in a file that has no name and goes when it is closed.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.common.settings import setting
from lockml.index.http.client import HttpClient
from lockml.index.http.file_urls import path_of_url
from lockml.index.model import FileEntry

__all__ = ["MissingFileError", "Spool", "WholeFile", "deciding", "fetch_whole", "require_hash"]

_IN_MEMORY: Final = 16 << 20  # bytes
_MAX_FILE: Final = 64 << 30  # bytes, of a file whose page names no size
_STRONG: Final = ("sha256", "sha512", "sha384")
_HASHED: Final = (*_STRONG, "sha224", "sha1", "md5")
_BLOCK: Final = 1 << 20


class MissingFileError(PackageIndexError):
    """The index lists a file and does not have it."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(redact(url), f"the index lists it but does not have it (status {status})")
        self.reason = f"the index lists it but does not have it (status {status})"
        self._status = status

    def at(self, origin: str) -> PackageIndexError:
        """Return the error of a line with the address, which no index lists."""
        problem = f"there is no such file (status {self._status})"
        return PackageIndexError(f"{origin}: {self.subject}", problem, hint="check the address")


class WholeFile:
    """All bytes of a file: *digests* has their SHA-256 and each hash that decides of those that the page names."""

    def __init__(self, content: IO[bytes], size: int, digests: Mapping[str, str]) -> None:
        self._content = content
        self.size = size
        self.digests = digests

    @property
    def content(self) -> IO[bytes]:
        """A file of them, at its beginning."""
        self._content.seek(0)
        return self._content

    @property
    def sha256(self) -> str:
        """Their SHA-256."""
        return self.digests["sha256"]

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from *start* to before *stop*."""
        self._content.seek(start)
        return self._content.read(stop - start)


class Spool:
    """Takes the answer to a request for the file *entry*, or for a range of it, hashing what it takes.

    Big answers go to a file without a name in *folder*. Ends with PackageIndexError once *stopped* says so.
    """

    def __init__(self, entry: FileEntry, folder: Path | None = None, stopped: Callable[[], bool] = bool) -> None:
        self._entry = entry
        self._stopped = stopped
        self._folder = folder
        self._content: IO[bytes] = BytesIO()
        self._hashers = _hashers(entry)
        self._kind = ""
        self.size = 0

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._content.close()

    def begin(self, headers: Mapping[str, str]) -> None:
        """Forget what came of an attempt that failed."""
        self._content.seek(0)
        self._content.truncate()
        self._hashers = _hashers(self._entry)
        self.size = 0
        self._kind = headers.get("content-type", "").partition(";")[0].strip().lower()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raises PackageIndexError if they are more than the page says."""
        if self._stopped():
            raise PackageIndexError(redact(self._entry.url), "was not fetched to its end")
        self.size += len(chunk)
        if self.size > (self._entry.size or _MAX_FILE):
            raise PackageIndexError(redact(self._entry.url), f"is longer than {self._entry.size or _MAX_FILE} bytes")
        for hasher in self._hashers.values():
            hasher.update(chunk)
        try:
            if self.size > _IN_MEMORY and isinstance(self._content, BytesIO):
                self._content = self._on_disk(self._content)
            self._content.write(chunk)
        except OSError as error:
            problem = f"cannot be stored temporarily ({error.strerror})"
            hint = f"make room in {setting('cache-dir')}"
            raise PackageIndexError(redact(self._entry.url), problem, hint=hint) from error

    def _on_disk(self, held: BytesIO) -> IO[bytes]:
        """Return a file with what is *held*, in the cache's folder: the machine's own for such files may be memory."""
        try:
            file: IO[bytes] = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the spool
        except OSError:
            file = tempfile.TemporaryFile()  # noqa: SIM115
        file.write(held.getbuffer())
        return file

    def content(self) -> bytes:
        """Return what came, of an answer that is small."""
        self._content.seek(0)
        return self._content.read()

    def whole(self) -> WholeFile:
        """Return what came as the file that was asked for; raises PackageIndexError where it is not that file."""
        entry = self._entry
        digests = {name: hasher.hexdigest() for name, hasher in self._hashers.items()}
        require_hash(digests, entry.hashes, entry.url, self._kind, listed=bool(entry.origin))
        if entry.size is not None and self.size != entry.size:
            raise PackageIndexError(redact(entry.url), f"has {self.size} bytes where the index names {entry.size}")
        if not deciding(entry.hashes) and self._kind == "text/html":
            raise PackageIndexError(redact(entry.url), "is answered with a page (text/html), not with the file")
        return WholeFile(self._content, self.size, digests)


@contextmanager
def fetch_whole(
    entry: FileEntry, client: HttpClient, folder: Path | None = None, stopped: Callable[[], bool] = bool
) -> Iterator[WholeFile]:
    """Give the file *entry*, read once from its first byte to its last.

    Raises MissingFileError where it is not there, PackageIndexError if it is unavailable or not the named file.
    """
    if entry.url.startswith("file:"):
        with _local(entry) as whole:
            yield whole
        return
    with Spool(entry, folder, stopped) as spool:
        answer = client.download(entry.url, spool)
        if answer.status in (404, 410):
            raise MissingFileError(entry.url, answer.status)
        if answer.status != 200:
            raise PackageIndexError(redact(entry.url), f"answered with status {answer.status}")
        yield spool.whole()


def require_hash(
    found: Mapping[str, str], named: Mapping[str, str], url: str, kind: str = "", *, listed: bool = True
) -> None:
    """Require of the digests *found* each that decides of those that are *named*; raises PackageIndexError otherwise.

    *kind* is the content type of the answer, *listed* says whether an index names them, not a line or a lock.
    """
    for algorithm in deciding(named):
        if found[algorithm] != named[algorithm].lower():
            expected = named[algorithm].lower()
            required = f"the index names {expected}" if listed else f"{expected} is required"
            problem = f"has {algorithm} {found[algorithm]} where {required}"
            hint = f"the answer is {kind}: perhaps a login page" if kind == "text/html" else None
            raise PackageIndexError(redact(url), problem, hint=hint)


def deciding(hashes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the algorithms of *hashes* that decide: all strong ones, as installers differ in which they look at.

    Without any of those, it is the strongest that is known; () where none is.
    """
    strong = tuple(name for name in _STRONG if name in hashes)
    return strong or tuple(name for name in _HASHED if name in hashes)[:1]


def _hashers(entry: FileEntry) -> "dict[str, hashlib._Hash]":
    names = {"sha256", *deciding(entry.hashes)}
    return {name: hashlib.new(name, usedforsecurity=False) for name in sorted(names)}


@contextmanager
def _local(entry: FileEntry) -> Iterator[WholeFile]:
    path = path_of_url(entry.url)
    hashers, size = _hashers(entry), 0
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                size += len(block)
                for hasher in hashers.values():
                    hasher.update(block)
            digests = {name: hasher.hexdigest() for name, hasher in hashers.items()}
            require_hash(digests, entry.hashes, entry.url, listed=bool(entry.origin))
            yield WholeFile(file, size, digests)
    except FileNotFoundError as error:
        raise PackageIndexError(str(path), "no such file") from error
    except OSError as error:
        raise PackageIndexError(str(path), f"cannot be read ({error.strerror})") from error
