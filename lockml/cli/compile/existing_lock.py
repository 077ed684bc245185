"""The lock that is there: read, held against what is asked today, and what ``--check`` says of it."""

from collections.abc import Sequence
from pathlib import Path

import click

from lockml.cli.common.files import read_file
from lockml.cli.common.terminal import note
from lockml.cli.compile.options import OutputOptions
from lockml.cli.compile.outputs import requirement_files
from lockml.common.display import escape
from lockml.common.errors import LockError
from lockml.common.target import Target
from lockml.lock.build import LockInputs, inputs_digest
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.freshness import changes_since
from lockml.lock.model import Lock

__all__ = ["check_lock", "is_current", "read_existing_lock"]


def read_existing_lock(file: str) -> Lock | None:
    """Return the lock *file*, None where there is none; raises LockError."""
    if file == "-" or not Path(file).exists():
        return None
    try:
        return parse_lock(read_file(file), file)
    except LockError as error:
        raise LockError(
            error.subject,
            error.problem,
            hint="mend or remove it, or lock without it: --upgrade, and --retarget or the target",
        ) from error


def is_current(lock: Lock, inputs: LockInputs, targets: Sequence[Target], *, identities: bool) -> bool:
    """Say whether nothing that decides *lock* has changed: then it is the answer, whatever the index has by now.

    With *identities* it is to have those of its artifacts, without it none.
    """
    has_identities = any(lock.artifacts.values())
    if lock.targets != tuple(targets) or (has_identities != identities and (has_identities or lock.pylock.packages)):
        return False
    return lock.inputs == inputs_digest(inputs, targets) and not changes_since(lock, inputs, targets)


def check_lock(options: OutputOptions, inputs: LockInputs, targets: Sequence[Target]) -> int:
    """Print whether the lock and what was written of it are what *inputs* and *targets* ask for.

    Returns the exit code; raises InputError, LockError.
    """
    lock = parse_lock(read_file(options.lock, hint="`lockml compile` without --check writes it"), options.lock)
    changes = list(changes_since(lock, inputs, targets))
    if options.output != "-" and not changes:
        for name, text in requirement_files(lock, options.output).items():
            if not Path(name).is_file() or read_file(name) != text.encode():
                changes.append(f"{name} is not what the lock says")
    if not changes:
        note(f"{options.lock} is up to date")
        return 0
    click.echo(f"{options.lock} is out of date:")
    for change in changes:
        click.echo(f"  {escape(change)}")
    return 1
