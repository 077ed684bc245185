"""Pages of indexes that were fetched before: a file each, replaced in one step, shared by processes.

A file is a mark, the moment until which it is fresh, sizes, a checksum, where the page is from, and its body. Only the
moment is ever written over. The checksum is that of all that is read of every page; of what is not, each part may have
one of its own, so that a page of megabytes is neither read nor kept in memory for a few of its files.
"""

import contextlib
import hashlib
import mmap
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from lockml.common.private_files import PrivateFolder

__all__ = ["PAGES", "CachedPage", "PageCache"]

PAGES: Final = "pages-2"
"""What their folder is called in that of the cache."""

_MARK: Final = b"lockml2\n"
_HEAD: Final = struct.Struct("<8sdIIQQ")  # mark, fresh until, checksum, lengths of origin and both parts of the body
_FRESH: Final = struct.Struct("<d")


class CachedPage(Struct, frozen=True, kw_only=True):
    """A page as it was answered by *base*, where redirects led; *fresh* says whether its max-age holds (RFC 9111).

    The last *checksummed* bytes of the body have checksums of their own, which their reader verifies.
    """

    base: str
    etag: str | None
    content_type: str
    body: bytes | memoryview
    fresh: bool
    checksummed: int = 0


class PageCache:
    """The pages in *folder*, or in memory for this process where that is None or cannot be written."""

    def __init__(self, folder: Path | None) -> None:
        self._held: dict[str, bytes] = {}
        self._folder: PrivateFolder | None = None
        if folder is not None:
            with contextlib.suppress(OSError):
                self._folder = PrivateFolder(folder)

    def page(self, url: str) -> CachedPage | None:
        """Return the page kept for *url*, None where there is none or it is damaged."""
        content: bytes | mmap.mmap | None = self._held.get(url)
        if content is None and self._folder is not None:
            with contextlib.suppress(OSError, ValueError):
                handle = self._folder.open(_name(url))
                try:
                    content = mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
                finally:
                    os.close(handle)
        return _parsed(content, url) if content is not None else None

    def keep(self, url: str, page: CachedPage, max_age: float) -> None:
        """Keep the *page* of *url*, fresh for *max_age* seconds from now."""
        head = _head(url, page, time.time() + max_age)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.write(_name(url), (head, page.body), lasting=False)
                return
        self._held[url] = b"".join((head, page.body))

    def refresh(self, url: str, max_age: float) -> None:
        """Let the page of *url* count as fresh for *max_age* seconds from now."""
        moment = _FRESH.pack(time.time() + max_age)
        held = self._held.get(url)
        if held is not None:
            self._held[url] = held[: len(_MARK)] + moment + held[len(_MARK) + _FRESH.size :]
        elif self._folder is not None:
            with contextlib.suppress(OSError):
                handle = self._folder.open(_name(url), os.O_RDWR)
                try:
                    os.pwrite(handle, moment, len(_MARK))
                finally:
                    os.close(handle)


def _name(url: str) -> str:
    """Return what the file of a page is called."""
    return hashlib.sha256(url.encode()).hexdigest()


def _head(url: str, page: CachedPage, fresh_until: float) -> bytes:
    """Return what a file begins with before the body of *page*."""
    origin = msgspec.msgpack.encode((url, page.base, page.etag, page.content_type))
    covered = len(page.body) - page.checksummed
    checksum = zlib.crc32(memoryview(page.body)[:covered], zlib.crc32(origin))
    return _HEAD.pack(_MARK, fresh_until, checksum, len(origin), covered, page.checksummed) + origin


def _parsed(content: bytes | mmap.mmap, url: str) -> CachedPage | None:
    if len(content) < _HEAD.size:
        return None
    mark, fresh_until, checksum, length, covered, checksummed = _HEAD.unpack_from(content)
    rest = memoryview(content)[_HEAD.size :]
    if mark != _MARK or len(rest) != length + covered + checksummed or zlib.crc32(rest[: length + covered]) != checksum:
        return None
    found, base, etag, content_type = msgspec.msgpack.decode(rest[:length], type=tuple[str, str, str | None, str])
    if found != url:
        return None
    fresh = time.time() < fresh_until
    body = rest[length:]
    return CachedPage(base=base, etag=etag, content_type=content_type, body=body, fresh=fresh, checksummed=checksummed)
