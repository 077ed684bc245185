"""Write a `Lock` as pylock.toml (PEP 751) and read it; the same lock always gives the same bytes.

The text has a digest of its content, so that lockml refuses a file after an edit, a merge or an incomplete write. The
digest does not stop an attacker, who can compute it.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from typing import Any, TypeVar, get_args

from packaging.markers import Marker
from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import InputError, LockError
from lockml.common.tag_lists import unpacked_tags
from lockml.common.target import Target, parse_libc, parse_macos, parse_platform, parse_python
from lockml.index.accelerators.choice import is_accelerator
from lockml.index.locations import IndexLocation, NamedIndexes
from lockml.lock.formats.built import with_built_facts
from lockml.lock.formats.safe_text import format_toml
from lockml.lock.model import (
    Asked,
    BaseImage,
    ImageConstraints,
    Lock,
    LockedArtifact,
    LockedTool,
    MadeWith,
    ProvidedPackage,
    ProvidedPackages,
    RecordedBase,
)
from lockml.lock.references import wheels_of
from lockml.resolution.model import ProvidedMode

__all__ = ["format_lock", "parse_lock"]

_T = TypeVar("_T")
_SCHEMA = 1
_DIGEST = "lock-sha256"
_CREATOR = "lockml"
_MODES = get_args(ProvidedMode)
_AGAIN = "restore it, or lock again with `lockml compile`"


def format_lock(lock: Lock) -> str:
    """Return the text of *lock*, to write as UTF-8."""
    document = _table_of(lock.pylock)
    tool = document.get("tool")
    facts = tool.get("lockml") if isinstance(tool, dict) else None
    if isinstance(tool, dict) and isinstance(facts, dict):
        schema = {"schema": facts["schema"]} if "schema" in facts else {}
        tool["lockml"] = {**schema, _DIGEST: _digest(document), **facts}
    return format_toml(document)


def _digest(document: Mapping[str, object]) -> str:
    """Return the SHA-256, hexadecimal, of the content of *document*, in any TOML notation."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=_serialized)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _serialized(value: object) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise TypeError(f"TOML has no {type(value).__name__}")


def _table_of(record: Any) -> dict[str, object]:
    """Return a *record* of packaging as nested dicts and lists, like its `to_dict`.

    `to_dict` copies everything, which takes as long as the rest of writing.
    """
    values = [(field.name.replace("_", "-"), getattr(record, field.name)) for field in fields(record)]
    return {key: _plain(value) for key, value in values if value is not None}


def _plain(value: object) -> object:
    match value:
        case str():
            return value
        case Version() | Marker() | SpecifierSet():
            return str(value)
        case Mapping():
            return {key: _plain(each) for key, each in value.items()}
        case Sequence():
            return [_plain(each) for each in value]
    return _table_of(value) if is_dataclass(value) else value


def parse_lock(content: bytes, file: str, document: dict[str, Any] | None = None) -> Lock:
    """Parse the lock *content*; raises LockError naming *file* and the place of the fault.

    This also reads the pylock.toml of another tool, which has no targets and no artifacts. *document* is *content* if
    it was parsed as TOML before; it is modified.
    """
    pylock, named, fits = _read(content if document is None else document, file)
    facts = _table((pylock.tool or {}).get("lockml", {}), file, "tool.lockml")
    schema = facts.get("schema", _SCHEMA)
    if schema != _SCHEMA:
        raise LockError(
            file,
            f"was written by another version of lockml (schema {schema!r}, this one reads {_SCHEMA})",
            hint="upgrade lockml",
        )
    lock = Lock(
        pylock=pylock,
        targets=tuple(_target(table, file) for table in _tables(facts, "targets", file)),
        requirements=tuple(
            Asked(requirement=_get(table, "requirement", str, file), origin=_get(table, "origin", str, file))
            for table in _tables(facts, "requirements", file)
        ),
        indexes=_indexes(facts, file),
        inputs=_get(facts, "inputs-sha256", str, file) if "inputs-sha256" in facts else "",
        artifacts=_all_artifacts(pylock.packages, file),
        extras=_all_extras(pylock.packages, file),
        base_image=_base_image(facts, file),
        provided=_provided(facts, file),
        sha256=hashlib.sha256(content).hexdigest(),
        tools=tuple(_tool(table, file) for table in _tables(facts, "tools", file)),
        projects=tuple(canonicalize_name(name) for name in _strings(facts, "projects", file)),
        made_with=_made_with(facts, file),
        accelerator=_accelerator(facts, file),
        format="" if _is_of_lockml(pylock) else "pylock.toml",
        bases=tuple(_base(table, file) for table in _tables(facts, "bases", file)),
    )
    if not fits:
        problem = f"does not match its own digest ({_DIGEST} = {named!r}): it was changed after lockml wrote it"
        raise LockError(file, problem, hint=_AGAIN)
    return with_built_facts(lock, facts, file)


