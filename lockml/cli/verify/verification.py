"""Verify a lock: download its wheels, hash them, and compare them with the lock."""

import os
from typing import NamedTuple

import click

from lockml.cli.common.files import lock_folder
from lockml.cli.common.terminal import progress_line, warn
from lockml.common.display import escape
from lockml.common.errors import LockError, PackageIndexError
from lockml.index.locations import NamedIndexes, with_logins
from lockml.index.open import IndexOptions, open_index
from lockml.lock.model import Lock
from lockml.lock.verification import Deviation, hold_against, locked_wheels, unplaced_tools

__all__ = ["Verified", "print_deviations", "verify_lock"]


class Verified(NamedTuple):
    """The lock with its verified wheels marked, the number of wheels, deviations, and errors of downloads."""

    lock: Lock
    verified: int
    total: int
    deviations: tuple[Deviation, ...]
    errors: tuple[PackageIndexError, ...]

    @property
    def wheels(self) -> str:
        """The number of verified wheels, in words."""
        return f"{self.verified} of {self.total} {'wheel' if self.total == 1 else 'wheels'}"


def verify_lock(lock: Lock, file: str, indexes: NamedIndexes, access: IndexOptions) -> Verified:
    """Download the wheels of *lock*, read from *file*, that are not known yet, and compare them with it.

    The credentials of *indexes* are known. Raises LockError.
    """
    folder = lock_folder(file)
    wheels = locked_wheels(lock, folder, file)
    if not any(lock.artifacts.values()) and (wheels or not lock.inputs):
        problem = "has no artifact identities, so there is nothing to verify"
        raise LockError(file, problem, hint="lock with `lockml compile`")
    indexes = with_logins(indexes, os.environ)
    with progress_line() as progress, open_index(indexes, folder, access, progress) as opened:
        found = opened.examined(wheels)
    errors = tuple(each for each in found.values() if isinstance(each, PackageIndexError))
    known = {name: each for name, each in found.items() if not isinstance(each, PackageIndexError)}
    held, deviations, verified = hold_against(lock, known)
    unplaced = unplaced_tools(lock)
    for tool in unplaced:
        warn(f"not verified: {tool.name} {tool.version}, because the lock has no URL for {tool.wheel}")
    return Verified(held, verified, len(wheels) + len(unplaced), deviations, errors)


def print_deviations(file: str, found: Verified) -> None:
    """Print where the lock *file* does not match its wheels."""
    click.echo(f"{escape(file)} does not match its wheels; nothing was written:")
    for deviation in found.deviations:
        click.echo(f"  {escape(str(deviation))}")
