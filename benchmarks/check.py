"""Time `lockml check` on an image that an engine has, beside the peers that are named, all on the same files.

    python benchmarks/check.py IMAGE --lock pylock.toml [--syft PROGRAM] [--trivy PROGRAM] [--runs 5]

Whole processes: median of the wall seconds, and the most memory (MiB). The engine is that of DOCKER_HOST; a container
of IMAGE is started and removed, and an archive of it is written to a temporary folder. `sha256` is what the machine's
OpenSSL hashes on all cores, for the share of it that level `files` reaches.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

LOCKML = (sys.executable, "-m", "lockml")


def timed(command: Sequence[str], runs: int, **variables: str) -> tuple[float, float]:
    """Return the median wall seconds and the greatest memory in MiB of *command*, which must not fail."""
    seconds, memory = [], 0.0
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.perf_counter() - start)
        memory = max(memory, usage.ru_maxrss / 1024)
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            sys.exit(f"{command} failed")
    return statistics.median(seconds), memory


def tell(name: str, result: tuple[float, float], more: str = "") -> None:
    print(f"{name:56} {result[0]:7.2f} s {result[1]:7.0f} MiB  {more}", flush=True)


def header_seconds(archive: Path, runs: int) -> tuple[float, float]:
    """Time the standard library's reader over the headers of an archive and of the layers in it."""
    code = (
        "import sys, tarfile\n"
        "with tarfile.open(sys.argv[1]) as outer:\n"
        "    for member in outer:\n"
        "        if member.name.endswith('layer.tar'):\n"
        "            with tarfile.open(fileobj=outer.extractfile(member)) as inner:\n"
        "                sum(1 for _ in inner)\n"
    )
    return timed([sys.executable, "-c", code, str(archive)], runs)


def hash_rate() -> float:
    """Return how many bytes OpenSSL hashes a second on all cores."""
    command = ["openssl", "speed", "-multi", str(os.cpu_count()), "-seconds", "2", "-bytes", "1048576", "sha256"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"^sha256\s+([\d.]+)k", done.stdout, re.MULTILINE)
    return float(found[1]) * 1000 if found else float("nan")


def hashed_bytes(archive: Path, prefix: str) -> int:
    """Return the bytes of the files that are below *prefix* of the image and no compiled modules."""
    total = 0
    with tarfile.open(archive) as outer:
        for member in outer:
            if member.name.endswith("layer.tar"):
                with tarfile.open(fileobj=outer.extractfile(member)) as inner:
                    names = (each for each in inner if each.isfile() and each.name.startswith(prefix))
                    total += sum(each.size for each in names if not each.name.endswith(".pyc"))
    return total


def reached(size: int, seconds: float, rate: float) -> str:
    return f"{size / seconds / 1e6:.0f} MB/s, {size / seconds / rate:.0%} of SHA-256"


def containers(image: str, check: Sequence[str], runs: int, rate: float, size: int) -> None:
    """Time checks of a running container of *image*."""
    name = f"lockml-benchmark-{os.getpid()}"
    start = ["docker", "run", "-d", "--network=host", "--name", name, image, "sleep", "600"]
    subprocess.run(start, check=True, capture_output=True)
    try:
        tell("container, level artifacts", timed([*check, "--container", name], runs))
        fresh = timed([*check, "--container", name, "--level", "files", "--no-cache"], runs)
        tell("container, level files, nothing known", fresh, reached(size, fresh[0], rate))
        with tempfile.TemporaryDirectory() as cache:
            known = [*check, "--container", name, "--level", "files", "--cache-dir", cache]
            timed(known, 1)
            tell("container, level files, its image known", timed(known, runs))
    finally:
        subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)


def peers(archive: Path, arguments: argparse.Namespace) -> None:
    """Time the peers on the same archive."""
    if arguments.trivy:
        with tempfile.TemporaryDirectory() as cache:
            command = [
                arguments.trivy,
                "image",
                "-q",
                "--offline-scan",
                "--skip-version-check",
                "--format",
                "cyclonedx",
            ]
            command += ["--cache-dir", cache, "--input", str(archive)]
            tell("trivy, nothing known", timed(command, 1))
            tell("trivy, its layers known", timed(command, arguments.runs))
    if arguments.syft:
        command = [arguments.syft, "scan", "-q", f"docker-archive:{archive}", "--select-catalogers", "python"]
        tell(
            "syft, its Python catalogers",
            timed([*command, "-o", "cyclonedx-json"], 3, SYFT_CHECK_FOR_APP_UPDATE="false"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--lock", default="pylock.toml")
    parser.add_argument("--prefix", default="opt/venv", help="where the environment is in the image")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--syft", default=shutil.which("syft"))
    parser.add_argument("--trivy", default=shutil.which("trivy"))
    arguments = parser.parse_args()
    check = [*LOCKML, "check", "--lock", arguments.lock]
    rate = hash_rate()
    print(f"sha256 on {os.cpu_count()} cores: {rate / 1e6:.0f} MB/s")
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "image.tar")
        subprocess.run(["docker", "save", "-o", str(archive), arguments.image], check=True)
        size = hashed_bytes(archive, arguments.prefix)
        print(f"archive of {archive.stat().st_size / 1e6:.0f} MB, of which {size / 1e6:.0f} MB are hashed")
        containers(arguments.image, check, arguments.runs, rate, size)
        tell("image, level artifacts", timed([*check, "--image", arguments.image], arguments.runs))
        headers = header_seconds(archive, arguments.runs)
        tell("headers of the archive, by Python's tarfile", headers)
        artifacts = timed([*check, "--archive", str(archive)], arguments.runs)
        tell("archive, level artifacts", artifacts, f"{artifacts[0] / headers[0]:.2f} times its headers")
        files = timed([*check, "--archive", str(archive), "--level", "files"], arguments.runs)
        tell("archive, level files", files, reached(size, files[0], rate))
        peers(archive, arguments)


if __name__ == "__main__":
    main()
