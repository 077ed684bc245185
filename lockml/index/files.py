"""A file of an index in; its core metadata and artifact identity out, with as few bytes fetched as the index allows.

In this order: the ``.metadata`` file beside it (PEP 658), ranges of the wheel, the whole file.
"""

import contextlib
import hashlib
import re
from collections.abc import Mapping

import msgspec

from lockml.digest import ArtifactIdentity, RecordError
from lockml.display import redact
from lockml.errors import PackageIndexError
from lockml.index.answer import Response
from lockml.index.archive import WheelArchive, read_sdist_metadata
from lockml.index.cache import Cache
from lockml.index.http import HttpClient
from lockml.index.kept_facts import keep_identity
from lockml.index.model import DistributionFile, MetadataError

__all__ = ["fetch_metadata", "read_digest", "read_identity"]

_HASHED = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")


def read_identity(file: DistributionFile, *, client: HttpClient, cache: Cache) -> ArtifactIdentity | str:
    """Return what the wheel *file* installs, or the reason why that cannot be told; raises PackageIndexError."""
    try:
        archive = _open_wheel(file, client)
        identity: ArtifactIdentity | str = archive.identity()
    except MetadataError as error:
        identity = str(error)
    except RecordError as error:
        identity = f"its RECORD is no proof: {error}"
    keep_identity(file, identity, cache)
    return identity


def read_digest(url: str, *, client: HttpClient, cache: Cache) -> tuple[str, int]:
    """Return the SHA-256 and the size of the file at *url*; raises PackageIndexError.

    It is downloaded, unless it was before and the server says by ETag or date that it is still the same.
    """
    headers = {} if url.startswith("file:") or client.offline else client.head(url)
    mark = headers.get("etag") or headers.get("last-modified")
    key = f"digest:{redact(url)}" + (f":{mark}:{headers.get('content-length')}" if mark else "")
    kept = cache.fact(key) if mark or client.offline else None
    if kept is not None:
        return msgspec.json.decode(kept, type=tuple[str, int])
    found = client.digest(url)
    if not url.startswith("file:"):
        for each in {key, f"digest:{redact(url)}"}:
            cache.keep_fact(each, msgspec.json.encode(found))
    return found


def fetch_metadata(file: DistributionFile, *, client: HttpClient, cache: Cache) -> bytes:
    """Return the METADATA or PKG-INFO of *file* as the index has it; what comes along with it is kept in *cache*.

    Raises MetadataError where it cannot be used, PackageIndexError where the index does not answer.
    """
    if file.entry.core_metadata is not None:
        answer = client.get(f"{file.entry.url}.metadata")
        if answer.status == 200:
            return _hashed(answer.body, file.entry.core_metadata, "the metadata file beside it")
    if file.kind == "sdist":
        answer = _require(client.get(file.entry.url), file, 200)
        return read_sdist_metadata(_hashed(answer.body, file.entry.hashes, "it"), file.filename)
    archive = _open_wheel(file, client)
    content = archive.metadata()
    if archive.record_held:
        with contextlib.suppress(MetadataError, RecordError):  # told when this wheel is chosen
            keep_identity(file, archive.identity(), cache)
    return content


def _open_wheel(file: DistributionFile, client: HttpClient) -> WheelArchive:
    size = file.entry.size or client.size(file.entry.url)
    ranges = _Ranges(file, client)
    if size is None:
        size = len(ranges.whole())
    return WheelArchive(ranges, size, project=file.project, version=file.version)


class _Ranges:
    """Reads ranges of a file; a server that answers with the whole file is asked once."""

    def __init__(self, file: DistributionFile, client: HttpClient) -> None:
        self._file = file
        self._client = client
        self._whole: bytes | None = None

    def __call__(self, start: int, stop: int) -> bytes:
        if self._whole is None:
            wanted = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
            answer = self._client.get(self._file.entry.url, wanted)
            if answer.status == 206:
                first = re.match(r"bytes (\d+)-", answer.headers.get("content-range", ""))
                if first is None or int(first[1]) != start:
                    raise MetadataError("the index answered with another range than was asked for")
                return answer.body
            self._whole = _hashed(_require(answer, self._file, 200).body, self._file.entry.hashes, "it")
        return self._whole[start:stop]

    def whole(self) -> bytes:
        """Return the file, hashed against the index's digest."""
        answer = _require(self._client.get(self._file.entry.url), self._file, 200)
        self._whole = _hashed(answer.body, self._file.entry.hashes, "it")
        return self._whole


def _require(answer: Response, file: DistributionFile, status: int) -> Response:
    if answer.status in (404, 410, 416):
        raise MetadataError(f"the index lists it but does not have it (status {answer.status})")
    if answer.status != status:
        raise PackageIndexError(redact(file.entry.url), f"answered with status {answer.status}")
    return answer


def _hashed(content: bytes, hashes: Mapping[str, str], what: str) -> bytes:
    """Return *content* if it has the strongest of *hashes*, or if there are none; raises MetadataError otherwise."""
    algorithm = next((name for name in _HASHED if name in hashes), None)
    if algorithm is not None:
        found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
        if found != hashes[algorithm].lower():
            raise MetadataError(f"{what} has {algorithm} {found} where the index names {hashes[algorithm]}")
    return content
