"""The status of a lock today: its inputs, what the index says of its pins, and its base image.

Answers of the index and the registry are cached for a while, errors too, so that two hundred targets of one lock ask
once. What cannot be determined is unknown, never in order.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Final, Literal

import msgspec

from lockml.audit.model import Finding, FindingKind, Unknown
from lockml.audit.runs.host import file_exists, lies_in, read_file, variables
from lockml.audit.runs.run_cache import LockFile, RunCache
from lockml.common.display import redact
from lockml.common.errors import LockmlError, PackageIndexError, RequirementError
from lockml.common.private_files import PrivateFolder
from lockml.index.advisories import Advisory, SilentIndexError
from lockml.index.http.pip_config import public_index_url
from lockml.index.locations import with_logins
from lockml.index.open import IndexOptions, open_index
from lockml.index.simple import SimpleIndex
from lockml.lock.model import Lock
from lockml.lock.queries.indexes import indexes_of
from lockml.lock.status.freshness import unmet_since
from lockml.lock.status.index_status import find_pin_statuses
from lockml.lock.status.outdated import policy_of
from lockml.requirements.line_faults import hide_foreign_lines
from lockml.requirements.read import InputFiles, read_input_files
from lockml.subjects.open import KINDS, SubjectName, image_layers

__all__ = ["LOCK_STATUSES", "LockStatus", "LockStatusSettings", "check_lock_status"]

LOCK_STATUSES: Final = "standing-2"
"""The name of their folder in the cache."""

_MAX_BYTES: Final = 1 << 26  # of the cached status of one lock
_RETRY: Final = timedelta(minutes=5)  # until an index that failed is asked again
_PLAIN: Final = (".in", ".txt")
_INPUTS_AGE: Final = timedelta(seconds=60)  # how long the targets of one lock share its inputs
_OF_INDEX: Final[tuple[FindingKind, ...]] = ("newer-release", "yanked", "withdrawn", "file-gone")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockStatusSettings:
    """Whether the index is *asked*, and after which time again (*every*).

    *base_image* is KIND:NAME, the place of today's base image, None if there is none.
    """

    asked: bool
    every: timedelta
    base_image: str | None


class LockStatus(msgspec.Struct, kw_only=True, rename={"asked_at": "told", "transient": "passing"}):
    """The findings about a lock, with what could not be determined; *asked_at* is when the servers were asked.

    A *transient* status lacks the answer of a server that usually responds, and is asked again soon.
    """

    asked_at: datetime
    findings: list[Finding]
    unknown: list[Unknown]
    transient: bool = False


def check_lock_status(read: LockFile, settings: LockStatusSettings, cache: RunCache, now: datetime) -> LockStatus:
    """Return the status of the lock that was *read* at *now*."""
    outside = _outside_status(read, settings, cache.folder, now)
    key = (read.path, read.key)
    cached = cache.inputs.get(key)
    if cached is None or now - cached[0] > _INPUTS_AGE:
        cached = now, *_check_inputs(read.lock, read.path)
        cache.inputs.put(key, cached)
    _, findings, unknown = cached
    return LockStatus(
        asked_at=outside.asked_at,
        findings=[*findings, *outside.findings],
        unknown=[*unknown, *outside.unknown],
    )


def _check_inputs(lock: Lock, file: Path) -> tuple[list[Finding], list[Unknown]]:
    """Return the requirements of today's files that the lock does not meet, or why they are unknown."""
    origins = sorted({each.origin for each in lock.requirements})
    plain = [each for each in origins if PurePath(each).suffix in _PLAIN and file_exists(file.parent / each)]
    unknown: list[Unknown] = []
    others = [each for each in origins if each not in plain]
    if others:
        reason = f"{', '.join(others)}: only requirement files beside the lock are read; use `lockml compile --check`"
        unknown.append(Unknown(kinds=("lock-outdated",), reason=reason))
    try:
        named = InputFiles(files=tuple(str(file.parent / each) for each in plain))
        asked = read_input_files(named, read=lambda name: read_file(Path(name)), environment=variables())
        unmet = unmet_since(lock, asked)
    except (LockmlError, OSError) as error:
        if isinstance(error, RequirementError):
            error = hide_foreign_lines(error, lambda name: lies_in(file.parent, Path(name)))
        return [], [Unknown(kinds=("lock-outdated",), reason=redact(str(error)))]
    if not unmet:
        return [], unknown
    found = hashlib.sha256("\n".join(unmet).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    fix = "lockml compile, then rebuild and restart"
    detail = redact("; ".join(unmet))
    return [
        Finding(kind="lock-outdated", name=file.name, severity="warning", found=found, detail=detail, fix=fix)
    ], unknown


def _outside_status(read: LockFile, settings: LockStatusSettings, cache: Path | None, now: datetime) -> LockStatus:
    """Return what the index and the registry say of the lock, from the cache if that is recent."""
    asked = f"{settings.asked} {settings.base_image} {read.key}"
    name = hashlib.sha256(asked.encode()).hexdigest()
    cached = _cached_status(cache, name)
    if cached is not None and now - cached.asked_at < (_RETRY if cached.transient else settings.every):
        return cached
    found = LockStatus(asked_at=now, findings=[], unknown=[])
    if settings.asked:
        _ask_index(read, cache, found)
    if settings.base_image is not None:
        _ask_base_image(read.lock, settings.base_image, found)
    if cache is not None:
        with suppress(OSError), PrivateFolder(cache / LOCK_STATUSES) as folder:  # without it the next run asks again
            folder.write(name, (json.dumps(msgspec.to_builtins(found)).encode("ascii"),))
    return found


def _cached_status(cache: Path | None, name: str) -> LockStatus | None:
    if cache is None:
        return None
    with suppress(OSError, msgspec.MsgspecError), PrivateFolder(cache / LOCK_STATUSES, made=False) as folder:
        content = folder.read(name, _MAX_BYTES)
        return msgspec.json.decode(content, type=LockStatus) if content is not None else None
    return None


def _ask_index(read: LockFile, cache: Path | None, found: LockStatus) -> None:
    lock = read.lock
    try:
        indexes = with_logins(indexes_of(lock, public_index_url()), variables())
        with open_index(indexes, read.path.parent, IndexOptions(cache_dir=cache)) as opened:
            for fact in find_pin_statuses(lock, opened, policy_of(lock, found.asked_at)):
                found.findings.append(
                    Finding(
                        kind=fact.kind,
                        name=fact.name,
                        severity="warning",
                        locked=fact.locked,
                        found=fact.found,
                        detail=fact.detail,
                        fix=fact.fix,
                    )
                )
            _ask_advisories(lock, opened, found)
    except LockmlError as error:
        found.unknown.append(Unknown(kinds=(*_OF_INDEX, "vulnerability"), reason=redact(str(error))))
        found.transient = True


def _ask_advisories(lock: Lock, opened: SimpleIndex, found: LockStatus) -> None:
    releases = []
    for package in lock.pylock.packages:
        project = opened.project(package.name) if package.version is not None else None
        if project is not None and package.version is not None:
            releases.append((package.name, package.version, project.index_url))
    silent: dict[str, list[str]] = {}
    advisories = opened.advisories(releases)
    for name, version, _ in releases:
        answer = advisories[name]
        if isinstance(answer, PackageIndexError):
            silent.setdefault(redact(str(answer)), []).append(name)
            found.transient = found.transient or not isinstance(answer, SilentIndexError)
        else:
            found.findings += [_vulnerability(name, str(version), advisory) for advisory in answer]
    for reason, names in silent.items():
        found.unknown.append(Unknown(kinds=("vulnerability",), reason=reason, names=tuple(sorted(names))))


def _vulnerability(name: str, version: str, advisory: Advisory) -> Finding:
    aliases = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    fixed = f", fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else ", no fixed release"
    return Finding(
        kind="vulnerability",
        name=name,
        severity="warning",
        locked=version,
        found=advisory.id,
        detail=f"{advisory.id}{aliases}{fixed}: {advisory.summary}",
        fix=f"lockml compile --upgrade-package {name}",
    )


def _ask_base_image(lock: Lock, where: str, found: LockStatus) -> None:
    kind, _, name = where.partition(":")
    kinds: tuple[Literal["base-image-moved"]] = ("base-image-moved",)
    if lock.base_image is None:
        reason = "the lock names no base image: use `lockml compile --base-image`"
        found.unknown.append(Unknown(kinds=kinds, reason=reason))
        return
    if kind not in KINDS or not name:
        reason = f"base-image {where!r} is not KIND:NAME, such as registry:REF or image:REF"
        found.unknown.append(Unknown(kinds=kinds, reason=reason))
        return
    try:
        platforms = tuple(dict.fromkeys(str(target.platform) for target in lock.targets)) or ("linux/amd64",)
        layers = image_layers(SubjectName(kind=kind, name=name), platforms)
    except LockmlError as error:
        found.unknown.append(Unknown(kinds=kinds, reason=redact(str(error))))
        found.transient = True
        return
    if layers != lock.base_image.layers:
        same = sum(1 for before, after in zip(lock.base_image.layers, layers, strict=False) if before == after)
        found.findings.append(
            Finding(
                kind="base-image-moved",
                name=lock.base_image.reference,
                severity="warning",
                detail=f"{where} has {same} of the {len(lock.base_image.layers)} layers of the locked base image",
                found=layers[-1] if layers else None,
                record=f"sha256:{hashlib.sha256(chr(10).join(layers).encode()).hexdigest()}",  # differs after each move
                fix="lockml compile, then rebuild on the new image",
            )
        )
