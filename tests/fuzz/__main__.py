"""Fuzz with atheris: ``python -m tests.fuzz SECONDS [TARGET]…``, each target in a process of its own for so long.

Needs atheris, which the dev extra brings where it has wheels. What breaks a target is left as crash-… in this folder.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.corpus import CORPUS

SECONDS = sys.argv[1] if len(sys.argv) > 1 else "60"
RUN = """
import sys, atheris
with atheris.instrument_imports(include=["lockml"]):
    from tests.fuzz.targets import TARGETS
atheris.Setup(sys.argv, TARGETS[{name!r}])
atheris.Fuzz()
"""


def main() -> int:
    """Return how many targets broke."""
    broken = 0
    for name in sys.argv[2:] or CORPUS:
        with tempfile.TemporaryDirectory() as folder:
            for number, content in enumerate(CORPUS[name]):
                Path(folder, str(number)).write_bytes(content)
            command = [
                sys.executable,
                "-c",
                RUN.format(name=name),
                f"-max_total_time={SECONDS}",
                "-max_len=65536",
                folder,
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            last = [line for line in done.stderr.splitlines() if line.startswith(("Done", "stat::number", "==", "#"))]
            sys.stdout.write(f"{name}: exit {done.returncode}, {last[-1] if last else ''}" + "\n")
            if done.returncode:
                sys.stdout.write(done.stderr[-3000:])
                broken += 1
    return broken


if __name__ == "__main__":
    sys.exit(main())
