"""Metadata and artifact identities of files of an index, as the cache has them.

A fact is kept under the hashes of bytes that we hashed, where we did: any index that lists a file of them has the same.
Any other is what one index says of one address and one hash, and is never read for another of either.
"""

import hashlib
import logging
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace
from packaging.version import InvalidVersion, Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.display import redact
from lockml.index.cache.store import Cache
from lockml.index.distributions.importable import ImportableFiles
from lockml.index.distributions.metadata import MetadataFields, read_fields, read_static_fields
from lockml.index.model import CoreMetadata, DistributionFile

__all__ = [
    "WheelContents",
    "cached_identity",
    "cached_importable",
    "cached_metadata",
    "cached_tops",
    "store_contents",
    "store_metadata",
    "verified_identity",
]

_FIELDS: Final = msgspec.msgpack.Decoder(MetadataFields)
_STRONG: Final = ("sha256", "sha512", "sha384")
_METADATA: Final = "metadata-6"  # since a Requires-Dist that cannot be read is a fault only where it counts
_IDENTITY: Final = "identity-4"  # since what can be imported is kept beside it
_LOG: Final = logging.getLogger("lockml.index")
_TOPS: Final = "tops-1"
_IMPORTABLE: Final = "importable-1"


def cached_metadata(file: DistributionFile, cache: Cache, *, offline: bool = False) -> CoreMetadata | None:
    """Return what *file* says about itself as *cache* has it, None where it does not; raises MetadataError.

    Of a file without a hash that is what it said another time, which counts only *offline*.
    """
    for key in (_hashed_key(_METADATA, file), _claimed_key(_METADATA, file, offline=offline)):
        cached = cache.fact(key) if key is not None else None
        if cached is not None:
            _LOG.debug("%s: metadata from the cache", file.filename)
            return _read(_FIELDS.decode(cached), file)
    return None


def store_metadata(
    file: DistributionFile, fields: MetadataFields, cache: Cache, *, sha256: str | None = None
) -> CoreMetadata:
    """Keep *fields* of *file* permanently if they describe its release, and return what they say; raises MetadataError.

    *sha256* is that of the file, where all its bytes were hashed.
    """
    if _is_own(fields, file):
        value = msgspec.msgpack.encode(fields)
        for key in _keys(_METADATA, file, sha256):
            cache.keep_fact(key, value)
    return _read(fields, file)


def cached_identity(file: DistributionFile, cache: Cache, *, offline: bool = False) -> ArtifactIdentity | str | None:
    """Return what the wheel *file* installs, or why that is unknown, as *cache* has it; None if it does not."""
    found = verified_identity(file, cache)
    if found is None:
        key = _claimed_key(_IDENTITY, file, offline=offline)
        cached = cache.fact(key) if key is not None else None
        found = _marked(msgspec.json.decode(cached, type=ArtifactIdentity | str), verified=False) if cached else None
    return found


def verified_identity(file: DistributionFile, cache: Cache) -> ArtifactIdentity | str | None:
    """Return the same of bytes that we hashed, None where *cache* has nothing of any with the hash of *file*."""
    key = _hashed_key(_IDENTITY, file)
    cached = cache.fact(key) if key is not None else None
    return _marked(msgspec.json.decode(cached, type=ArtifactIdentity | str), verified=True) if cached else None


class WheelContents(NamedTuple):
    """What a wheel installs, or why that is unknown, with what of it Python can import."""

    identity: ArtifactIdentity | str
    importable: ImportableFiles


def cached_tops(file: DistributionFile, cache: Cache) -> tuple[str, ...]:
    """Return the names at the top of the wheel *file* that its modules are under, () where *cache* does not know."""
    cached = _cached_fact(_TOPS, file, cache)
    return msgspec.json.decode(cached, type=tuple[str, ...]) if cached is not None else ()


def cached_importable(file: DistributionFile, cache: Cache) -> ImportableFiles:
    """Return what Python can import of the wheel *file*, nothing where *cache* does not know."""
    cached = _cached_fact(_IMPORTABLE, file, cache)
    return msgspec.msgpack.decode(cached, type=ImportableFiles) if cached is not None else ImportableFiles()


def _cached_fact(kind: str, file: DistributionFile, cache: Cache) -> bytes | None:
    """Return what *cache* has of *kind*, by what was hashed, else by what was said of *file*."""
    keys = (_hashed_key(kind, file), _claimed_key(kind, file, offline=True))
    return next((cached for key in keys if key is not None and (cached := cache.fact(key)) is not None), None)


def store_contents(
    file: DistributionFile, contents: WheelContents, cache: Cache, *, sha256: str | None = None
) -> ArtifactIdentity | str:
    """Keep permanently what the wheel *file* of its release installs, or why that is unknown, and return that.

    *sha256* is that of the file, where all its bytes were hashed: only then the identity is verified.
    """
    marked = _marked(contents.identity, verified=sha256 is not None)
    for key in _keys(_TOPS, file, sha256):
        cache.keep_fact(key, msgspec.json.encode(contents.importable.top))
    for key in _keys(_IMPORTABLE, file, sha256):
        cache.keep_fact(key, msgspec.msgpack.encode(contents.importable))
    for key in _keys(_IDENTITY, file, sha256):
        cache.keep_fact(key, msgspec.json.encode(marked))
    return marked


def _marked(identity: ArtifactIdentity | str, *, verified: bool) -> ArtifactIdentity | str:
    if isinstance(identity, str) or identity.verified == verified:
        return identity
    return replace(identity, verified=verified)


def _read(fields: MetadataFields, file: DistributionFile) -> CoreMetadata:
    read = read_fields if file.kind == "wheel" else read_static_fields
    return read(fields, name=file.project, version=file.version)


def _is_own(fields: MetadataFields, file: DistributionFile) -> bool:
    try:
        return fields.name == file.project and Version(fields.version) == file.version
    except InvalidVersion:
        return False


def _keys(kind: str, file: DistributionFile, sha256: str | None) -> Iterator[str]:
    """Yield what to keep a fact of *file* under."""
    if sha256 is not None:
        named = _hashed_key(kind, file)
        yield named if named is not None else _key_of_bytes(kind, file, sha256)
    claimed = _claimed_key(kind, file, offline=True)
    if claimed is not None and (sha256 is None or _hashed_key(kind, file) is None):
        yield claimed


def _hashed_key(kind: str, file: DistributionFile) -> str | None:
    """Return what names bytes with all the strong hashes of *file*, None where it has none."""
    named = file.entry.hashes
    digests = ":".join(named[name].lower() for name in _STRONG if name in named)
    return _key_of_bytes(kind, file, digests) if digests else None


def _key_of_bytes(kind: str, file: DistributionFile, digests: str) -> str:
    return f"{kind}:{digests}:{file.project}:{file.version}"


def _claimed_key(kind: str, file: DistributionFile, *, offline: bool) -> str | None:
    """Return what says who says something of which file; None for what may change at any time.

    A file of this machine is read faster than it is hashed, and is always read.
    """
    entry = file.entry
    claimed = next((f"{name}:{entry.hashes[name].lower()}" for name in _STRONG if name in entry.hashes), "")
    if entry.url.startswith("file:") or not (claimed or offline):
        return None
    beside = sorted(entry.core_metadata.items()) if entry.core_metadata is not None and kind == _METADATA else None
    said = (entry.origin, redact(entry.url), claimed, beside, file.project, str(file.version))
    return f"{kind}:{hashlib.sha256(msgspec.json.encode(said)).hexdigest()}"
