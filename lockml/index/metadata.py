"""The text of a METADATA or PKG-INFO in, `CoreMetadata` out (core metadata specification, PEP 643)."""

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.index.model import CoreMetadata, Dependency, DynamicMetadataError, MetadataError

__all__ = ["MetadataFields", "parse_metadata", "parse_static_metadata", "read_fields", "read_static_fields"]

_DEPENDENCY_FIELDS = frozenset({"requires-dist", "requires-python", "provides-extra"})


class MetadataFields(msgspec.Struct, array_like=True, omit_defaults=True):
    """What lockml takes of a METADATA file, in the form that is kept; *fault* is why it cannot be used, if so.

    *requires* are names, extras, specifiers, markers and URLs, as in `Dependency`.
    """

    name: str = ""
    version: str = ""
    written: str = "1.0"
    requires: list[tuple[str, tuple[str, ...], str, str, str]] = []
    requires_python: str = ""
    extras: list[str] = []
    dynamic: list[str] = []
    fault: str = ""

    @classmethod
    def of(cls, content: bytes) -> "MetadataFields":
        """Return the fields of *content*, which is UTF-8 text."""
        from packaging.metadata import parse_email  # takes long to load, and what is kept was parsed before

        raw, _ = parse_email(content.replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n\n")
        try:
            return cls(
                name=canonicalize_name(raw["name"]),
                version=str(Version(raw["version"])),
                written=str(Version(raw.get("metadata_version", "1.0"))),
                requires=[_dependency(text) for text in raw.get("requires_dist", ())],
                requires_python=str(SpecifierSet(raw.get("requires_python", ""))),
                extras=sorted({canonicalize_name(extra) for extra in raw.get("provides_extra", ())}),
                dynamic=[field.lower() for field in raw.get("dynamic", ())],
            )
        except KeyError as error:
            return cls(fault=f"its metadata has no {error.args[0]}")
        except (InvalidVersion, InvalidSpecifier, InvalidRequirement) as error:
            return cls(fault=f"its metadata cannot be read: {' '.join(str(error).split())}")


def parse_metadata(
    content: bytes, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return the metadata of *name* at *version*, of any project where they are None.

    Raises MetadataError where it is another's or cannot be used.
    """
    return read_fields(MetadataFields.of(content), name=name, version=version)


def parse_static_metadata(
    content: bytes, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return the metadata of a PKG-INFO whose dependencies no build can change (PEP 643).

    Raises DynamicMetadataError where one can: they are marked as dynamic, or written before metadata version 2.2,
    which could not say so; MetadataError as `parse_metadata` does.
    """
    return read_static_fields(MetadataFields.of(content), name=name, version=version)


def read_fields(
    fields: MetadataFields, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return *fields* as `parse_metadata` returns the text that they are from."""
    if fields.fault:
        raise MetadataError(fields.fault)
    if int(fields.written.partition(".")[0]) > 2:
        raise MetadataError(f"its metadata has version {fields.written}; lockml knows versions 1 and 2")
    found_name, found_version = canonicalize_name(fields.name), Version(fields.version)
    if (name or found_name, version or found_version) != (found_name, found_version):
        raise MetadataError(f"its metadata is that of {found_name} {found_version}")
    return CoreMetadata(
        name=found_name,
        version=found_version,
        requires_dist=tuple(
            Dependency(
                name=NormalizedName(needed),
                extras=tuple(map(NormalizedName, extras)),
                specifier=specifier,
                marker=marker,
                url=url,
            )
            for needed, extras, specifier, marker, url in fields.requires
        ),
        requires_python=fields.requires_python or None,
        provides_extra=frozenset(map(NormalizedName, fields.extras)),
    )


def read_static_fields(
    fields: MetadataFields, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return *fields* as `parse_static_metadata` returns the text that they are from."""
    metadata = read_fields(fields, name=name, version=version)
    if Version(fields.written) < Version("2.2") or not _DEPENDENCY_FIELDS.isdisjoint(fields.dynamic):
        raise DynamicMetadataError(f"its dependencies are known only after a build (--allow-build {metadata.name})")
    return metadata


def _dependency(text: str) -> tuple[str, tuple[str, ...], str, str, str]:
    needed = Requirement(text)
    return (
        canonicalize_name(needed.name),
        tuple(sorted({canonicalize_name(extra) for extra in needed.extras})),
        str(needed.specifier),
        str(needed.marker) if needed.marker is not None else "",
        needed.url or "",
    )
