"""The options of ``compile`` in; what is asked, for which targets and by which policy out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from lockml.cli.files import read_file, relative_to_folder
from lockml.cli.host import choose_target
from lockml.cli.options import parse_age, parse_moment
from lockml.errors import InputError
from lockml.lock.build import LockInputs
from lockml.requirements.model import Requirement, RequirementSet
from lockml.requirements.sources import Named, read_all
from lockml.resolution.model import Policy, Strategy, parse_selection
from lockml.target import Target, parse_target

__all__ = ["CompileSettings", "choose_targets", "read_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileSettings:
    """The options of one run, as given."""

    files: tuple[str, ...]
    output: str
    lock: str
    target: tuple[str, ...]
    python: str | None
    platform: str | None
    libc: str | None
    index_url: str | None
    extra_index_url: tuple[str, ...]
    constraint: tuple[str, ...]
    override: tuple[str, ...]
    exclude: tuple[str, ...]
    extra: tuple[str, ...]
    group: tuple[str, ...]
    prefer: tuple[str, ...]
    upgrade: bool
    upgrade_package: tuple[str, ...]
    pre: bool
    exclude_newer: str | None
    resolution: Strategy
    no_binary: tuple[str, ...]
    only_binary: tuple[str, ...]
    artifact_identity: bool
    check: bool
    offline: bool
    cache_dir: Path


def choose_targets(settings: CompileSettings) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Return the targets, and which parts of them were taken from this machine; raises InputError."""
    single = {"--python": settings.python, "--platform": settings.platform, "--libc": settings.libc}
    if not settings.target:
        target, taken = choose_target(settings.python, settings.platform, settings.libc)
        return (target,), taken
    beside = [name for name, value in single.items() if value]
    if beside:
        raise InputError(beside[0], "cannot be given beside --target, which says it all")
    targets = tuple(map(parse_target, settings.target))
    for target in targets:
        if len([other for other in targets if (other.name or str(other)) == (target.name or str(target))]) > 1:
            raise InputError(f"--target {target.name or str(target)!r}", "is given more than once")
    return targets, ()


def read_inputs(settings: CompileSettings) -> LockInputs:
    """Read every file that is named; raises InputError, RequirementError."""
    asked = _read(settings)
    age = parse_age(settings.exclude_newer) if settings.exclude_newer else None
    moment = datetime.now(UTC) - age if age else None
    if settings.exclude_newer and age is None:
        moment = parse_moment(settings.exclude_newer)
    return LockInputs(
        asked=asked,
        policy=Policy(
            prereleases=settings.pre or asked.options.prereleases,
            exclude_newer=moment,
            exclude_newer_age=settings.exclude_newer if age else None,
            strategy=settings.resolution,
            no_binary=parse_selection([*asked.options.no_binary, *settings.no_binary]),
            only_binary=parse_selection([*asked.options.only_binary, *settings.only_binary]),
            excludes=frozenset(map(canonicalize_name, settings.exclude)),
        ),
        index_url=settings.index_url or asked.options.index_url,
        extra_index_urls=(*settings.extra_index_url, *asked.options.extra_index_urls),
    )


def _read(settings: CompileSettings) -> RequirementSet:
    named = Named(
        files=settings.files,
        constraints=settings.constraint,
        overrides=settings.override,
        extras=settings.extra,
        groups=settings.group,
    )
    asked = read_all(named, read=read_file, environment=os.environ)
    folder = Path(settings.lock).parent if settings.lock != "-" else Path()
    return replace(
        asked,
        requirements=_seen_from(asked.requirements, folder),
        overrides=_seen_from(asked.overrides, folder),
    )


def _seen_from(requirements: Sequence[Requirement], folder: Path) -> tuple[Requirement, ...]:
    """Return *requirements* with their origins as the lock will name them."""
    return tuple(
        replace(each, origin=replace(each.origin, file=relative_to_folder(each.origin.file, folder)))
        for each in requirements
    )
