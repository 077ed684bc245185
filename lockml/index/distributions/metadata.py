"""Parses METADATA and PKG-INFO → `CoreMetadata` (core metadata specification, PEP 643)."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeVar

import msgspec
from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from lockml.common.references import LONGEST_REQUIREMENT
from lockml.common.settings import setting
from lockml.index.model import CoreMetadata, Dependency, DynamicMetadataError, MetadataError, UnreadDependency

__all__ = [
    "MetadataFields",
    "needs_build",
    "parse_metadata",
    "parse_static_metadata",
    "read_fields",
    "read_static_fields",
]

_DEPENDENCY_FIELDS: Final = frozenset({"requires-dist", "requires-python", "provides-extra"})
_LONG_NUMBER: Final = 1000  # digits; Python refuses to read a number of 4,301
_NUMBER_WITHOUT_END: Final = re.compile(rf"\d{{{_LONG_NUMBER}}}")
_STATIC: Final = Version("2.2")
_UNKNOWN: Final = Version("3")
_DEEPEST: Final = 50  # brackets within each other, of a marker
_HEADER: Final = re.compile(r"[!-9;-~]+")  # RFC 5322
_WORD: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE: Final = r"(?:[=~!<>]=|[<>]) *[A-Za-z0-9._+*!-]+"
_CLAUSES: Final = rf"{_CLAUSE}(?: *, *{_CLAUSE})*"
_USUAL: Final = re.compile(
    rf"({_WORD}) *(?:\[ *({_WORD}(?: *, *{_WORD})*) *\])? *(?:\( *({_CLAUSES}) *\)|({_CLAUSES}))? *(?:; *(.+))?"
)  # how almost all requirements are written; what a specifier and a marker mean is not read here

_OLD_CLAUSE: Final = r"(?:[=~!<>]=|===|[<>])\s*[^,;\s()]+"
_OLD_CLAUSES: Final = rf"{_OLD_CLAUSE}(?:\s*,\s*{_OLD_CLAUSE})*"
_LEGACY: Final = re.compile(
    rf"{_WORD}\s*(?:\[[^\]]*\])?\s*(?:\(\s*{_OLD_CLAUSES}\s*\)|{_OLD_CLAUSES})\s*"
)  # any text was a version; a marker is to be read as ever
_LONGEST_SHOWN: Final = 200  # characters
_LONGEST_KEPT: Final = 500  # characters of a text that is cached

_T = TypeVar("_T")


class MetadataFields(msgspec.Struct, array_like=True, omit_defaults=True):
    """What lockml takes of a METADATA file, in the form that is kept; *fault* is why it cannot be used, if so.

    *requires* are names, extras, specifiers, markers and URLs, as in `Dependency`, *unread_dist* the markers and faults
    of `UnreadDependency`. *unread_python* is a Requires-Python that cannot be read, and that does not count, as in pip.
    """

    name: str = ""
    version: str = ""
    written: str = "1.0"
    requires: list[tuple[str, tuple[str, ...], str, str, str]] = []
    requires_python: str = ""
    extras: list[str] = []
    dynamic: list[str] = []
    fault: str = ""
    unread_python: str = ""
    unread_dist: list[tuple[str, str]] = []

    @classmethod
    def of(cls, content: bytes) -> "MetadataFields":
        """Return the fields of *content*, which is UTF-8 text."""
        headers = _headers(content)
        try:
            _refuse_excess(headers, ("name", "version"))
            name, version = canonicalize_name(_only(headers, "name")), str(Version(_only(headers, "version")))
        except (KeyError, ValueError) as error:
            return cls(fault=_fault(error))
        try:
            _refuse_excess(headers, ("metadata-version", "requires-dist", "requires-python"))
            python, unread = _python(headers.get("requires-python", [""])[0])
            requires, unread_dist = _dependencies(headers.get("requires-dist", ()))
            return cls(
                name=name,
                version=version,
                unread_python=unread,
                written=str(Version(headers.get("metadata-version", ["1.0"])[0])),
                requires=requires,
                unread_dist=unread_dist,
                requires_python=python,
                extras=sorted({canonicalize_name(extra) for extra in headers.get("provides-extra", ())}),
                dynamic=[field.lower() for field in headers.get("dynamic", ())],
            )
        except (ValueError, RecursionError) as error:  # packaging's own errors are ValueErrors
            return cls(name=name, version=version, fault=_fault(error))


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
    if Version(fields.written) >= _UNKNOWN:
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
        unread_python=fields.unread_python,
        unread_dist=tuple(UnreadDependency(marker=marker, fault=fault) for marker, fault in fields.unread_dist),
        provides_extra=frozenset(map(NormalizedName, fields.extras)),
    )


def read_static_fields(
    fields: MetadataFields, *, name: NormalizedName | None = None, version: Version | None = None
) -> CoreMetadata:
    """Return *fields* as `parse_static_metadata` returns the text that they are from."""
    metadata = read_fields(fields, name=name, version=version)
    if needs_build(fields):
        raise DynamicMetadataError(
            f"its dependencies are known only after a build ({setting('allow-build', metadata.name)})"
        )
    return metadata


def needs_build(fields: MetadataFields) -> bool:
    """Say whether *fields* of a PKG-INFO are readable, and a build can change the dependencies (PEP 643)."""
    if fields.fault:
        return False
    return Version(fields.written) < _STATIC or not _DEPENDENCY_FIELDS.isdisjoint(fields.dynamic)


def _headers(content: bytes) -> Mapping[str, list[str]]:
    """Return the values of each header of *content*, by lower-case name.

    As in an e-mail, a line that begins with a space goes on with the one before, and any other line ends the headers.
    """
    found: dict[str, list[list[str]]] = {}
    values: list[list[str]] = []
    head = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").partition(b"\n\n")[0]
    for line in head.decode("utf-8", "replace").split("\n"):
        if line[:1] in (" ", "\t"):
            for value in values[-1:]:
                value.append(line.strip())
            continue
        name, colon, text = line.partition(":")
        if not colon or not _HEADER.fullmatch(name):
            break
        values = found.setdefault(name.lower(), [])
        values.append([text.strip()])
    return {name: [" ".join(value) for value in values] for name, values in found.items()}


def _refuse_excess(headers: Mapping[str, list[str]], names: Iterable[str]) -> None:
    """Raise ValueError where a header of *names* holds what readers give up on: endless numbers or brackets."""
    for text in (text for name in names for text in headers.get(name, ())):
        excess = _excess(text)
        if excess:
            raise ValueError(excess)


def _excess(text: str) -> str:
    """Return what no reader could take of *text*, "" for nothing."""
    if len(text) > _DEEPEST and text.count("(") > _DEEPEST:
        depth = deepest = 0
        for character in text:
            depth += (character == "(") - (character == ")")
            deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            return f"it has brackets {deepest} deep"
    if len(text) >= _LONG_NUMBER and _NUMBER_WITHOUT_END.search(text):
        return f"it has a number of {_LONG_NUMBER} digits or more"
    return ""


def _fault(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"its metadata has no {error.args[0]}"
    return f"its metadata cannot be read: {' '.join(str(error).split())}"


def _python(text: str) -> tuple[str, str]:
    """Return the specifier that *text* is, and *text* where it is none."""
    try:
        return _specifier(text), ""
    except InvalidSpecifier:
        return "", text


def _only(headers: Mapping[str, list[str]], name: str) -> str:
    """Return the one value of the header *name*; raises KeyError where there is none, or more than one."""
    if len(headers[name]) != 1:
        raise KeyError(f"single {name}")
    return headers[name][0]


def _dependencies(
    texts: Iterable[str],
) -> tuple[list[tuple[str, tuple[str, ...], str, str, str]], list[tuple[str, str]]]:
    """Return what *texts* require, and the marker and the fault of each that is none; raises ValueError without one."""
    requires, unread = [], []
    for text in texts:
        if len(text) > LONGEST_REQUIREMENT:
            raise ValueError(f"it has a Requires-Dist of {len(text)} characters; the most is {LONGEST_REQUIREMENT}")
        try:
            requires.append(_dependency(text))
        except InvalidRequirement as error:
            fault = _requirement_fault(text, error)
            head, _, marker = text.partition(";")
            if not marker.strip() or "@" in head:
                raise ValueError(fault) from error
            try:
                unread.append((_marker(marker.strip()), fault))
            except InvalidMarker:
                raise ValueError(fault) from error
    return requires, unread


def _requirement_fault(text: str, error: InvalidRequirement) -> str:
    """Say why *text* is no requirement, and who takes it: what `_LEGACY` matches was one before packaging 22."""
    shown = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    fault = f"{shown!r} is not a requirement ({str(error).partition(chr(10))[0]})"
    if not _is_legacy(text):
        return f"{fault}: pip 24.1 and newer refuse the release"
    return f"{fault}: pip before 24.1 installs the release, pip 24.1 and newer refuse it, uv may repair it"


def _is_legacy(text: str) -> bool:
    """Say whether *text* was a requirement before packaging 22: any text was a version, and markers were as now."""
    head, semicolon, marker = text.partition(";")
    if len(text) > _LONGEST_SHOWN or _LEGACY.fullmatch(head) is None:
        return False
    try:
        return not semicolon or bool(_marker(marker.strip()))
    except InvalidMarker:
        return False


def _cached(most: int) -> Callable[[Callable[[str], _T]], Callable[[str], _T]]:
    """Keep what a function returns for the last *most* texts, none of them long: an index could fill the memory."""

    def decorate(function: Callable[[str], _T]) -> Callable[[str], _T]:
        kept = lru_cache(maxsize=most)(function)
        return lambda text: (kept if len(text) <= _LONGEST_KEPT else function)(text)

    return decorate


@_cached(16384)  # releases of a project mostly need the same
def _dependency(text: str) -> tuple[str, tuple[str, ...], str, str, str]:
    """Return the name, the extras, the specifier, the marker and the URL of *text*; raises InvalidRequirement."""
    usual = _USUAL.fullmatch(text) if "  " not in text else None  # unbounded spaces take it unbounded time
    if usual is not None:
        name, extras, within, bare, marker = usual.groups(default="")
        try:
            specifier, marker = _specifier(within or bare), _marker(marker)
        except (InvalidSpecifier, InvalidMarker):
            pass  # packaging says it below
        else:
            return canonicalize_name(name), _extras(extras.split(",") if extras else ()), specifier, marker, ""
    needed = Requirement(text)
    marker = str(needed.marker) if needed.marker is not None else ""
    return canonicalize_name(needed.name), _extras(needed.extras), str(needed.specifier), marker, needed.url or ""


def _extras(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({canonicalize_name(name.strip()) for name in names}))


@_cached(4096)
def _specifier(text: str) -> str:
    return str(SpecifierSet(text))


@_cached(4096)
def _marker(text: str) -> str:
    return str(Marker(text)) if text else ""
