"""Reads a wheel of an index by ranges, where they are answered as they should be, else whole.

Whatever is odd about a range, or about what ranges make of the archive, is no fault of the release: the wheel is then
fetched whole, and its hash decides (RFC 9110, 14).
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from lockml.index.cache.store import Cache
from lockml.index.distributions.archive import WheelArchive
from lockml.index.http.client import HttpClient
from lockml.index.http.download import MissingFileError, Spool, WholeFile, fetch_whole
from lockml.index.http.file_urls import read_range
from lockml.index.http.response import FailedStatusError
from lockml.index.model import DistributionFile, MetadataError

__all__ = ["SPAN", "RangeError", "Ranges", "archive_of", "is_of_range", "read_wheel"]

SPAN: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
"""The range of a part of a file: its first byte, its last, and how many the file has."""

_T = TypeVar("_T")


class RangeError(Exception):
    """A range was not answered with the bytes that were asked for.

    Internal: never reaches the user; the whole file is then read.
    """


def read_wheel(
    file: DistributionFile, read: Callable[[WheelArchive], _T], *, client: HttpClient, cache: Cache
) -> tuple[_T, str | None]:
    """Return what *read* takes of the wheel *file*, and the SHA-256 of its bytes where all of them were hashed.

    Raises MetadataError for what is no wheel of the release, MissingFileError, PackageIndexError.
    """
    size = file.entry.size or client.size(file.entry.url)
    if size is not None:
        with Ranges(file, size, client, cache) as ranges:
            with suppress(RangeError, MetadataError):
                return read(WheelArchive(ranges, size, project=file.project, version=file.version)), None
            if ranges.whole is not None:
                return read(archive_of(file, ranges.whole)), ranges.whole.sha256
    with fetch_whole(file.entry, client, cache.folder) as whole:
        return read(archive_of(file, whole)), whole.sha256


def is_of_range(error: FailedStatusError) -> bool:
    """Say whether the server may fail on the range alone: what else it answers, it answers to all requests."""
    return error.status == 500


def archive_of(file: DistributionFile, whole: WholeFile) -> WheelArchive:
    """Return the archive of the wheel *file*, all of whose bytes are there; raises MetadataError."""
    return WheelArchive(whole.read, whole.size, project=file.project, version=file.version, held=True)


class Ranges:
    """Reads ranges of a file, as a context manager; *whole* is all of it where the server answers with that instead."""

    def __init__(self, file: DistributionFile, size: int, client: HttpClient, cache: Cache) -> None:
        self._entry = file.entry
        self._size = size
        self._client = client
        self._folder = cache.folder
        self._spool: Spool | None = None
        self.whole: WholeFile | None = None

    def __enter__(self) -> "Ranges":
        return self

    def __exit__(self, *_: object) -> None:
        if self._spool is not None:
            self._spool.__exit__()

    def __call__(self, start: int, stop: int) -> bytes:
        """Return the bytes from *start* to before *stop*; raises RangeError where that is not what was answered."""
        if self._entry.url.startswith("file:"):
            return self._local(start, stop)
        spool = Spool(self._entry, self._folder)
        try:
            answer = self._client.download(self._entry.url, spool, {"Range": f"bytes={start}-{stop - 1}"})
            if answer.status in (404, 410):
                raise MissingFileError(self._entry.url, answer.status)
            if answer.status == 200:
                self._spool, self.whole = spool, spool.whole()
            span = SPAN.fullmatch(answer.headers.get("content-range", ""))
            fits = span is not None and span.groups() in self._expected(start, stop)
            if answer.status != 206 or not fits or spool.size != stop - start:
                raise RangeError
            return spool.content()
        except FailedStatusError as error:
            if is_of_range(error):
                raise RangeError from error
            raise
        finally:
            if spool is not self._spool:
                spool.__exit__()

    def _expected(self, start: int, stop: int) -> tuple[tuple[str, str, str], ...]:
        return tuple((str(start), str(stop - 1), total) for total in (str(self._size), "*"))

    def _local(self, start: int, stop: int) -> bytes:
        try:
            return read_range(self._entry.url, start, stop)
        except FileNotFoundError as error:
            raise MissingFileError(self._entry.url, 404) from error
        except OSError as error:
            raise RangeError from error
