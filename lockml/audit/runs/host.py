"""This machine's name, its processes and variables: the outside of what is otherwise pure."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path

__all__ = ["host_name", "process_name", "process_number", "process_runs", "variables"]


def variables() -> Mapping[str, str]:
    """Return the environment variables."""
    return os.environ


def host_name() -> str:
    """Return what this machine is called."""
    return os.environ.get("LOCKML_HOST") or socket.gethostname()


def process_name(host: str) -> str:
    """Return what names this process of *host* among all that there ever were."""
    return f"{host} {os.getpid()} {_start_of(os.getpid())}"


def process_number() -> int:
    """Return the number of this process."""
    return os.getpid()


def process_runs(name: str, host: str) -> bool:
    """Say whether the process that *name* names may be running: one of another host may."""
    theirs, number, started = name.rsplit(" ", 2)
    if theirs != host:
        return True
    return number.isdigit() and _start_of(int(number)) == started


def _start_of(number: int) -> str:
    """Return when a process started, in ticks since this machine did, proc(5), with that start's identifier."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc', str(number), 'stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return "-"
