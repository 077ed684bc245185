"""The options of ``compile`` in; its files written, from the lock where that is the answer, else from the index."""

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from lockml.cli.answers import TAKEN, Reads, Told, keep_answer
from lockml.cli.files import read_file, write_files
from lockml.cli.inputs import choose_targets, read_inputs
from lockml.cli.outputs import requirement_files
from lockml.cli.settings import CompileSettings
from lockml.cli.terminal import TELLERS, note, warn
from lockml.display import escape
from lockml.errors import LockError
from lockml.lock.build import LockInputs, inputs_digest
from lockml.lock.freshness import changes_since
from lockml.lock.model import BaseImage, Lock
from lockml.lock.toml import format_lock, parse_lock
from lockml.target import Target

__all__ = ["compile_inputs"]


def compile_inputs(settings: CompileSettings) -> int:
    """Compile, or check, and return the exit code; raises LockmlError."""
    base: BaseImage | None = None
    if settings.base_image is not None:
        from lockml.cli.base_image import with_base_image

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
    lock, files, changed = _compile(settings, inputs, targets)
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
) -> tuple[Lock, dict[str, str], tuple[str, ...]]:
    """Write the lock and what follows from it, and return it, the texts of all files, and which changed."""
    kept = _existing_lock(settings)
    if kept is not None and _answers(kept, settings, inputs, targets):
        files = requirement_files(kept, settings.output)
        return kept, {settings.lock: format_lock(kept), **files}, write_files(files)
    from lockml.cli.resolve import lock_anew  # what resolves takes longer to load than an unchanged lock to be read

    lock, warnings = lock_anew(settings, inputs, targets, kept)
    files = {settings.lock: format_lock(lock), **requirement_files(lock, settings.output)}
    changed = write_files(files)
    for warning in warnings:
        warn(warning)
    return lock, files, changed


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
            error.subject, error.problem, hint="mend or remove it, or give --upgrade to lock without its pins"
        ) from error


def _told(lock: Lock, files: Sequence[str], changed: Sequence[str]) -> list[Told]:
    """Return what is told of a lock that is in *files*, of which some *changed*."""
    count = len(lock.pylock.packages)
    told: list[Told] = []
    unprovable = [a for artifacts in lock.artifacts.values() for a in artifacts if a.identity is None]
    for artifact in unprovable:
        told.append(("warning", f"{artifact.wheel} cannot be proven once installed: {artifact.reason}"))
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
