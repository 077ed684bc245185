"""A lock as the user names it: a file, ``-``, or ``REVISION:FILE`` of a git repository."""

from pathlib import Path

from lockml.cli.common.files import read_file
from lockml.common.errors import InputError
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.model import Lock

__all__ = ["read_lock"]


def read_lock(name: str) -> Lock:
    """Return the lock *name*; raises InputError, LockError."""
    if ":" in name and not Path(name).exists():
        return parse_lock(_of_revision(name), name)
    return parse_lock(read_file(name, hint="`lockml compile` writes one; name it with --lock"), name)


def _of_revision(name: str) -> bytes:
    import subprocess

    revision, _, path = name.partition(":")
    relative = path if path.startswith(("/", "./", "../")) else f"./{path}"
    command = ["git", "show", "--end-of-options", f"{revision}:{relative}"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell, options ended
    except OSError as error:
        raise InputError(name, f"git cannot be run ({error.strerror})") from error
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(name, f"git has no such file ({reason[0] if reason else 'no reason given'})")
    return done.stdout
