"""This machine: its name, clock, processes, variables and files, for code that is otherwise pure."""

import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lockml.common.errors import InputError

__all__ = [
    "Clock",
    "FileState",
    "HostContext",
    "file_exists",
    "file_state",
    "host_name",
    "is_time_limit",
    "lies_in",
    "process_name",
    "process_number",
    "process_runs",
    "read_beside",
    "read_file",
    "require_temporary_folder",
    "utc_now",
    "variables",
]

Clock = Callable[[], datetime]
"""Returns the current time in UTC."""

FileState = tuple[int, int]
"""The modification time of a file in nanoseconds and its size in bytes, which differ after a change."""


def utc_now() -> datetime:
    """Return the time: the only clock of an audit."""
    return datetime.now(UTC)


def variables() -> Mapping[str, str]:
    """Return the environment variables."""
    return os.environ


def host_name() -> str:
    """Return the name of this machine."""
    return os.environ.get("LOCKML_HOST") or socket.gethostname()


def process_name(host: str) -> str:
    """Return the name of this process of *host*, unique over all time."""
    return f"{host} {os.getpid()} {_start_of(os.getpid())}"


def process_number() -> int:
    """Return the number of this process."""
    return os.getpid()


def process_runs(name: str, host: str) -> bool:
    """Say whether the process *name* may be running, as one of another host always may."""
    theirs, number, started = name.rsplit(" ", 2)
    if theirs != host:
        return True
    return number.isdigit() and _start_of(int(number)) == started


def _start_of(number: int) -> str:
    """Return the boot identifier and the start of a process in ticks since boot, proc(5)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc', str(number), 'stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return "-"


def require_temporary_folder() -> None:
    """Raise InputError where this machine has no folder for temporary files."""
    try:
        tempfile.gettempdir()
    except OSError as error:
        hint = "set TMPDIR to a folder that this user may write to"
        raise InputError("TMPDIR", "no folder for temporary files is usable", hint=hint) from error


def read_file(file: Path) -> bytes:
    """Return the content of *file*; raises OSError."""
    return file.read_bytes()


def read_beside(file: Path, name: str) -> bytes | None:
    """Return the content of *name* beside *file*, None if there is no such file or it is larger than 16 MiB."""
    path = file.parent / name
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= 16 << 20 else None
    except OSError:
        return None


def file_state(file: Path) -> FileState:
    """Return the state of *file*; raises OSError."""
    found = file.stat()
    return found.st_mtime_ns, found.st_size


def file_exists(file: Path) -> bool:
    """Say whether *file* is a regular file."""
    return file.is_file()


def lies_in(folder: Path, file: Path) -> bool:
    """Say whether *file* is in *folder*, links followed."""
    return file.resolve().is_relative_to(folder.resolve())


def is_time_limit(error: Exception) -> bool:
    """Say whether *error* is what Celery raises in a task that takes too long."""
    try:
        from celery.exceptions import SoftTimeLimitExceeded
    except ImportError:
        return False
    return isinstance(error, SoftTimeLimitExceeded)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostContext:
    """The *host* of an audit, with its *clock*.

    *cache* is the folder for immutable data, None for nowhere, *spool* that for results that the store does not take.
    """

    cache: Path | None
    spool: Path
    host: str = field(default_factory=host_name)
    clock: Clock = utc_now

    @property
    def owner(self) -> str:
        """The name of this process."""
        return process_name(self.host)
