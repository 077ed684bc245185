"""Reads core metadata and artifact identities of files of an index, with as few bytes fetched as it allows.

In this order: the ``.metadata`` file beside it (PEP 658), ranges of the wheel, the whole file. A wrong answer is
an error or leads to the whole file; it is not a fault of the release, so that no older one is chosen instead.
"""

import contextlib
import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from lockml.common.digest import ArtifactIdentity, RecordError
from lockml.common.display import redact
from lockml.index.cache.store import Cache
from lockml.index.distributions.archive import WheelArchive
from lockml.index.distributions.cached import WheelContents, store_contents, store_metadata
from lockml.index.distributions.importable import ImportableFiles, list_importable
from lockml.index.distributions.metadata import MetadataFields, needs_build
from lockml.index.distributions.remote_sdist import read_part
from lockml.index.distributions.remote_wheel import archive_of, read_wheel
from lockml.index.distributions.sdist import read_sdist_metadata
from lockml.index.http.client import HttpClient
from lockml.index.http.download import MissingFileError, WholeFile, deciding, fetch_whole, require_hash
from lockml.index.http.response import LongAnswerError
from lockml.index.model import DistributionFile, FileEntry, MetadataError

__all__ = ["examine_wheel", "fetch_metadata", "read_digest", "read_identity"]


_MAX_METADATA: Final = 8 << 20
_MARKS: Final = ("etag", "last-modified", "content-length")  # by which a file without a hash is known again


def read_identity(file: DistributionFile, *, client: HttpClient, cache: Cache) -> ArtifactIdentity | str:
    """Return what the wheel *file* installs, or the reason why that cannot be determined; raises PackageIndexError."""
    try:
        found, sha256 = read_wheel(file, _contents, client=client, cache=cache)
    except MissingFileError as error:  # of a mirror that has metadata alone
        return error.reason
    except MetadataError as error:
        return str(error)
    return store_contents(file, found, cache, sha256=sha256)


def examine_wheel(
    file: DistributionFile, *, client: HttpClient, cache: Cache, stopped: Callable[[], bool] = bool
) -> ArtifactIdentity | str:
    """Return what the wheel *file* installs, or why that is unknown, by all its bytes, which have the named hash.

    Raises PackageIndexError if they are unavailable, or have another hash.
    """
    with fetch_whole(file.entry, client, cache.folder, stopped) as whole:
        try:
            return _keep_whole(file, whole, cache)
        except MetadataError as error:
            return str(error)


def read_digest(entry: FileEntry, *, client: HttpClient, cache: Cache) -> tuple[str, int]:
    """Return the SHA-256 and the size of the file *entry*; raises PackageIndexError.

    It is downloaded, unless it was before, against the same hashes, and the server says the same ETag, date and length
    of it as then. What a wheel says and installs is kept on the way.
    """
    url = entry.url
    held = "".join(f":{name}={entry.hashes[name].lower()}" for name in deciding(entry.hashes))
    headers = {} if url.startswith("file:") or client.offline else client.head(url)
    known = headers.get("etag") or headers.get("last-modified")
    mark = msgspec.json.encode([headers.get(name) for name in _MARKS]).decode() if known else ""
    key = f"digest-3:{redact(url)}:{mark}{held}"
    in_cache = cache.fact(key) if known or client.offline else None
    if in_cache is not None:
        return msgspec.json.decode(in_cache, type=tuple[str, int])
    with fetch_whole(entry, client, cache.folder) as whole:
        found = whole.sha256, whole.size
        wheel = _wheel_of(entry)
        if wheel is not None:
            with contextlib.suppress(MetadataError):  # raised again when its metadata is asked for
                _keep_whole(wheel, whole, cache)
    if not url.startswith("file:"):
        for each in {key, f"digest-3:{redact(url)}:{held}"}:
            cache.keep_fact(each, msgspec.json.encode(found))
    return found


