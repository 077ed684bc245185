"""Time `lockml diff` of two images beside one `lockml check --level files` of the second, in interleaved pairs.

    python benchmarks/diff.py IMAGE IMAGE --lock pylock.toml [--runs 7]

Whole processes, medians of the wall and the CPU seconds: without lockml's cache, and with what a first run kept in a
fresh one. The engine is that of DOCKER_HOST. Images that share layers, and two that share none, are different cases.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

LOCKML = (sys.executable, "-m", "lockml")


def timed(command: Sequence[str]) -> tuple[float, float]:
    """Return the wall and the CPU seconds of *command*, which must not fail."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"{command} failed")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--lock", required=True)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        check = (*LOCKML, "check", f"image:{given.after}", "--lock", given.lock, "--level", "files")
        diff = (*LOCKML, "diff", f"image:{given.before}", f"image:{given.after}")
        for name, more in (("no cache", ("--no-cache",)), ("kept", ("--cache-dir", cache))):
            pairs = []
            for run in range(given.runs + 1):
                pair = [timed((*command, *more)) for command in (check, diff)]
                if run:  # the first one reads the disk, and fills the cache
                    pairs.append(pair)
            for kind, number in (("wall", 0), ("cpu", 1)):
                one, two = (statistics.median(pair[which][number] for pair in pairs) for which in (0, 1))
                print(f"{name:9} {kind:5} check {one:6.2f} s  diff {two:6.2f} s  {two / one:5.2f}", flush=True)


if __name__ == "__main__":
    main()
