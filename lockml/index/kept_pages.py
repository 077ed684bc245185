"""The pages of indexes that were fetched before, a file each, which processes share: a page takes its place at once.

A file is a mark, the moment until which it is fresh, the checksum of all that follows, and that: where the page is
from, and its body. Only the moment is ever written over.
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

__all__ = ["PAGES", "CachedPage", "KeptPages"]

PAGES: Final = "pages-1"
"""What their folder is called in that of the cache."""

_MARK: Final = b"lockml1\n"
_HEAD: Final = struct.Struct("<8sdII")  # mark, fresh until, checksum, length of the origin
_FRESH: Final = struct.Struct("<d")


class CachedPage(Struct, frozen=True, kw_only=True):
    """A page as it was answered by *base*, where redirects led; *fresh* says whether its max-age holds (RFC 9111)."""

    base: str
    etag: str | None
    content_type: str
    body: bytes | memoryview
    fresh: bool


class KeptPages:
    """The pages in *folder*, or in memory for this process where that is None or cannot be written."""

    def __init__(self, folder: Path | None) -> None:
        self._held: dict[str, bytes] = {}
        self._folder = folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                self._folder = None

    def page(self, url: str) -> CachedPage | None:
        """Return the page kept for *url*, None where there is none or it is damaged."""
        content: bytes | mmap.mmap | None = self._held.get(url)
        if content is None and self._folder is not None:
            with (
                contextlib.suppress(OSError, ValueError),
                self._path(self._folder, url).open("rb", buffering=0) as file,
            ):
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _unpacked(content, url) if content is not None else None

    def keep(self, url: str, page: CachedPage, max_age: float) -> None:
        """Keep the *page* of *url*, fresh for *max_age* seconds from now."""
        content = _packed(url, page, time.time() + max_age)
        if self._folder is None or not _replaced(self._path(self._folder, url), content):
            self._held[url] = content

    def refresh(self, url: str, max_age: float) -> None:
        """Let the page of *url* count as fresh for *max_age* seconds from now."""
        moment = _FRESH.pack(time.time() + max_age)
        held = self._held.get(url)
        if held is not None:
            self._held[url] = held[: len(_MARK)] + moment + held[len(_MARK) + _FRESH.size :]
        elif self._folder is not None:
            with contextlib.suppress(OSError), self._path(self._folder, url).open("r+b", buffering=0) as file:
                file.seek(len(_MARK))
                file.write(moment)

    @staticmethod
    def _path(folder: Path, url: str) -> Path:
        return folder / hashlib.sha256(url.encode()).hexdigest()


def _packed(url: str, page: CachedPage, fresh_until: float) -> bytes:
    origin = msgspec.msgpack.encode((url, page.base, page.etag, page.content_type))
    checksum = zlib.crc32(page.body, zlib.crc32(origin))
    return b"".join((_HEAD.pack(_MARK, fresh_until, checksum, len(origin)), origin, page.body))


def _unpacked(content: bytes | mmap.mmap, url: str) -> CachedPage | None:
    if len(content) < _HEAD.size:
        return None
    mark, fresh_until, checksum, length = _HEAD.unpack_from(content)
    rest = memoryview(content)[_HEAD.size :]
    if mark != _MARK or zlib.crc32(rest) != checksum:
        return None
    found, base, etag, content_type = msgspec.msgpack.decode(rest[:length], type=tuple[str, str, str | None, str])
    if found != url:
        return None
    fresh = time.time() < fresh_until
    return CachedPage(base=base, etag=etag, content_type=content_type, body=rest[length:], fresh=fresh)


def _replaced(path: Path, content: bytes) -> bool:
    """Put *content* in the place of *path* at once; say whether that could be done."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with temporary.open("wb", buffering=0) as file:
            file.write(content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        return False
    return True
