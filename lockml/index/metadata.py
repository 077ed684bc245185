"""The text of a METADATA or PKG-INFO in, `CoreMetadata` out (core metadata specification, PEP 643)."""

from collections.abc import Sequence

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.index.model import CoreMetadata, DynamicMetadataError, MetadataError

__all__ = ["parse_metadata", "parse_static_metadata"]

_DEPENDENCY_FIELDS = frozenset({"requires-dist", "requires-python", "provides-extra"})


def parse_metadata(
    content: bytes, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return the metadata of *name* at *version*, of any project where they are None.

    Raises MetadataError where it is another's or cannot be used.
    """
    metadata, _, _ = _parse(content, name, version)
    return metadata


def parse_static_metadata(
    content: bytes, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return the metadata of a PKG-INFO whose dependencies no build can change (PEP 643).

    Raises DynamicMetadataError where one can: they are marked as dynamic, or written before metadata version 2.2,
    which could not say so; MetadataError as `parse_metadata` does.
    """
    metadata, written, dynamic = _parse(content, name, version)
    changing = _DEPENDENCY_FIELDS & {field.lower() for field in dynamic}
    if written < Version("2.2") or changing:
        raise DynamicMetadataError(f"its dependencies are known only after a build (--allow-build {metadata.name})")
    return metadata


def _parse(
    content: bytes, name: NormalizedName | None, version: Version | None
) -> tuple[CoreMetadata, Version, Sequence[str]]:
    raw, _ = parse_email(content.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n\n")
    try:
        found_name, found_version = canonicalize_name(raw["name"]), Version(raw["version"])
        written = Version(raw.get("metadata_version", "1.0"))
        metadata = CoreMetadata(
            name=found_name,
            version=found_version,
            requires_dist=tuple(Requirement(text) for text in raw.get("requires_dist", ())),
            requires_python=SpecifierSet(raw["requires_python"]) if raw.get("requires_python") else None,
            provides_extra=frozenset(canonicalize_name(extra) for extra in raw.get("provides_extra", ())),
        )
    except KeyError as error:
        raise MetadataError(f"its metadata has no {error.args[0]}") from error
    except (InvalidVersion, InvalidSpecifier, InvalidRequirement) as error:
        raise MetadataError(f"its metadata cannot be read: {' '.join(str(error).split())}") from error
    if written.major > 2:
        raise MetadataError(f"its metadata has version {written}; lockml knows versions 1 and 2")
    if (name or found_name, version or found_version) != (found_name, found_version):
        raise MetadataError(f"its metadata is that of {found_name} {found_version}")
    return metadata, written, raw.get("dynamic", ())