def fetch_metadata(file: DistributionFile, *, client: HttpClient, cache: Cache) -> tuple[MetadataFields, str | None]:
    """Return what the METADATA or PKG-INFO of *file* says, and the SHA-256 of the file where all of it was hashed.

    What comes along with it is kept in *cache*. Raises MetadataError where it cannot be used, PackageIndexError where
    the index does not answer, or not with what it lists.
    """
    beside = _beside(file, client)
    if beside is not None:
        return beside, None
    if file.kind == "sdist":
        return _sdist_metadata(file, client, cache)
    (content, found), sha256 = read_wheel(file, _metadata_and_contents, client=client, cache=cache)
    if found is not None:
        store_contents(file, found, cache, sha256=sha256)
    return MetadataFields.of(content), sha256


def _sdist_metadata(file: DistributionFile, client: HttpClient, cache: Cache) -> tuple[MetadataFields, str | None]:
    """Return what PKG-INFO says, of a part of the archive only where it says that a build decides.

    What counts without a build may be chosen: then all bytes have the named hash, and no other PKG-INFO is among them.
    """
    part = read_part(file, client=client, cache=cache)
    if part is not None:
        fields = MetadataFields.of(part.content)
        if part.sha256 is not None or (_is_of(fields, file) and needs_build(fields)):
            return fields, part.sha256
    with fetch_whole(file.entry, client, cache.folder) as whole:
        return MetadataFields.of(read_sdist_metadata(whole.content, file.filename)), whole.sha256


def _beside(file: DistributionFile, client: HttpClient) -> MetadataFields | None:
    """Return what the metadata file beside *file* says, which the page lists; None if it is not that (PEP 658)."""
    hashes = file.entry.core_metadata
    if hashes is None:
        return None
    url = f"{file.entry.url}.metadata"
    try:
        answer = client.get(url, limit=_MAX_METADATA)
    except LongAnswerError as error:
        raise MetadataError(f"its metadata have more than {_MAX_METADATA} bytes") from error
    if answer.status != 200:
        return None
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    names = deciding(hashes)
    fields = MetadataFields.of(answer.body)
    if names:
        found = {name: hashlib.new(name, answer.body, usedforsecurity=False).hexdigest() for name in names}
        require_hash(found, hashes, url, kind)
    elif not _is_of(fields, file):  # such as a login page: the wheel itself is read
        return None
    return fields


def _is_of(fields: MetadataFields, file: DistributionFile) -> bool:
    try:
        return fields.name == file.project and Version(fields.version) == file.version
    except InvalidVersion:
        return False


def _contents(archive: WheelArchive) -> WheelContents:
    try:
        importable = list_importable(archive.record())
    except RecordError as error:
        return WheelContents(f"its RECORD is no proof: {error}", ImportableFiles())
    try:
        return WheelContents(archive.identity(), importable)
    except RecordError as error:
        return WheelContents(f"its RECORD is no proof: {error}", importable)


def _metadata_and_contents(archive: WheelArchive) -> tuple[bytes, WheelContents | None]:
    """Return the METADATA, and what it installs where that costs nothing more."""
    content = archive.metadata()
    if archive.record_held:
        with contextlib.suppress(MetadataError):  # raised again when this wheel is chosen
            return content, _contents(archive)
    return content, None


def _keep_whole(file: DistributionFile, whole: WholeFile, cache: Cache) -> ArtifactIdentity | str:
    """Keep what the wheel *file* says and installs under the hash of its bytes; raises MetadataError."""
    archive = archive_of(file, whole)
    with contextlib.suppress(MetadataError):
        store_metadata(file, MetadataFields.of(archive.metadata()), cache, sha256=whole.sha256)
    return store_contents(file, _contents(archive), cache, sha256=whole.sha256)


def _wheel_of(entry: FileEntry) -> DistributionFile | None:
    """Return *entry* as the wheel that its name says, None if it is not one."""
    try:
        project, version, _, _ = parse_wheel_filename(entry.filename)
    except InvalidWheelFilename:
        return None
    return DistributionFile(entry=entry, project=project, version=version, kind="wheel", uploaded=None)
