"""``lockml record``: add the identity of what an image built to the lock."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Final

import click
from msgspec import Struct, field
from packaging.pylock import Package
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files, complete_subjects
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.common.terminal import note, warn
from lockml.common.display import escape, redact
from lockml.common.errors import InputError, UnreachableError
from lockml.common.target import Target
from lockml.drift.artifacts import loads
from lockml.drift.ground.platform import serving_target
from lockml.drift.origin import other_build
from lockml.drift.proof import proof_of
from lockml.index.built import Built
from lockml.inventory.collect import take_inventory
from lockml.inventory.file_tree import CHANGED, FileTree
from lockml.inventory.integrity.installed_wheel import InstalledWheel, Refused, read_installed_wheel
from lockml.inventory.model import InstalledDistribution, Inventory, Problem
from lockml.lock.formats.built import with_recorded
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.model import Lock, RecordedBuild
from lockml.lock.select import select_packages
from lockml.report.words import image_id
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import open_subject

__all__ = ["command"]

_PLACES: Final = frozenset({"path", "archive", "oci"})
"""The kinds of subjects whose names are paths of this machine; a lock has only their last part."""


class _Settings(Struct, frozen=True, kw_only=True):
    """The options of a run, as given."""

    subject: str
    names: tuple[NormalizedName, ...]
    lock: str
    environment: str | None
    replace: bool


class _Found(Struct, kw_only=True):
    """The builds that were found, and the reason for each other project."""

    builds: list[RecordedBuild] = field(default_factory=list)
    files: dict[NormalizedName, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unread: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@declare(
    "record",
    short_help="Record in the lock what an image built.",
    examples=(
        ("lockml record --from image:builder:1 flash-attn", "Record the bytes that this image built."),
        ("lockml record --from path:/opt/venv apex --replace", "Record it and remove earlier builds for this target."),
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@option(
    "--from",
    "subject",
    metavar="KIND:NAME",
    required=True,
    shell_complete=complete_subjects,
    help="Subject that has it installed, such as image:builder:1 or path:/opt/venv.",
)
@option(
    "--lock",
    metavar="FILE",
    default="pylock.toml",
    show_default=True,
    shell_complete=complete_files,
    help="Lock file to read and write.",
)
@option("--environment", metavar="PREFIX", show_default="that of its python command", help="Python environment to use.")
@option("--replace", is_flag=True, help="Remove the builds recorded for the same target.")
def command(names: tuple[str, ...], subject: str, lock: str, environment: str | None, replace: bool) -> int:
    """Hash every file of each project NAME in a subject, and record in the lock what its build made.

    NAME is a project of [[tool.lockml.built]]. It must have the locked version, come from the locked source if the
    subject records one, and match its own RECORD. After that, `lockml check` proves it, and another build of the same
    version is drift. Anyone who can write to the subject decides what is recorded, so use an image that you built
    yourself. Exit codes: 0 recorded, 1 the subject does not match and nothing is written, 2 wrong usage or input,
    4 unreachable.
    """
    settings = _Settings(
        subject=subject,
        names=tuple(dict.fromkeys(canonicalize_name(name) for name in names)),
        lock=lock,
        environment=environment,
        replace=replace,
    )
    before = _read(settings)
    found, label = _look(settings, before)
    if found.faults:
        click.echo(f"{escape(label)} does not match the builds in {escape(lock)}; nothing was written:")
        for text in found.faults:
            click.echo(f"  {escape(redact(text))}")
        return 1
    for problem in found.unread:
        raise UnreachableError(f"{label}: {problem.path}", problem.reason, hint="nothing was written")
    return _write(settings, before, found, label)


def _read(settings: _Settings) -> Lock:
    """Return the lock; raises InputError if it cannot be written, or does not build a name."""
    if not Path(settings.lock).is_file():
        read_lock(settings.lock)  # the error says what is wrong with it
        raise InputError(f"--lock {settings.lock!r}", "is not a writable file")
    lock = read_lock(settings.lock)
    known = [each.name for each in lock.built]
    unknown = [name for name in settings.names if name not in known]
    if unknown:
        problem = f"{settings.lock} does not build it in an image"
        if lock.package(unknown[0]) is None:
            problem += " and does not pin it"
        hint = f"it builds {', '.join(known)}" if known else "add it to [[tool.lockml.built]] and compile"
        raise InputError(unknown[0], problem, hint=hint)
    return lock


def _look(settings: _Settings, lock: Lock) -> tuple[_Found, str]:
    """Return the inventory of the subject, and its label; raises InputError, UnreachableError."""
    platforms = tuple(dict.fromkeys(str(target.platform) for target in lock.targets))
    options = ReadOptions(platforms=platforms or ReadOptions().platforms, hashed=True)
    with open_subject(parse_subject(settings.subject), options) as opened:
        prefix = settings.environment or opened.prefix
        proof = proof_of(lock, settings.lock)
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=prefix, proof=proof)
        target = serving_target(lock, inventory.environment, settings.lock)
        packages = {each.name: each for each in select_packages(lock, target, settings.lock)}
        found = _Found()
        for built in lock.built:
            if built.name in settings.names:
                _look_at(built, packages, inventory, (opened.tree, target), found)
    return found, str(opened.subject)


def _look_at(
    built: Built,
    packages: Mapping[NormalizedName, Package],
    inventory: Inventory,
    where: tuple[FileTree, Target],
    found: _Found,
) -> None:
    """Add the build of one project to *found*, or why there is none."""
    tree, target = where
    copies = [each for each in inventory.environment.distributions if each.name == built.name]
    faults = list(_faults(built, packages.get(built.name), copies, inventory.environment.prefix))
    if faults:
        found.faults += [f"{built.name}: {fault}" for fault in faults]
        return
    wheel = read_installed_wheel(tree, inventory.environment, copies[0])
    if isinstance(wheel, Refused):
        found.faults += [f"{built.name}: {fault}" for fault in wheel.faults]
        found.unread += wheel.unread
    elif not loads(wheel.filename, target):
        found.faults.append(f"{built.name}: {wheel.filename} does not install on {target}, the target of the lock")
    else:
        found.builds.append(_recorded(built, wheel, inventory))
        found.files[built.name] = wheel.files
        found.warnings += [*_unsourced(copies[0]), *_unmet(built.name, wheel.requires, packages, target)]


def _faults(
    built: Built, package: Package | None, copies: Sequence[InstalledDistribution], prefix: str
) -> Iterator[str]:
    """Yield what rules out the installed *copies*, before hashing them."""
    if package is None:
        yield "it is not locked for the target of this environment"
        return
    if len(copies) != 1:
        yield f"{prefix} has {len(copies)} copies of it" if copies else f"{prefix} does not have it"
        return
    (used,) = copies
    if _version(used.version) != built.version:
        yield f"version {used.version} is installed, but {built.version} is locked"
    if used.owner is not None:
        yield f"the {used.owner} manages it, so it was not built"
    source = other_build(package, used)
    if source is not None:
        yield source


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _unsourced(used: InstalledDistribution) -> Iterator[str]:
    """Yield warnings if the source of a build is unknown, or if it is newer than its image."""
    if used.origin == CHANGED:
        yield f"{used.name}: {CHANGED}, so no image has it"
    source = used.source
    if source is None or (source.commit is None and not source.hashes):
        yield f"{used.name}: the subject does not record the source that it was built from"
    elif source.url.endswith(".whl"):
        yield f"{used.name}: it was installed from {source.url}, which does not record its source"


def _unmet(
    name: NormalizedName, requires: Sequence[str], packages: Mapping[NormalizedName, Package], target: Target
) -> Iterator[str]:
    """Yield the dependencies of a build that the lock does not meet: the configuration lists others."""
    for requirement in map(Requirement, requires):
        package = packages.get(canonicalize_name(requirement.name))
        if not target.meets(str(requirement.marker or "")):
            continue
        if package is None:
            yield f"{name}: the build needs {requirement.name}, which is not locked"
        elif package.version is not None and not requirement.specifier.contains(package.version, prereleases=True):
            yield f"{name}: the build needs {requirement}, but {package.version} is locked"


def _recorded(built: Built, wheel: InstalledWheel, inventory: Inventory) -> RecordedBuild:
    subject = inventory.subject
    name = PurePath(subject.name).name if subject.kind in _PLACES else redact(subject.name)
    return RecordedBuild(
        name=built.name,
        version=built.version,
        wheel=wheel.filename,
        identity=wheel.identity,
        source=built.source,
        found_in=f"{subject.kind} {name}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        image=image_id(subject),
        requires=wheel.requires,
    )


def _write(settings: _Settings, before: Lock, found: _Found, label: str) -> int:
    """Write the lock with what was *found*, if the file is still the one that was read; print the result."""
    after = list(before.recorded)
    for each in found.builds:
        if settings.replace:
            wheels = {each.wheel}
            after = [old for old in after if old.name != each.name or old.wheel not in wheels or _same(old, each)]
        if not any(_same(old, each) for old in after):
            after.append(each)
    text = format_lock(with_recorded(before, sorted(after, key=lambda each: each.name)))
    if parse_lock(read_file(settings.lock), settings.lock).sha256 != before.sha256:
        raise InputError(settings.lock, "changed meanwhile, so nothing was written", hint="run it again")
    state = "written" if write_files({settings.lock: text}) else "unchanged, already recorded"
    for text in found.warnings:
        warn(redact(text))
    for each in found.builds:
        count = sum(old.name == each.name for old in after)
        beside = f", {count} builds of it are recorded" if count > 1 else ""
        note(
            f"Recorded {each.name} {each.version} from {label}: {found.files[each.name]} files, "
            f"record-sha256 {each.identity.digest[:12]}…{beside}"
        )
    named = f" --lock {settings.lock}" if settings.lock != "pylock.toml" else ""
    note(f"{settings.lock} ({state}); now: lockml check {settings.subject} --level files{named}")
    return 0


def _same(one: RecordedBuild, other: RecordedBuild) -> bool:
    """Say whether both are the same build, regardless of where and when they were found."""
    return (one.name, one.wheel, one.identity) == (other.name, other.wheel, other.identity)
