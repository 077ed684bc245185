"""The options of ``compile`` in; its files written, from the lock where that is the answer, else from the index."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.terminal import TELLERS, note, warn
from lockml.cli.compile.inputs import choose_targets, read_inputs
from lockml.cli.compile.options import CompileSettings
from lockml.cli.compile.outputs import requirement_files
from lockml.cli.compile.result_cache import TAKEN, Reads, Told, keep_answer
from lockml.common.display import escape
from lockml.common.errors import LockError
from lockml.common.target import Target
from lockml.lock.build import LockInputs, inputs_digest
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.freshness import changes_since
from lockml.lock.model import BaseImage, Lock

__all__ = ["compile_inputs"]


def compile_inputs(settings: CompileSettings) -> int:
    """Compile, or check, and return the exit code; raises LockmlError."""
    base: BaseImage | None = None
    if settings.base_image is not None:
        from lockml.cli.compile.base_image import with_base_image

        settings, base = with_base_image(settings, _existing_lock(settings) if settings.check else None)
    targets, taken = choose_targets(settings)
    told: list[Told] = []
    if taken:
        told.append(("note", f"{TAKEN}{', '.join(taken)} (see --python, --platform, --libc)"))
    reads = Reads()
    inputs = replace(read_inputs(settings, reads), base_image=base)
    if settings.check:
        tell(told)
        return _check(settings, inputs, targets)
    told += [("note", text) for text in inputs.asked.notes]
    tell(told)
    compiled = _compile(settings, inputs, targets)
    if compiled is None:
        return 1
    lock, files, changed = compiled
    names = tuple(files)
    tell(_told(lock, names, changed))
    if not inputs.stated:  # a folder's metadata are in files that nobody names
        keep_answer(settings, reads, files, [*told, *_told(lock, names, ())])
    return 0


def tell(told: Sequence[Told]) -> None:
    """Print notes and warnings."""
    for kind, text in told:
        TELLERS[kind](text)


def _check(settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]) -> int:
    lock = parse_lock(read_file(settings.lock, hint="`lockml compile` without --check writes it"), settings.lock)
    changes = list(changes_since(lock, inputs, targets))
    if settings.output != "-" and not changes:
        for name, text in requirement_files(lock, settings.output).items():
            if not Path(name).is_file() or read_file(name) != text.encode():
                changes.append(f"{name} is not what the lock says")
    if not changes:
        note(f"{settings.lock} is up to date")
        return 0
    click.echo(f"{settings.lock} is out of date:")
    for change in changes:
        click.echo(f"  {escape(change)}")
    return 1


def _compile(
    settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]
) -> tuple[Lock, dict[str, str], tuple[str, ...]] | None:
    """Write the lock and what follows from it, and return it, the texts of all files, and which changed.

    Returns None, and writes nothing, where the lock was to be verified and does not hold.
    """
    lock = kept = _existing_lock(settings)
    warnings: tuple[str, ...] = ()
    if kept is None or not _answers(kept, settings, inputs, targets):
        from lockml.cli.compile.resolve import (
            lock_anew,  # what resolves takes longer to load than an unchanged lock to be read
        )

        lock, warnings = lock_anew(settings, inputs, targets, kept)
    if lock is not None and settings.verify:
        lock = _verified(lock, settings, inputs)
    if lock is None:
        return None
    files = requirement_files(lock, settings.output)
    written = {settings.lock: format_lock(lock), **files}
    changed = write_files(written)
    for warning in warnings:
        warn(warning)
    return lock, written, changed


def _verified(lock: Lock, settings: CompileSettings, inputs: LockInputs) -> Lock | None:
    """Return *lock* with its wheels verified, None where it does not hold; raises PackageIndexError."""
    from lockml.cli.compile.verification import VerifySettings, told_deviations, verify_lock

    found = verify_lock(
        lock,
        VerifySettings(
            lock=settings.lock,
            indexes=inputs.indexes,
            cert=settings.cert,
            client_cert=settings.client_cert,
            offline=settings.offline,
            cache_dir=settings.cache_dir,
        ),
    )
    for error in found.errors:
        raise error
    if found.deviations:
        told_deviations(settings.lock, found)
        return None
    note(f"Verified {found.wheels}")
    return found.lock


def _answers(lock: Lock, settings: CompileSettings, inputs: LockInputs, targets: Sequence[Target]) -> bool:
    """Say whether nothing that decides the lock has changed: then it is the answer, whatever the index has by now."""
    if settings.upgrade_package or settings.prefer or lock.targets != tuple(targets):
        return False
    identities = not settings.artifact_identity or any(lock.artifacts.values()) or not lock.pylock.packages
    if not identities or (not settings.artifact_identity and any(lock.artifacts.values())):
        return False
    return lock.inputs == inputs_digest(inputs, targets) and not changes_since(lock, inputs, targets)


def _existing_lock(settings: CompileSettings) -> Lock | None:
    if settings.upgrade or settings.lock == "-" or not Path(settings.lock).exists():
        return None
    try:
        return parse_lock(read_file(settings.lock), settings.lock)
    except LockError as error:
        raise LockError(
            error.subject,
            error.problem,
            hint="mend or remove it, or give --upgrade to lock without its pins, with --prefer to keep them",
        ) from error


def _unprovable(lock: Lock) -> Iterator[str]:
    """Yield which wheels cannot be proven, a line for each reason: a mirror that has no files has it for all."""
    wheels: dict[str, list[str]] = {}
    for artifact in (each for artifacts in lock.artifacts.values() for each in artifacts):
        if artifact.identity is None:
            wheels.setdefault(artifact.reason or "no reason given", []).append(artifact.wheel)
    for reason, names in wheels.items():
        named = names[0] if len(names) == 1 else f"{len(names)} wheels, {names[0]} and others,"
        yield f"{named} cannot be proven once installed: {reason}"


def _told(lock: Lock, files: Sequence[str], changed: Sequence[str]) -> list[Told]:
    """Return what is told of a lock that is in *files*, of which some *changed*."""
    count = len(lock.pylock.packages)
    told: list[Told] = []
    told += [("warning", text) for text in _unprovable(lock)]
    for package in lock.pylock.packages:
        if package.sdist is not None:
            pinned = f"{package.name} {package.version}"
            text = f"{pinned} has no wheel for every target: pip will build it, and the result cannot be proven"
            told.append(("warning", text))
    unhashed = [package.name for package in lock.pylock.packages if package.vcs or package.directory]
    if unhashed:
        text = (
            f"{', '.join(unhashed)}: from source trees, which pip cannot hash and nobody can prove once installed; "
            "install the file that is named -unhashed second, with --no-deps"
        )
        told.append(("warning", text))
    states = [f"{name} ({'written' if name in changed else 'unchanged'})" for name in files if name != "-"]
    packages = f"{count} {'package' if count == 1 else 'packages'}"
    targets = str(lock.targets[0]) if len(lock.targets) == 1 else f"{len(lock.targets)} targets"
    return [*told, ("note", f"Locked {packages} for {targets}{': ' if states else ''}{', '.join(states)}")]
