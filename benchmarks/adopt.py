"""Time ``lockml adopt`` beside a cold compile of the same pins, on a replay index.

    python benchmarks/adopt.py http://127.0.0.1:8171/simple/ mlops --pairs 5

Compiles an input of benchmarks/inputs, takes everything of lockml out of the lock, and adopts what is left: pins and
files must be the same. Prints medians of wall time and CPU seconds, each with an empty cache, and their ratios.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

INPUTS = Path(__file__).parent / "inputs"
TARGET = ("--python", "3.11.7", "--platform", "linux/amd64", "--libc", "glibc-2.36")


def run(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run lockml with an empty cache; return its wall time and its CPU seconds."""
    shutil.rmtree(folder / "cache", ignore_errors=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "lockml", *arguments, "--cache-dir", "cache"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(arguments)} failed")
    return time.monotonic() - began, used.ru_utime + used.ru_stime


def without_lockml(folder: Path) -> None:
    """Write foreign.toml: the lock as a tool without identities has it."""
    document = tomllib.loads((folder / "pylock.toml").read_text())
    del document["tool"]
    document["created-by"] = "uv"
    for package in document["packages"]:
        package.pop("tool", None)
    (folder / "foreign.toml").write_text(tomli_w.dumps(document))


def pins(path: Path) -> list[Any]:
    """Return what a lock pins: names, versions and hashes of wheels."""
    packages = tomllib.loads(path.read_text())["packages"]
    wheels = [(each["name"], each["version"], each.get("wheels", [])) for each in packages]
    return sorted((name, version, sorted(w["hashes"]["sha256"] for w in files)) for name, version, files in wheels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index")
    parser.add_argument("input", nargs="?", default="mlops")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    text = (INPUTS / f"{options.input}.in").read_text()
    day = re.search(r"day: ([\w:-]+)", text)
    date = ("--exclude-newer", day[1]) if day else ()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "requirements.in").write_text(text)
        commands = {
            "compile": ("compile", "requirements.in", "-i", options.index, *TARGET, *date, "--upgrade"),
            "adopt": ("adopt", "foreign.toml", "-o", "adopted.toml", "-i", options.index, *TARGET),
        }
        run(folder, *commands["compile"])
        without_lockml(folder)
        run(folder, *commands["adopt"])
        if pins(folder / "adopted.toml") != pins(folder / "pylock.toml"):
            raise SystemExit("other pins or files were adopted")
        times = {name: [] for name in commands}
        for _ in range(options.pairs):
            for name, arguments in commands.items():
                times[name].append(run(folder, *arguments))
        medians = {name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in times.items()}
        print(f"{len(pins(folder / 'pylock.toml'))} pins of {options.input}")
        for name, (wall, cpu) in medians.items():
            print(f"{name:8} {wall:6.2f} s wall {cpu:6.2f} s CPU")
        ratios = [one / other for one, other in zip(medians["adopt"], medians["compile"], strict=True)]
        print(f"ratio    {ratios[0]:6.2f}        {ratios[1]:6.2f}")


if __name__ == "__main__":
    main()
