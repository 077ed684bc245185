"""Time one pass of `lockml audit run` over many containers of an engine, and what one unchanged container costs.

    python benchmarks/audit.py IMAGE... [--containers 200] [--images 20] [--runs 5] [--level files]

Of each IMAGE as many variants as --images are built (one small layer each) and as many containers as --containers
started, without a network; all are removed in the end. The locks are started from the images (`lockml lock --from`), so
that everything is in order. Whole processes of a pass: wall seconds with a cold cache (one run) and with a warm one
(median). One container: the median in a process that has seen them all, as `audit serve` has. The engine is that of
DOCKER_HOST.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lockml.audit.config.parse import parse_fleet
from lockml.audit.runs.host import utc_now
from lockml.audit.runs.run import run_target, work_of
from lockml.audit.runs.run_cache import RunCache
from lockml.audit.runs.targets import discover
from lockml.subjects.open import engine_of_environment

LOCKML = (sys.executable, "-m", "lockml")


def docker(*arguments: str) -> str:
    """Run the engine's client and return what it prints."""
    variables = {**os.environ, "DOCKER_BUILDKIT": "0"}
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True, env=variables
    ).stdout.strip()


def one_pass(folder: Path, processes: int) -> float:
    """Return how many seconds a pass took; every target must be in order."""
    start = time.perf_counter()
    command = [*LOCKML, "audit", "run", "--cache-dir", str(folder / "cache"), "--processes", str(processes)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"not everything is in order: {done.stdout[:2000]}{done.stderr[-2000:]}")
    return time.perf_counter() - start


def make_fleet(image: str, folder: Path, level: str, count: int, images: int) -> list[str]:
    """Start the containers, write the lock and the fleet file, and return the names of the containers."""
    names = [f"lockml-benchmark-{number}" for number in range(count)]
    for number in range(images):
        (folder / "Dockerfile").write_text(f"FROM {image}\nCOPY Dockerfile /etc/lockml-variant-{number}\n")
        docker("build", "-q", "-t", f"lockml-benchmark:{number}", str(folder))
    for number, name in enumerate(names):
        labels = ("--label", "lockml.benchmark=yes")
        docker(
            "run",
            "-d",
            "--network=none",
            *labels,
            "--name",
            name,
            f"lockml-benchmark:{number % images}",
            "sleep",
            "86400",
        )
    locked = [*LOCKML, "lock", "--from", f"image:{image}"]
    subprocess.run(locked, cwd=folder, check=True, capture_output=True)
    (folder / "lockml.toml").write_text(
        '[audit]\nstore = "sqlite:///audit.db"\n[audit.index]\nask = false\n'
        f'[audit.defaults]\nlevel = "{level}"\n'
        '[[audit.discover]]\nname = "all"\nlabel = "lockml.benchmark"\nlock = "pylock.toml"\n'
    )
    return names


def steady(folder: Path) -> float:
    """Return the median seconds of one container in a process that has looked at all of them, as serve's have."""
    fleet = parse_fleet((folder / "lockml.toml").read_text(), str(folder / "lockml.toml"), {})
    targets = [found for rule in fleet.discovery for found in discover(rule, engine_of_environment().running(), "here")]
    cache = RunCache(folder / "cache")
    taken: list[float] = []
    for _ in range(2):
        taken.clear()
        for target in targets:
            start = time.perf_counter()
            result = run_target(work_of(fleet, target, utc_now(), "manual", "here"), cache, utc_now)
            taken.append(time.perf_counter() - start)
            if result.state != "in-order":
                sys.exit(f"{target.name}: {result.state} {result.error}")
    return statistics.median(taken)


def measure(image: str, options: argparse.Namespace) -> None:
    """Time passes over containers of *image*."""
    folder = Path(tempfile.mkdtemp(prefix="lockml-benchmark-"))
    names: list[str] = []
    try:
        names = make_fleet(image, folder, options.level, options.containers, options.images)
        size = int(docker("image", "inspect", "-f", "{{.Size}}", image)) / 1e6
        cold = one_pass(folder, options.processes)
        warm = [one_pass(folder, options.processes) for _ in range(options.runs)]
        took = statistics.median(warm)
        each = steady(folder)
        print(
            f"{image:24} {size:5.0f} MB  {options.containers} containers, {options.images} images, {options.level}: "
            f"cold {cold:6.2f} s  warm {took:6.2f} s  one container {each * 1000:5.1f} ms"
        )
    finally:
        if names:
            subprocess.run(["docker", "rm", "-f", *names], capture_output=True, check=False)
        tags = [f"lockml-benchmark:{number}" for number in range(options.images)]
        subprocess.run(["docker", "rmi", "-f", *tags], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", nargs="+")
    parser.add_argument("--containers", type=int, default=200)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--level", default="files", choices=("names", "artifacts", "files"))
    options = parser.parse_args()
    for image in options.image:
        measure(image, options)


if __name__ == "__main__":
    main()
