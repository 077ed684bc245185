"""Read and write the tables of [tool.lockml] about projects that an image builds.

``built`` has the configured projects, ``recorded`` the results of builds, ``build`` the dependencies of builds, locked
like packages of PEP 751. A lockml without these tables sees packages from a repository or an archive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace as replaced
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace
from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import LockError
from lockml.index.built import BadBuiltError, Built, built_table, parse_built
from lockml.lock.model import Asked, Lock, RecordedBuild

__all__ = ["recorded_of", "with_built", "with_built_facts", "with_recorded"]

_KEYS = ("built", "recorded", "build")
_LONGEST = 255  # bytes of a file name
_AGAIN = "restore it, or lock again with `lockml compile`"


class _Recorded(Struct, rename="kebab"):
    """A table of ``recorded``."""

    name: str
    version: str
    wheel: str
    record_sha256: str
    source: str
    found_in: str = field(name="from")
    date: str
    image: str = ""
    scripts: tuple[str, ...] = ()
    rewritten_scripts: dict[str, str] = {}
    requires: tuple[str, ...] = ()


class _Build(Struct):
    """The table ``build``."""

    requirements: list[dict[str, str]] = []
    packages: list[dict[str, Any]] = []


def with_built(lock: Lock, built: Sequence[Built], recorded: Sequence[RecordedBuild], build: Lock | None) -> Lock:
    """Return *lock* with those of *built* that it pins, their *recorded* builds, and the lock of their *build*."""
    pinned = {package.name for package in lock.pylock.packages}
    used = tuple(sorted((each for each in built if each.name in pinned), key=lambda each: each.name))
    return _stated(replace(lock, built=used, recorded=recorded_of(used, recorded), build=build))


def recorded_of(built: Sequence[Built], recorded: Sequence[RecordedBuild]) -> tuple[RecordedBuild, ...]:
    """Return those of *recorded* that are builds of *built* with the same version and source."""
    sources = {(each.name, each.version, each.source) for each in built}
    return tuple(each for each in recorded if (each.name, each.version, each.source) in sources)


def with_recorded(lock: Lock, recorded: Sequence[RecordedBuild]) -> Lock:
    """Return *lock* with other recorded builds, and no other change."""
    return _stated(replace(lock, recorded=tuple(recorded)))


def _stated(lock: Lock) -> Lock:
    """Return *lock* with its builds in its tool table too."""
    tool = lock.pylock.tool or {}
    facts = {key: value for key, value in tool.get("lockml", {}).items() if key not in _KEYS}
    if lock.built:
        facts["built"] = [built_table(each) for each in lock.built]
    if lock.recorded:
        facts["recorded"] = [_recorded_table(each) for each in lock.recorded]
    if lock.build is not None:
        asked = [{"requirement": each.requirement, "origin": each.origin} for each in lock.build.requirements]
        facts["build"] = {"requirements": asked, "packages": lock.build.pylock.to_dict()["packages"]}
    return replace(lock, pylock=replaced(lock.pylock, tool={**tool, "lockml": facts}))


def _recorded_table(recorded: RecordedBuild) -> dict[str, object]:
    identity = recorded.identity
    table = {
        "name": recorded.name,
        "version": str(recorded.version),
        "wheel": recorded.wheel,
        "record-sha256": identity.digest,
        "scripts": list(identity.scripts),
        "rewritten-scripts": dict(identity.rewritten),
        "source": recorded.source,
        "from": recorded.found_in,
        "image": recorded.image,
        "date": recorded.date,
        "requires": list(recorded.requires),
    }
    return {key: value for key, value in table.items() if value}


def with_built_facts(lock: Lock, facts: Mapping[str, object], file: str) -> Lock:
    """Return *lock*, read from *file*, with the builds in its *facts*; raises LockError."""
    if not any(key in facts for key in _KEYS):
        return lock
    tables = _converted(facts.get("built", []), list[dict[str, Any]], "built", file)
    built = tuple(_built(table, file) for table in tables)
    _require_sources(lock, built, file)
    names = {each.name for each in built}
    entries = _converted(facts.get("recorded", []), list[_Recorded], "recorded", file)
    recorded = tuple(_recorded(entry, names, file) for entry in entries)
    return replace(lock, built=built, recorded=recorded, build=_build(lock, facts, file) if "build" in facts else None)


def _converted(value: object, kind: Any, key: str, file: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise LockError(file, f"has a {key!r} that lockml does not write ({error})", hint=_AGAIN) from error


def _built(table: Mapping[str, object], file: str) -> Built:
    try:
        return parse_built(table, strict=False)
    except BadBuiltError as error:
        reason = error.faults[0][1]
        raise LockError(file, f"has an invalid project in 'built' ({reason})", hint=_AGAIN) from error


def _require_sources(lock: Lock, built: Sequence[Built], file: str) -> None:
    """Raise LockError if a built project is locked from an index: then its wheels prove it."""
    for each in built:
        for package in lock.pylock.packages:
            if package.name == each.name and (package.wheels or package.sdist or package.directory):
                problem = f"says that the image builds {each.name}, but has files of it from elsewhere"
                raise LockError(file, problem, hint=_AGAIN)


def _recorded(table: _Recorded, built: set[NormalizedName], file: str) -> RecordedBuild:
    name = canonicalize_name(table.name)
    if name not in built:
        raise LockError(file, f"has a recorded build of {name}, which no image builds", hint=_AGAIN)
    if len(table.wheel) > _LONGEST:
        raise LockError(file, f"has a recorded build of {name} with a name of {len(table.wheel)} bytes", hint=_AGAIN)
    try:
        version, wheel = Version(table.version), parse_wheel_filename(table.wheel)
    except (InvalidVersion, InvalidWheelFilename) as error:
        raise LockError(file, f"has an invalid recorded build of {name} ({error})", hint=_AGAIN) from error
    if wheel[:2] != (name, version):
        raise LockError(file, f"has a recorded build of {name} {version} named {table.wheel}", hint=_AGAIN)
    identity = ArtifactIdentity(digest=table.record_sha256, scripts=table.scripts, rewritten=table.rewritten_scripts)
    return RecordedBuild(
        name=name,
        version=version,
        wheel=table.wheel,
        identity=identity,
        source=table.source,
        found_in=table.found_in,
        date=table.date,
        image=table.image,
        requires=table.requires,
    )


def _build(lock: Lock, facts: Mapping[str, object], file: str) -> Lock:
    """Return the lock of what builds need, for the same targets and indexes."""
    table: _Build = _converted(facts["build"], _Build, "build", file)
    try:
        document = {"lock-version": "1.0", "created-by": "lockml", "packages": table.packages}
        pylock = Pylock.from_dict(document)
        asked = tuple(Asked(requirement=each["requirement"], origin=each["origin"]) for each in table.requirements)
    except (PylockValidationError, ValueError, RecursionError, KeyError) as error:
        raise LockError(file, f"has a 'build' that lockml does not write ({error})", hint=_AGAIN) from error
    return Lock(
        pylock=pylock,
        targets=lock.targets,
        requirements=asked,
        indexes=lock.indexes,
        extras=_extras(pylock.packages),
        made_with=lock.made_with,
    )


def _extras(packages: Sequence[Package]) -> dict[NormalizedName, tuple[str, ...]]:
    asked = {package.name: (package.tool or {}).get("lockml", {}).get("extras", ()) for package in packages}
    return {name: tuple(map(str, extras)) for name, extras in asked.items() if extras}
