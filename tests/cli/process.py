"""lockml as a user starts it: a process with its own folder, variables and cache."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["TARGET", "Outcome", "network_variables", "run_lockml"]

TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")
"""What all that is compiled in these tests is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str


def run_lockml(
    *arguments: str, folder: Path, variables: Mapping[str, str] | None = None, stdin: str | None = None
) -> Outcome:
    """Run lockml in *folder* with a home of its own, so that no configuration of this machine counts."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "PIP_CONFIG_FILE": os.devnull,
        "LOCKML_CACHE_DIR": str(folder / "cache"),
        **(variables or {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", "lockml", *arguments],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def network_variables() -> dict[str, str]:
    """Return the variables by which this machine reaches the real index."""
    known = (name for name in os.environ if name.startswith(("PIP_", "SSL_")) or name.lower().endswith("_proxy"))
    return {name: os.environ[name] for name in known}
