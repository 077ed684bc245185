"""Run commands without this machine's settings of Python, pip or lockml, and return their output."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Ended", "pip_settings", "plain_settings", "run", "run_lockml"]

_ROOT = Path(__file__).parents[2]
_FOREIGN = ("PYTHON", "PIP_", "UV_", "LOCKML_", "VIRTUAL_ENV", "PDM_", "POETRY_", "PIPX_")
_KEPT = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit *code*, and what it printed."""

    code: int
    out: str
    err: str


def plain_settings() -> dict[str, str]:
    """Return the variables of this process without those that steer Python and installers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN) or name in _KEPT}


def pip_settings() -> dict[str, str]:
    """Return *plain_settings* with no configuration file of pip."""
    return {**plain_settings(), "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def run(
    command: Sequence[str],
    folder: Path | None = None,
    *,
    more: dict[str, str] | None = None,
    codes: Iterable[int] | None = (0,),
    seconds: float = 600,
) -> Ended:
    """Run *command* with *more* variables; raise if its exit code is none of *codes* (None: any)."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**pip_settings(), **(more or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))
    if codes is not None and ended.code not in codes:
        message = f"{' '.join(command)}: exit {ended.code}\n{ended.out[-1500:]}\n{ended.err[-3000:]}"
        raise RuntimeError(message)
    return ended


def run_lockml(words: Sequence[str], folder: Path, codes: Iterable[int] | None = None) -> Ended:
    """Run the lockml of this repository in *folder*."""
    more = {"PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return run([sys.executable, "-m", "lockml", *words], folder, more=more, codes=codes)
