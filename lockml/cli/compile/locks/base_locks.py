"""Base locks: read those that the options name, and make a lock that is based on them."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace as replaced
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Final

from msgspec.structs import replace
from packaging.markers import UndefinedEnvironmentName
from packaging.pylock import Package
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import NormalizedName, canonicalize_name

from lockml.cli.common.files import relative_to_folder
from lockml.cli.compile.existing_lock import parse_once
from lockml.cli.compile.options import BaseOptions
from lockml.cli.compile.result_cache import Reads
from lockml.common.errors import InputError, LockError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.lock.build import build_lock
from lockml.lock.checks.accelerators import driver_fact
from lockml.lock.checks.allowed_files import unmet_hashes
from lockml.lock.checks.base_locks import bounds_of, deviations_from, packages_digest, with_base_entries
from lockml.lock.checks.base_subset import needed_of
from lockml.lock.formats.built import with_built
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseLock, Lock, ProvidedPackages
from lockml.lock.references import moved
from lockml.lock.select import select_packages
from lockml.lock.status.freshness import differing_provided
from lockml.requirements.model import RequirementSet
from lockml.resolution.model import Resolution

__all__ = [
    "idle_relaxations",
    "on_bases",
    "part_of_base",
    "read_base_locks",
    "relaxing",
    "require_same_image",
    "with_bases",
]

_NAME: Final = re.compile(rb'name = "([^"\r]+)"')


def read_base_locks(
    options: BaseOptions, folder: Path, targets: Sequence[Target], reads: Reads
) -> tuple[BaseLock, ...]:
    """Return the base locks that *options* name, with paths relative to *folder*, that of the lock.

    Raises InputError if one does not exist, is not a lock of lockml, or is not for all of *targets*.
    """
    if options.subset_of is not None and options.on:
        raise InputError("--subset-of", "cannot be used with --on", hint="a part of a lock has no other base")
    if options.relax and not options.on:
        raise InputError("--relax", "needs --on", hint="name the base lock with --on")
    named = options.on if options.subset_of is None else (options.subset_of,)
    return tuple(_read(name, options, folder, targets, reads) for name in dict.fromkeys(named))


def _read(name: str, options: BaseOptions, folder: Path, targets: Sequence[Target], reads: Reads) -> BaseLock:
    option = "--on" if options.subset_of is None else "--subset-of"
    if name == "-" or "://" in name:
        raise InputError(f"{option} {name!r}", "is not a file", hint="a base is a lock file on this machine")
    if not Path(name).is_file():
        raise InputError(
            f"{option} {name!r}", "no such file", hint="lock the base first, or run `lockml compile --all`"
        )
    content = reads.read_local(name)
    adopt = f"`lockml adopt {name}` makes one with its pins"
    try:
        lock = parse_once(content, name)
    except LockError as error:
        raise LockError(error.subject, error.problem, hint=error.hint or adopt) from error
    if lock.format or not lock.targets:
        raise InputError(f"{option} {name!r}", "is not a lock of lockml", hint=adopt)
    for target in targets:
        select_packages(lock, target, name)
    _require_readable(lock, name, targets)
    path = relative_to_folder(name, folder)
    return BaseLock(
        path=path,
        lock=moved(lock, lambda inner: _seen_from(inner, Path(name).parent, folder)),
        sha256=packages_digest(lock),
        subset=options.subset_of is not None,
        relaxed=tuple(map(_pattern, options.relax)),
        lines=_lines_of(content),
    )


def _pattern(name: str) -> str:
    return "*".join(map(canonicalize_name, name.strip().split("*")))


def relaxing(table: str, name: str = "NAME") -> str:
    """Return how to relax the project *name*: in *table* of the configuration, or by an option if that is ""."""
    return f'relax = ["{name}"] in the table {table!r}' if table else setting("relax", name)


def _lines_of(content: bytes) -> dict[NormalizedName, int]:
    """Return the line of a lock that names each project."""
    found: dict[NormalizedName, int] = {}
    for number, (head, line) in enumerate(pairwise(content.splitlines()), 2):
        name = _NAME.match(line) if head == b"[[packages]]" else None
        if name is not None:
            found[canonicalize_name(name[1].decode("utf-8", "replace"))] = number
    return found


def _require_readable(lock: Lock, name: str, targets: Sequence[Target]) -> None:
    """Raise LockError if the requirements, dependencies or markers of the lock *name* cannot be read."""
    try:
        for asked in lock.requirements:
            ParsedRequirement(asked.requirement)
        for package in lock.pylock.packages:
            for needed in package.dependencies or ():
                canonicalize_name(needed["name"])
            for target in targets if package.marker is not None else ():
                package.marker.evaluate({**target.environment, "extra": ""})  # type: ignore[union-attr]  # as is said
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, UndefinedEnvironmentName) as error:
        problem = f"has package data that lockml never writes ({type(error).__name__}: {error})"
        raise LockError(name, problem, hint="lock it again with `lockml compile`") from error


def _seen_from(path: str, before: PurePath, folder: PurePath) -> str:
    """Return *path*, which is relative to the folder *before*, relative to *folder*; a URL stays."""
    if "://" in path or path.startswith(("/", "~")):
        return path
    return PurePath(os.path.relpath(before / path, folder)).as_posix()


def with_bases(asked: RequirementSet, bases: Sequence[BaseLock], targets: Sequence[Target]) -> RequirementSet:
    """Return *asked* with the requirements of *bases* for *targets*; a part of a base has none.

    If *asked* names the source that a project is built from, that is the constraint.
    """
    placed = {each.name for each in asked.constraints if each.reference is not None}
    bounds = [bounds_of(base, targets) for base in bases if not base.subset]
    return replace(
        asked,
        requirements=(*asked.requirements, *(each for bound in bounds for each in bound.requirements)),
        constraints=(
            *asked.constraints,
            *(each for bound in bounds for each in bound.constraints if each.name not in placed),
        ),
    )


def idle_relaxations(options: BaseOptions, bases: Sequence[BaseLock]) -> Iterator[str]:
    """Yield each pattern of --relax in *options* that matches no project of *bases*."""
    names = {package.name for base in bases for package in base.lock.pylock.packages}
    for given in options.relax:
        pattern = _pattern(given)
        if not any(fnmatchcase(name, pattern) for name in names):
            yield given


def on_bases(lock: Lock, inputs: LockInputs, targets: Sequence[Target], table: str) -> Lock:
    """Return *lock* with the entries of the bases of *inputs*.

    *table* is the configuration's table that has the options, "" for a command line. Raises InputError where the lock
    lacks a pin of its bases, or where a line allows only some of their files.
    """
    for base in inputs.bases:
        lock = with_base_entries(lock, base)
    for base in inputs.bases:
        for fault in deviations_from(base, lock):
            hint = f"remove it from {setting('exclude')} or {setting('override')}, or allow it with {relaxing(table)}"
            raise InputError(base.path, fault, hint=hint)
    for line in unmet_hashes(lock, inputs.asked, targets):
        problem = f"{line.versioned}: its hashes do not allow every file that a base has of it"
        hint = f"list the hashes of all files in the base, or allow it with {relaxing(table, line.name)}"
        raise InputError(str(line.origin), problem, hint=hint)
    return lock


def require_same_image(base: BaseLock, provided: ProvidedPackages, *, opened: bool) -> None:
    """Raise InputError if *base* leaves packages to its base image and the lock on it leaves others.

    Their versions and files count only if the image was *opened*: else they are compared as those of the locks.
    """
    theirs, image = base.lock.provided, base.lock.base_image
    if not theirs.selection:
        return
    if (theirs.selection, theirs.mode) != (provided.selection, provided.mode):
        mine, named = (_selected(each) for each in (provided, theirs))
        problem = f"leaves {named} to its base image, but the lock on it {mine}"
    else:
        problem = next(differing_provided(base, provided), "") if opened else ""
    if problem:
        reference = image.reference if image is not None else "REF"
        words = setting("provided", ",".join(theirs.selection))
        raise InputError(base.path, problem, hint=f"{setting('base-image', reference)} {words}")


def _selected(provided: ProvidedPackages) -> str:
    return f"{', '.join(provided.selection)} ({provided.mode})" if provided.selection else "nothing"


def part_of_base(base: BaseLock, inputs: LockInputs, targets: Sequence[Target], *, identities: bool) -> Lock:
    """Return the part of *base* that *inputs* need on *targets*, with the same entries, and *identities* if wanted.

    Raises NoResolutionError.
    """
    if base.lock.provided.selection:
        problem = "leaves packages to its base image, so it is unknown which of them a part needs"
        raise InputError(base.path, problem, hint=f"use {setting('on')} instead of {setting('subset-of')}")
    needed = needed_of(base, inputs, targets)
    lock = _cut(base.lock, inputs, targets, needed)
    if inputs.built:
        lock = with_built(lock, inputs.built, base.lock.recorded, base.lock.build)
    if identities:
        return lock
    packages = [_without_artifacts(package) for package in lock.pylock.packages]
    return replace(lock, pylock=replaced(lock.pylock, packages=packages), artifacts={}, tools=())


def _without_artifacts(package: Package) -> Package:
    facts = {key: value for key, value in (package.tool or {}).get("lockml", {}).items() if key != "artifacts"}
    return replaced(package, tool={"lockml": facts} if facts else None)


def _cut(lock: Lock, inputs: LockInputs, targets: Sequence[Target], needed: set[NormalizedName]) -> Lock:
    """Return the *needed* part of *lock*, with the facts of *inputs*."""
    resolutions = [
        Resolution(
            target=target,
            pins=(),
            requirements=tuple(each for each in inputs.asked.requirements if each.applies_to(target.environment)),
        )
        for target in targets
    ]
    cut = build_lock(resolutions, {}, inputs, [tool for tool in lock.tools if tool.name not in needed])
    packages = [_known(each, needed) for each in lock.pylock.packages if each.name in needed]
    tool = cut.pylock.tool or {}
    facts = {**tool.get("lockml", {}), **driver_fact(packages)}
    return replace(
        cut,
        pylock=replaced(cut.pylock, packages=packages, tool={**tool, "lockml": facts}),
        artifacts={name: each for name, each in lock.artifacts.items() if name in needed},
        extras={name: each for name, each in lock.extras.items() if name in needed},
        projects=tuple(name for name in cut.projects if name not in needed),
    )


def _known(package: Package, needed: set[NormalizedName]) -> Package:
    """Return *package* with those of its dependencies that are *needed*: on another target it may have more."""
    left = [each for each in package.dependencies or () if canonicalize_name(str(each["name"])) in needed]
    return replaced(package, dependencies=left or None)
