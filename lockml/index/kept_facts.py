"""What the cache has of a file of an index: a file in, its metadata or its artifact identity out, without asking."""

from typing import Final

import msgspec

from lockml.digest import ArtifactIdentity
from lockml.display import redact
from lockml.index.cache import Cache
from lockml.index.local import path_of_url
from lockml.index.metadata import MetadataFields, read_fields, read_static_fields
from lockml.index.model import CoreMetadata, DistributionFile

__all__ = ["keep_identity", "keep_metadata", "kept_identity", "kept_metadata"]

_FIELDS: Final = msgspec.msgpack.Decoder(MetadataFields)


def kept_metadata(file: DistributionFile, cache: Cache) -> CoreMetadata | None:
    """Return what *file* says of itself as *cache* has it, None where it does not; raises MetadataError."""
    kept = cache.fact(_fields_key(file))
    return _read(_FIELDS.decode(kept), file) if kept is not None else None


def keep_metadata(file: DistributionFile, fields: MetadataFields, cache: Cache) -> CoreMetadata:
    """Keep *fields* of *file* for ever, and return what they say; raises MetadataError."""
    cache.keep_fact(_fields_key(file), msgspec.msgpack.encode(fields))
    return _read(fields, file)


def kept_identity(file: DistributionFile, cache: Cache) -> ArtifactIdentity | str | None:
    """Return what the wheel *file* installs, or why that cannot be told, as *cache* has it; None where it does not."""
    kept = cache.fact(_identity_key(file))
    return msgspec.json.decode(kept, type=ArtifactIdentity | str) if kept is not None else None


def keep_identity(file: DistributionFile, identity: ArtifactIdentity | str, cache: Cache) -> None:
    """Keep for ever what the wheel *file* installs, or why that cannot be told."""
    cache.keep_fact(_identity_key(file), msgspec.json.encode(identity))


def _read(fields: MetadataFields, file: DistributionFile) -> CoreMetadata:
    read = read_fields if file.kind == "wheel" else read_static_fields
    return read(fields, name=file.project, version=file.version)


def _fields_key(file: DistributionFile) -> str:
    return f"metadata-2:{_key(file)}"  # since they are kept taken apart


def _identity_key(file: DistributionFile) -> str:
    return f"identity-2:{_key(file)}"  # since identities have the hashes of rewritten scripts


def _key(file: DistributionFile) -> str:
    """Return what the facts of *file* are kept under: a file of this machine may change under its name."""
    if file.sha256 is None and file.entry.local is not None:
        path = path_of_url(file.entry.url)
        state = path.stat() if path.is_file() else None
        return f"{path}:{state.st_size}:{state.st_mtime_ns}" if state else str(path)
    return file.sha256 or redact(file.entry.url)
