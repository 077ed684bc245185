"""Read Compose files with Compose itself, if it is installed, as a project with its services.

``docker compose config`` only reads files; it is prevented from fetching files of other machines.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from lockml.subjects.engine.compose_files import ComposeFiles, Service

__all__ = ["configured_project"]

_PROGRAMS: Final = (("docker", "compose"), ("docker-compose",))
_SECONDS: Final = 20
_MAX_ANSWER: Final = 1 << 25
_OFFLINE: Final = {"COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false"}


class _Service(msgspec.Struct):
    labels: dict[str, str] | None = None
    profiles: list[str] | None = None


class _Project(msgspec.Struct):
    name: str
    services: dict[str, _Service]


def configured_project(files: Sequence[Path], folder: Path, project: str | None) -> ComposeFiles | None:
    """Return how Compose reads *files* in *folder*, None if it is not installed or cannot write JSON.

    Files that it refuses go to the reader of `compose_files`, which gives a reason or reads them.
    """
    for program in _PROGRAMS:
        options = [word for file in files for word in ("-f", str(file.absolute()))]
        named = ["-p", project] if project is not None else []
        command = [*program, *options, *named, "--profile", "*", "config", "--format", "json"]
        try:
            done = subprocess.run(  # noqa: S603 - no shell, names of files are absolute
                command,
                capture_output=True,
                check=False,
                cwd=folder,
                env={**os.environ, **_OFFLINE},
                stdin=subprocess.DEVNULL,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and len(done.stdout) <= _MAX_ANSWER:
            try:
                found = msgspec.json.decode(done.stdout, type=_Project)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            return ComposeFiles(
                name=found.name,
                services={
                    name: Service(labels=each.labels or {}, profiles=tuple(each.profiles or ()))
                    for name, each in found.services.items()
                },
            )
    return None
