"""Time `lockml compile --all --check` of 24 locks: 4 Pythons, 3 sets of inputs, each to run with and to test with.

    python benchmarks/locks.py [--index-url URL] [--runs 9] [--folder DIR]

The locks are made first, of benchmarks/inputs, which takes minutes; with --folder they are kept for another time.
Whole processes, medians of the wall and the CPU seconds. `kept`: the cache has what compile has kept, as where one
works; `bare`: it has nothing, as in CI, and every lock is read and held against its inputs and its base. No index is
asked in either.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

LOCKML = (sys.executable, "-m", "lockml", "compile", "--all")
INPUTS = Path(__file__).parent / "inputs"
TABLES = """
[compile]
platform = "linux/amd64"
libc = "glibc-2.36"
exclude-newer = "2026-11-01"

[[lock]]
name = "base"
files = ["{variant}.in"]
lock = "locks/{name}/pylock.toml"
output = "locks/{name}/requirements.txt"
matrix.python = ["3.10", "3.11", "3.12", "3.13"]
matrix.variant = ["mlops", "torch", "aws"]

[[lock]]
name = "test"
on = "base"
files = ["test.in"]
lock = "locks/{name}/pylock.toml"
output = "locks/{name}/requirements.txt"
"""


def make_locks(folder: Path, index: Sequence[str]) -> None:
    """Write the tables and inputs to *folder*, and lock them."""
    (folder / "lockml.toml").write_text(TABLES)
    (folder / "test.in").write_text("pytest\npytest-cov\nhypothesis\nruff\n")
    for name in ("mlops", "torch", "aws"):
        shutil.copy(INPUTS / f"{name}.in", folder)
    subprocess.run([*LOCKML, "--cache-dir", "cache", *index], cwd=folder, check=True)


def timed(folder: Path, *options: str) -> tuple[float, float]:
    """Return the wall and the CPU seconds of a check, which must find all up to date."""
    start = time.perf_counter()
    process = subprocess.Popen([*LOCKML, "--check", "--offline", *options], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("a lock is not up to date")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def packages(folder: Path) -> Iterator[int]:
    """Yield how many packages each lock has."""
    for lock in folder.glob("locks/*/pylock.toml"):
        yield lock.read_text().count("[[packages]]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index-url", default="")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    index = ("--index-url", given.index_url) if given.index_url else ()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(exist_ok=True)
        make_locks(folder, index)
        counts = sorted(packages(folder))
        size = sum(lock.stat().st_size for lock in folder.glob("locks/*/pylock.toml")) / 2**20
        print(f"{len(counts)} locks of {counts[0]} to {counts[-1]} packages, {size:.1f} MiB")
        results: dict[str, list[tuple[float, float]]] = {"kept": [], "bare": []}
        for _ in range(given.runs):
            results["kept"].append(timed(folder, "--cache-dir", "cache", *index))
            results["bare"].append(timed(folder, "--cache-dir", "none", *index))
            shutil.rmtree(folder / "none", ignore_errors=True)
        for name, figures in results.items():
            wall, cpu = (statistics.median(each[number] for each in figures) for number in (0, 1))
            print(f"{name}: {wall:.2f} s, {cpu:.2f} s of CPU")


if __name__ == "__main__":
    main()