def _read(content: bytes | dict[str, Any], file: str) -> tuple[Pylock, object, bool]:
    """Return the standard part of a lock, its own digest, None for none, and whether that matches."""
    try:
        document = tomllib.loads(content.decode("utf-8")) if isinstance(content, bytes) else content
        named, fits = _without_digest(document)
        if "package" in document:  # pylock.toml does not have it, and uv, Poetry and PDM install it
            raise LockError(file, "is both a pylock.toml and a lock of another tool, and each tool reads another part")
        pylock = Pylock.from_dict(document)
    except UnicodeDecodeError as error:
        raise LockError(file, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise LockError(file, f"is not TOML: {error}", hint="`lockml compile` writes a lock, pylock.toml") from error
    except PylockValidationError as error:
        raise LockError(file, f"is not a pylock.toml: {error}") from error
    if named is None and _is_of_lockml(pylock):
        problem = f"is incomplete or changed: lockml wrote it, but its digest (tool.lockml.{_DIGEST}) is missing"
        raise LockError(file, problem, hint=_AGAIN)
    return pylock, named, fits


def _without_digest(document: dict[str, Any]) -> tuple[object, bool]:
    """Remove the digest from *document*; return it, None for none, and whether it matches the rest."""
    tool = document.get("tool")
    facts = tool.get("lockml") if isinstance(tool, dict) else None
    named: object = facts.pop(_DIGEST, None) if isinstance(facts, dict) else None
    return named, named is None or named == _digest(document)


def _is_of_lockml(pylock: Pylock) -> bool:
    """Say whether anything in a lock shows that lockml wrote it."""
    tables = (pylock.tool, *(package.tool for package in pylock.packages))
    return pylock.created_by == _CREATOR or any("lockml" in (table or {}) for table in tables)


def _base_image(facts: Mapping[str, object], file: str) -> BaseImage | None:
    if "base-image" not in facts:
        return None
    table = _table(facts["base-image"], file, "base-image")
    return BaseImage(
        reference=_get(table, "reference", str, file),
        layers=_strings(table, "layers", file),
        kind=_get(table, "kind", str, file) if "kind" in table else "",
        gives_target=table.get("gives-target") is True,
        cuda=_get(table, "cuda", str, file) if "cuda" in table else "",
        requires=_strings(table, "requires", file),
        accelerator=_get(table, "accelerator", str, file) if "accelerator" in table else "",
        constraints=tuple(
            ImageConstraints(
                path=_get(each, "path", str, file),
                sha256=_get(each, "sha256", str, file),
                lines=_strings(each, "lines", file),
            )
            for each in _tables(table, "constraints", file)
        ),
    )


def _base(table: Mapping[str, object], file: str) -> RecordedBase:
    return RecordedBase(
        path=_get(table, "path", str, file),
        sha256=_get(table, "packages-sha256", str, file),
        subset=_get(table, "subset", bool, file) if "subset" in table else False,
        relaxed=_strings(table, "relaxed", file),
    )


def _provided(facts: Mapping[str, object], file: str) -> ProvidedPackages:
    if "provided" not in facts:
        return ProvidedPackages()
    table = _table(facts["provided"], file, "provided")
    if table.get("mode") not in _MODES:
        raise LockError(file, f"has an unknown mode of provided packages: {table.get('mode')!r}")
    return ProvidedPackages(
        selection=_strings(table, "selection", file),
        mode=_get(table, "mode", str, file),
        virtual=_get(table, "virtual", str, file) if "virtual" in table else "",
        packages=tuple(_provided_package(each, file) for each in _tables(table, "packages", file)),
    )


def _provided_package(table: Mapping[str, object], file: str) -> ProvidedPackage:
    texts = {key: _get(table, key, str, file) for key in ("record", "owner", "origin") if key in table}
    name = canonicalize_name(_get(table, "name", str, file))
    needs = tuple(map(canonicalize_name, _strings(table, "needs", file)))
    return ProvidedPackage(name=name, version=_get(table, "version", str, file), needs=needs, **texts)


def _accelerator(facts: Mapping[str, object], file: str) -> str:
    policy = _table(facts.get("policy", {}), file, "policy")
    accelerator = _get(policy, "accelerator", str, file) if "accelerator" in policy else ""
    if accelerator and not is_accelerator(accelerator):
        raise LockError(file, f"has an unknown accelerator: {accelerator!r}", hint="lock again")
    return accelerator


def _made_with(facts: Mapping[str, object], file: str) -> MadeWith:
    return MadeWith(
        command=_strings(facts, "command", file),
        extras=_strings(facts, "extras", file),
        groups=_strings(facts, "groups", file),
    )


def _all_artifacts(packages: Sequence[Package], file: str) -> dict[NormalizedName, tuple[LockedArtifact, ...]]:
    """Return the artifacts of each project, of all its entries."""
    artifacts: dict[NormalizedName, tuple[LockedArtifact, ...]] = {}
    for package in packages:
        artifacts[package.name] = (*artifacts.get(package.name, ()), *_artifacts(package, file))
    return artifacts


def _all_extras(packages: Sequence[Package], file: str) -> dict[NormalizedName, tuple[str, ...]]:
    extras: dict[NormalizedName, tuple[str, ...]] = {}
    for package in packages:
        asked = _strings(_table((package.tool or {}).get("lockml", {}), file, package.name), "extras", file)
        if asked:
            extras[package.name] = tuple(sorted({*extras.get(package.name, ()), *asked}))
    return extras


def _indexes(facts: Mapping[str, object], file: str) -> NamedIndexes:
    return NamedIndexes(
        url=_get(facts, "index-url", str, file) if "index-url" in facts else None,
        extra_urls=_strings(facts, "extra-index-urls", file),
        named=tuple(
            IndexLocation(
                url=_get(table, "url", str, file),
                name=_get(table, "name", str, file),
                only=_strings(table, "only", file),
            )
            for table in _tables(facts, "indexes", file)
        ),
        find_links=_strings(facts, "find-links", file),
        no_index=facts.get("no-index") is True,
    )


def _target(table: Mapping[str, object], file: str) -> Target:
    try:
        python = parse_python(_get(table, "python", str, file))
        platform = parse_platform(_get(table, "platform", str, file))
        tags = unpacked_tags(_strings(table, "tags", file), _strings(table, "tag-platforms", file))
        has_libc = platform.system == "linux" and ("libc" in table or not tags)
        libc = parse_libc(_get(table, "libc", str, file)) if has_libc else None
        macos = parse_macos(_get(table, "macos", str, file)) if platform.system == "macos" else None
    except LockError:
        raise
    except InputError as error:
        raise LockError(file, f"has an unknown target: {error.subject} {error.problem}") from error
    name = _get(table, "name", str, file) if "name" in table else ""
    return Target.of(python, platform, libc=libc, macos=macos, name=name, tags=tags)


def _artifacts(package: Package, file: str) -> tuple[LockedArtifact, ...]:
    """Return the artifacts of *package*, one for each of its wheels: any other could never be compared with bytes."""
    facts = _table((package.tool or {}).get("lockml", {}), file, f"{package.name}: tool.lockml")
    found = tuple(_artifact(table, file) for table in _tables(facts, "artifacts", file))
    left = [wheel.filename for wheel in wheels_of(package)] if found else []
    for artifact in found:
        if artifact.wheel not in left:
            problem = (
                f"has an artifact {artifact.wheel!r} of {package.name} that is not one of its wheels, or is there twice"
            )
            raise LockError(file, problem, hint="lock again with `lockml compile`")
        left.remove(artifact.wheel)
    return found


def _artifact(table: Mapping[str, object], file: str) -> LockedArtifact:
    wheel = _get(table, "wheel", str, file)
    try:
        parse_wheel_filename(wheel)
    except InvalidWheelFilename as error:
        raise LockError(file, f"names a file that is not a wheel ({error})") from error
    if "record-sha256" not in table:
        return LockedArtifact(wheel=wheel, identity=None, reason=_get(table, "unprovable", str, file))
    identity = ArtifactIdentity(
        digest=_get(table, "record-sha256", str, file),
        scripts=_strings(table, "scripts", file),
        rewritten=_hashes(table, "rewritten-scripts", file),
        verified=_get(table, "verified", bool, file),
    )
    return LockedArtifact(wheel=wheel, identity=identity)


def _tool(table: Mapping[str, object], file: str) -> LockedTool:
    name = canonicalize_name(_get(table, "name", str, file))
    artifact = _artifact(table, file)
    if artifact.identity is None:
        raise LockError(file, f"has no record-sha256 of the tool {name}", hint="lock again")
    version = _get(table, "version", str, file)
    try:
        Version(version)
    except InvalidVersion as error:
        raise LockError(file, f"has an invalid version of the tool {name}: {version!r}", hint="lock again") from error
    url, sha256 = (_get(table, key, str, file) if key in table else "" for key in ("url", "sha256"))
    return LockedTool(
        name=name, version=version, wheel=artifact.wheel, identity=artifact.identity, url=url, sha256=sha256
    )


def _get(table: Mapping[str, object], key: str, kind: type[_T], file: str) -> _T:
    value = table.get(key)
    if not isinstance(value, kind):
        raise LockError(file, f"has no {key!r} of type {kind.__name__} where lockml writes one", hint="lock again")
    return value


def _strings(table: Mapping[str, object], key: str, file: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise LockError(file, f"has a {key!r} that is not a list of strings", hint="lock again")
    return tuple(values)


def _hashes(table: Mapping[str, object], key: str, file: str) -> Mapping[str, str]:
    values = _table(table.get(key, {}), file, key)
    if not all(isinstance(value, str) for value in values.values()):
        raise LockError(file, f"has a {key!r} that is not a table of strings", hint="lock again")
    return {name: str(value) for name, value in values.items()}


def _tables(table: Mapping[str, object], key: str, file: str) -> list[Mapping[str, object]]:
    values = table.get(key, [])
    if not isinstance(values, list):
        raise LockError(file, f"has a {key!r} that is not a list of tables", hint="lock again")
    return [_table(value, file, key) for value in values]


def _table(value: object, file: str, key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise LockError(file, f"has a {key!r} that is not a table", hint="lock again")
    return value
