"""Use an environment: import its modules and run its scripts."""

import subprocess
import tempfile
from pathlib import Path

from benchmarks.truth.programs import run

__all__ = ["use"]

_IMPORT = """
import importlib, os, sys
from importlib.metadata import distributions
tops = set()
for each in distributions():
    for path in each.files or ():
        first = path.parts[0]
        if len(path.parts) > 1 and not first.endswith(".dist-info") and first not in ("..", "__pycache__"):
            tops.add(first)
        elif len(path.parts) == 1 and first.endswith(".py"):
            tops.add(first[:-3])
good = 0
sys.argv[1:] = []
for name in sorted(tops):
    if name.isidentifier():
        try:
            importlib.import_module(name)
            good += 1
        except BaseException:
            pass
sys.stdout = sys.__stdout__
print(f"{good} of {len(tops)}", flush=True)
os._exit(0)
"""
_SCRIPTS = 12


def use(prefix: Path) -> str:
    """Import each top-level module, ask scripts for their version, compile, and list; return what was done in short."""
    python = str(prefix / "bin" / "python")
    with tempfile.TemporaryDirectory() as folder:
        place, more = Path(folder), {"HOME": folder, "PATH": f"{prefix}/bin:/usr/bin:/bin"}
        imported = run([python, "-c", _IMPORT], place, more=more, codes=None, seconds=300).out.strip()[-40:]
        names = [each for each in sorted((prefix / "bin").iterdir()) if _is_script(each)]
        ran = sum(_version(name, place, more) for name in names[:: max(1, len(names) // _SCRIPTS)])
        for options in ([], ["-O"]):
            run([python, *options, "-m", "compileall", "-q", str(prefix / "lib")], place, more=more, codes=None)
        run([python, "-m", "pip", "list"], place, more=more, codes=None)
    return f"{imported} modules imported, {ran} scripts run"


def _is_script(path: Path) -> bool:
    named = path.name.lower().startswith(("python", "activate", "pip", "pwsh", "deactivate"))
    return path.is_file() and not named and path.suffix.lower() not in (".csh", ".fish", ".bat", ".ps1", ".nu", ".xsh")


def _version(script: Path, folder: Path, more: dict[str, str]) -> bool:
    try:
        return run([str(script), "--version"], folder, more=more, codes=None, seconds=20).code == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
