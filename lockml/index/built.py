"""Reads and writes a table of ``[[built]]``: a project that the user's image builds, and no index is asked for.

The source is a git repository at a commit, or a source archive with its SHA-256 (PEP 440 direct references).
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from msgspec import Struct
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.common.display import redact
from lockml.common.references import (
    ArchiveReference,
    BadReferenceError,
    RepositoryReference,
    parse_pep508,
    parse_reference,
)

__all__ = ["BadBuiltError", "Built", "built_table", "parse_built"]

_T = TypeVar("_T")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_KEYS: Final = ("name", "version", "source", "commit", "sha256", "requires", "build-requires")


class BadBuiltError(ValueError):
    """A table that names no such project; *faults* has each key, "" for the table, and what is wrong with it.

    Internal: never reaches the user; reading the configuration makes a RequirementError of it, reading a lock a
    LockError.
    """

    def __init__(self, faults: tuple[tuple[str, str], ...]) -> None:
        super().__init__(faults)
        self.faults = faults


class Built(Struct, frozen=True, kw_only=True):
    """A project that an image builds itself, of exactly this *version* and source.

    The revision of a repository is a commit, and an archive has a ``sha256:…``. *requires* is what it needs, and
    *build_requires* what its build needs, as PEP 508 lines; None where the source is to say it.
    """

    name: NormalizedName
    version: Version
    reference: RepositoryReference | ArchiveReference
    requires: tuple[str, ...] | None = None
    build_requires: tuple[str, ...] | None = None

    @property
    def source(self) -> str:
        """What names the bytes of the source: a commit, or ``sha256:…``."""
        match self.reference:
            case RepositoryReference(revision=commit):
                return commit or ""
            case ArchiveReference(hashes=hashes):
                return min(hashes, default="")

    @property
    def place(self) -> str:
        """Where the source is, without a login and without what names its bytes."""
        match self.reference:
            case RepositoryReference(url=url, subdirectory=inside):
                return f"git+{redact(url)}{f'#subdirectory={inside}' if inside else ''}"
            case ArchiveReference():
                return str(self.reference)


def built_table(built: Built) -> dict[str, object]:
    """Return what a lock writes of *built*: the keys that the user wrote."""
    key, digest = ("commit", built.source)
    if isinstance(built.reference, ArchiveReference):
        key, digest = ("sha256", built.source.removeprefix("sha256:"))
    table: dict[str, object] = {"name": built.name, "version": str(built.version), "source": built.place, key: digest}
    if built.requires is not None:
        table["requires"] = list(built.requires)
    if built.build_requires is not None:
        table["build-requires"] = list(built.build_requires)
    return table


def parse_built(table: Mapping[str, object], *, strict: bool = True) -> Built:
    """Return the project that *table* names; with *strict*, it may have no key that nothing reads.

    Raises BadBuiltError with all that is wrong with it.
    """
    reader = _Reader(table)
    if strict:
        reader.faults += [
            (key, f"{key!r} is not a key (the keys are {', '.join(_KEYS)})") for key in table if key not in _KEYS
        ]
    name, version = reader.parsed("name", _name), reader.parsed("version", _version)
    reference = reader.reference()
    requires, build_requires = reader.requirements("requires"), reader.requirements("build-requires")
    if reader.faults or name is None or version is None or reference is None:
        raise BadBuiltError(tuple(reader.faults))
    return Built(name=name, version=version, reference=reference, requires=requires, build_requires=build_requires)


class _Reader:
    """Reads the keys of *table*, and notes what is wrong with each."""

    def __init__(self, table: Mapping[str, object]) -> None:
        self._table = table
        self.faults: list[tuple[str, str]] = []

    def parsed(self, key: str, parse: Callable[[str], _T]) -> _T | None:
        """Return what *parse* makes of the text under *key*, None and a fault where there is none."""
        value = self._table.get(key)
        if not isinstance(value, str) or not value.strip():
            self.faults.append((key if key in self._table else "", f"{key!r} must be a string"))
            return None
        try:
            return parse(value.strip())
        except ValueError as error:
            self.faults.append((key, str(error)))
            return None

    def requirements(self, key: str) -> tuple[str, ...] | None:
        """Return the requirements under *key*, normalized; None where it is not there."""
        values = self._table.get(key)
        if values is None:
            return None
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            self.faults.append((key, f"{key!r} must be a list of requirements"))
            return None
        found: list[str] = []
        for text in values:
            try:
                found.append(_requirement(text))
            except ValueError as error:
                self.faults.append((key, str(error)))
        return tuple(found)

    def reference(self) -> RepositoryReference | ArchiveReference | None:
        """Return the source, bound to its bytes."""
        reference = self.parsed("source", _source)
        if reference is None:
            return None
        key, pattern, other = ("commit", _COMMIT, "sha256")
        if isinstance(reference, ArchiveReference):
            key, pattern, other = ("sha256", _SHA256, "commit")
        if other in self._table:
            self.faults.append((other, f"a source like {redact(str(reference))} has no {other!r}, it has {key!r}"))
        if key not in self._table:
            self.faults.append(("source", f"its bytes are not named: give its {key!r}, in full"))
            return None
        digest = self.parsed(key, lambda text: _matching(text.lower(), pattern, key))
        if digest is None:
            return None
        if isinstance(reference, ArchiveReference):
            named = frozenset({f"sha256:{digest}"})
            return ArchiveReference(location=reference.location, hashes=named, subdirectory=reference.subdirectory)
        return RepositoryReference(url=reference.url, revision=digest, subdirectory=reference.subdirectory)


def _name(text: str) -> NormalizedName:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise ValueError(f"{text!r} is not the name of a project") from error


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise ValueError(f"{text!r} is not a version (PEP 440)") from error


def _requirement(text: str) -> str:
    try:
        requirement = parse_pep508(text)
    except ValueError as error:
        raise ValueError(f"{text[:200]!r} is not a requirement (PEP 508)") from error
    if requirement.url is not None:
        raise ValueError(f"{redact(text)!r} names an address: ask for that in the inputs, and only for the name here")
    return str(requirement)


def _source(text: str) -> RepositoryReference | ArchiveReference:
    if not text.isprintable() or " " in text:
        raise ValueError(f"{redact(text)!r} has characters that no address has")
    try:
        reference = parse_reference(text)
    except BadReferenceError as error:
        raise ValueError(f"{redact(text)!r} is not a source: {error}") from error
    match reference:
        case RepositoryReference(revision=revision) if revision is not None:
            raise ValueError(f"{redact(text)!r} names {revision!r}: write the commit under `commit`")
        case RepositoryReference():
            return reference
        case ArchiveReference() if reference.filename.endswith(".whl"):
            raise ValueError(f"{redact(text)!r} is a wheel, which needs no build: ask for it in the inputs")
        case ArchiveReference():
            if reference.hashes or reference.weak_hashes:
                raise ValueError(f"{redact(text)!r} has a hash after #: write it as `sha256`")
            return reference
    raise ValueError(f"{redact(text)!r} is a folder: name a repository (git+https://…) or an archive (.tar.gz)")


def _matching(text: str, pattern: re.Pattern[str], key: str) -> str:
    if pattern.fullmatch(text) is None:
        wanted = "a commit in full (40 or 64 hexadecimal digits)" if key == "commit" else "64 hexadecimal digits"
        raise ValueError(f"{text!r} is not {wanted}")
    return text
