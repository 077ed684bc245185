"""The real index, asked without lockml: pages (PEP 691) and the METADATA of wheels (PEP 658, else out of the wheel)."""

import io
import os
import re
import ssl
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import httpx
from packaging.pylock import PackageWheel, Pylock
from packaging.utils import NormalizedName

from tests.online.checker import IndexFile

__all__ = ["RealIndex"]

_JSON = "application/vnd.pypi.simple.v1+json"
_AT_ONCE = 16


class RealIndex:
    """Answers each question once, several at a time."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        certificates = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
        self._client = httpx.Client(transport=transport, verify=certificates, follow_redirects=True, timeout=60)
        self._page = cache(self._fetch_page)
        self._wheel = cache(self._fetch_metadata)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def files(self, lock: Pylock) -> dict[NormalizedName, tuple[IndexFile, ...]]:
        """Return the files that the index of each package in *lock* has of its project."""
        urls = [f"{(package.index or '').rstrip('/')}/{package.name}/" for package in lock.packages]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip([package.name for package in lock.packages], pool.map(self._page, urls), strict=True))

    def metadata(self, wheels: Iterable[PackageWheel]) -> dict[str, bytes]:
        """Return the METADATA of *wheels* by file name."""
        urls = {wheel.filename: wheel.url or "" for wheel in wheels}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(urls, pool.map(self._wheel, urls.values()), strict=True))

    def _fetch_page(self, url: str) -> tuple[IndexFile, ...]:
        answer = self._client.get(url, headers={"Accept": _JSON}).raise_for_status()
        return tuple(
            IndexFile(
                filename=file["filename"],
                url=urljoin(str(answer.url), file["url"]),
                sha256=file["hashes"]["sha256"],
                uploaded=datetime.fromisoformat(file["upload-time"]).astimezone(UTC),
                requires_python=file.get("requires-python"),
                yanked=file.get("yanked", False) is not False,
            )
            for file in answer.json()["files"]
        )

    def _fetch_metadata(self, url: str) -> bytes:
        beside = self._client.get(f"{url}.metadata")
        if beside.is_success:
            return beside.content
        with zipfile.ZipFile(io.BufferedReader(_RemoteFile(self._client, url), 1 << 16)) as wheel:
            (name,) = (name for name in wheel.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
            return wheel.read(name)


class _RemoteFile(io.RawIOBase):
    """A file of a server, read in ranges, or kept whole where the server knows none."""

    def __init__(self, client: httpx.Client, url: str) -> None:
        super().__init__()
        self._client = client
        self._url = url
        self._place = 0
        first = self._get("bytes=0-0")
        self._whole = first.content if first.status_code == httpx.codes.OK else None
        self._size = len(first.content) if self._whole else int(first.headers["Content-Range"].partition("/")[2])

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed has the Buffer protocol
        stop = min(self._place + len(buffer), self._size)
        if stop <= self._place:
            return 0
        if self._whole is None:
            content = self._get(f"bytes={self._place}-{stop - 1}").content
        else:
            content = self._whole[self._place : stop]
        buffer[: len(content)] = content
        self._place += len(content)
        return len(content)

    def _get(self, span: str) -> httpx.Response:
        return self._client.get(self._url, headers={"Range": span, "Accept-Encoding": "identity"}).raise_for_status()
