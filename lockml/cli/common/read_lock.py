"""Read a lock from a file, from standard input for ``-``, or from git for ``REVISION:FILE``."""

import os
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from lockml.cli.common.files import read_file
from lockml.common.errors import InputError
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.model import Choice, Lock

__all__ = ["names_revision", "read_lock"]

_MAX_BESIDE: Final = 16 << 20
_MAX_LOCK: Final = 64 << 20
_HINT: Final = "`lockml compile` writes one; name another file with --lock"
_PYLOCK: Final = b"lock-version"  # the start of a pylock.toml that lockml wrote


def read_lock(name: str, choice: Choice | None = None, *, hint: str = _HINT) -> Lock:
    """Return the lock *name*, of any tool, with the extras and groups of *choice*; raises InputError, LockError.

    If there is no such file, the error has the *hint*.
    """
    if names_revision(name):
        revision, _, path = name.partition(":")
        content = _of_revision(name, path)
        return _parsed(content, name, lambda other: _beside_revision(revision, path, other), choice)
    content = read_file(name, hint=hint, limit=_MAX_LOCK)
    return _parsed(content, name, lambda other: _beside(name, other), choice)


def names_revision(name: str) -> bool:
    """Say whether *name* is ``REVISION:FILE`` of a git repository rather than a file."""
    return ":" in name and not os.path.exists(name)  # noqa: PTH110 - a Path raises for a long name


def _parsed(content: bytes, name: str, beside: Callable[[str], bytes | None], choice: Choice | None) -> Lock:
    if content.startswith(_PYLOCK):
        lock = parse_lock(content, name)
    else:
        from lockml.lock.formats.read import parse_any_lock

        lock = parse_any_lock(content, name, beside)
    if choice is None or choice == Choice():
        return lock
    from lockml.lock.select import with_choice

    return with_choice(lock, choice, name)


def _beside(name: str, other: str) -> bytes | None:
    """Return the content of the file *other* beside the lock *name*, None if there is none."""
    path = Path(name).parent / other
    if name == "-" or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BESIDE + 1)
    except OSError:
        return None
    if len(content) > _MAX_BESIDE:
        raise InputError(str(path), f"has more than {_MAX_BESIDE >> 20} MiB")
    return content


def _beside_revision(revision: str, path: str, other: str) -> bytes | None:
    beside = str(PurePosixPath(path).parent / other)
    try:
        return _of_revision(f"{revision}:{beside}", beside)
    except InputError:
        return None


def _of_revision(name: str, path: str) -> bytes:
    import subprocess

    revision = name.partition(":")[0]
    relative = path if path.startswith(("/", "./", "../")) else f"./{path}"
    command = ["git", "show", "--end-of-options", f"{revision}:{relative}"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell, options ended
    except OSError as error:
        raise InputError(name, f"cannot run git ({error.strerror})") from error
    if done.returncode != 0:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise InputError(name, f"git has no such file ({reason[0] if reason else 'no reason given'})")
    return done.stdout
