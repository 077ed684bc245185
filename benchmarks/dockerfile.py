"""How long `lockml dockerfile lint` takes for 2,000 lines: in a process that runs, and as a whole process.

Run it as `python -m benchmarks.dockerfile`; it prints medians of seven runs in milliseconds: processor time in a
running process and of whole ones, which other work on the machine does not change, and wall time of whole processes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lockml.docker.analysis import Context
from lockml.docker.dockerfile.source import Source
from lockml.docker.fix import fix_dockerfile
from lockml.docker.lint import Settings, lint_dockerfile

STAGE = """\
FROM python:3.11-slim AS stage{n}
ARG VERSION=1.{n}
ENV PIP_INDEX_URL=https://packages.example/simple \\
    NAME=value{n}
WORKDIR /app/{n}
# what stage {n} needs
COPY requirements.txt constraints.txt ./
RUN apt-get update && \\
    apt-get install -y --no-install-recommends \\
        build-essential \\
        # a comment inside
        git && \\
    rm -rf /var/lib/apt/lists/*
RUN pip install -r requirements.txt && pip install "package{n}==${{VERSION}}"
RUN if [ -n "$NAME" ]; then \\
        for name in a b c; do pip install --no-cache-dir "$name"; done; \\
    fi
RUN <<EOF
set -eux
python -m pip install --extra-index-url https://other.example/simple torch
EOF
"""
LINES = 2000


def main() -> None:
    stages = LINES // STAGE.count("\n") + 1
    text = "\n".join("".join(STAGE.format(n=n) for n in range(stages)).split("\n")[:LINES]) + "\n"
    source = Source(name="Dockerfile", text=text)
    findings = lint_dockerfile(source, Context(), Settings())
    print(f"{LINES} lines, {len(findings)} findings")
    clock = time.process_time
    print(f"lint in a running process: {timed(lambda: lint_dockerfile(source, Context(), Settings()), clock):.0f} ms")
    print(f"fix in a running process: {timed(lambda: fix_dockerfile(source, Context(), Settings()), clock):.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "Dockerfile"
        file.write_text(text)
        command = [sys.executable, "-m", "lockml", "dockerfile", "lint", "--format", "json", str(file)]
        taken = timed(lambda: subprocess.run(command, capture_output=True, check=False), time.perf_counter)
        print(f"lint as a process: {taken:.0f} ms")
        taken = timed(lambda: subprocess.run(command, capture_output=True, check=False), lambda: sum(os.times()[2:4]))
        print(f"lint as a process, of the processor: {taken:.0f} ms")


def timed(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the median of seven runs, in milliseconds."""
    taken: list[float] = []
    for _ in range(7):
        started = clock()
        run()
        taken.append((clock() - started) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
