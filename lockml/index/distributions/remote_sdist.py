"""Reads the PKG-INFO of a source archive of an index from a part of it: the first bytes of a tar, a zip's directory.

A part has no hash. So what it says decides nothing but that a release is not chosen without a build; for all else the
whole archive is read. A server without ranges is listened to until PKG-INFO has come (RFC 9110, 14).
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from lockml.common.settings import setting
from lockml.index.cache.store import Cache
from lockml.index.distributions.archive import RangeFile
from lockml.index.distributions.remote_wheel import SPAN, RangeError, Ranges, is_of_range
from lockml.index.distributions.sdist import find_in_front, read_zip_metadata
from lockml.index.http.client import HttpClient
from lockml.index.http.download import MissingFileError
from lockml.index.http.response import FailedStatusError
from lockml.index.model import DistributionFile, DynamicMetadataError, MetadataError

__all__ = ["Part", "read_part"]

_SMALL: Final = 1 << 18  # bytes of an archive that is read whole at once
_LARGE: Final = 64 << 20  # bytes of one that is not read whole to find its PKG-INFO
_STOPS: Final = (1 << 16, 1 << 18, 1 << 20)  # where the parts end that are asked for one after the other
_STOPS_OF_LARGE: Final = (*_STOPS, 1 << 22, 1 << 24)
_DIRECTORY: Final = 1 << 16


class Part(NamedTuple):
    """A PKG-INFO, and the SHA-256 of the archive where the server sent all of it."""

    content: bytes
    sha256: str | None = None


def read_part(file: DistributionFile, *, client: HttpClient, cache: Cache) -> Part | None:
    """Return the first PKG-INFO of the source archive *file*, None if the whole archive has to be read.

    Raises DynamicMetadataError where it is so large that it is not read to find one, MissingFileError,
    PackageIndexError.
    """
    size = file.entry.size
    if file.entry.url.startswith("file:") or (size is not None and size <= _SMALL):
        return None
    if file.filename.endswith(".zip"):
        return _of_zip(file, size or client.size(file.entry.url), client, cache)
    is_large = size is not None and size > _LARGE
    stops = _STOPS_OF_LARGE if is_large else _STOPS
    found = _in_front(file, stops, client)
    if found is None and is_large:
        reason = f"its PKG-INFO is not in the first {stops[-1] >> 20} MiB of its archive of {(size or 0) >> 20} MiB"
        raise DynamicMetadataError(f"{reason} ({setting('allow-build', file.project)})")
    return Part(found) if found is not None else None


def _of_zip(file: DistributionFile, size: int | None, client: HttpClient, cache: Cache) -> Part | None:
    if size is None:
        return None
    with Ranges(file, size, client, cache) as ranges:
        with suppress(RangeError, MetadataError):
            content = RangeFile(ranges, size)
            content.hold(size - _DIRECTORY, size)
            return Part(read_zip_metadata(content, content.hold))
        if ranges.whole is not None:
            return Part(read_zip_metadata(ranges.whole.content), ranges.whole.sha256)
    return None


def _in_front(file: DistributionFile, stops: tuple[int, ...], client: HttpClient) -> bytes | None:
    """Return the first PKG-INFO of a tar that lies before the last of *stops*, None where there is none."""
    front = _Front(file.filename, stops[-1])
    for stop in stops:
        start = front.expect(stop)
        with suppress(_EnoughError):
            try:
                answer = client.download(file.entry.url, front, {"Range": f"bytes={start}-{stop - 1}"})
            except FailedStatusError as error:
                if is_of_range(error):
                    break
                raise
            if answer.status in (404, 410):
                raise MissingFileError(file.entry.url, answer.status)
            front.end(answer.status)
        if front.found is not None or front.is_complete:
            break
    return front.found


class _EnoughError(Exception):
    """No more of an answer is wanted. Internal: never reaches the user."""


class _Front:
    """Takes the first bytes of a tar, by parts or as a stream that goes on for *limit* bytes at most (`Sink`).

    *found* is the PKG-INFO; *is_complete* says that there are no more bytes to ask for, or none that are worth it.
    """

    def __init__(self, filename: str, limit: int) -> None:
        self._filename = filename
        self._limit = limit
        self._content = bytearray()
        self._start = self._stop = self._wanted = self._searched = 0
        self._is_part = False
        self.found: bytes | None = None
        self.is_complete = False

    def expect(self, stop: int) -> int:
        """Say that the next bytes are asked for up to *stop*; return the first of them."""
        self._start, self._stop = len(self._content), stop
        return self._start

    def begin(self, headers: Mapping[str, str]) -> None:
        """Forget what came of an attempt that failed; raises _EnoughError for another part than the one asked for."""
        span = SPAN.fullmatch(headers.get("content-range", ""))
        self._is_part = "content-range" in headers
        self._wanted = self._stop
        if self._is_part:
            total = int(span[3]) if span is not None and span[3] != "*" else self._stop
            self._wanted = min(self._stop, total)
            if span is None or (int(span[1]), int(span[2])) != (self._start, self._wanted - 1):
                self.is_complete = True
                raise _EnoughError
            self.is_complete = total <= self._stop and span[3] != "*"
        else:
            self._searched = 0
        del self._content[self._start if self._is_part else 0 :]

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raises _EnoughError once there are enough."""
        self._content += chunk
        if self._is_part:
            if len(self._content) > self._wanted:  # it is not what it says
                self.is_complete = True
                raise _EnoughError
            return
        if len(self._content) >= max(4 * self._searched, 1 << 16):  # so that all searches cost little more than one
            self._search()
        if self.found is not None or len(self._content) >= self._limit:
            self.is_complete = True
            raise _EnoughError

    def end(self, status: int) -> None:
        """Take note that the answer ended, with *status*."""
        if status not in (200, 206) or (self._is_part and len(self._content) != self._wanted):
            self.is_complete = True
            return
        self._search()
        self.is_complete = self.is_complete or not self._is_part

    def _search(self) -> None:
        self._searched = len(self._content)
        self.found = find_in_front(bytes(self._content), self._filename)
