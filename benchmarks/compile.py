"""Time `lockml compile` beside uv, pip and pip-tools, in turn, on one index and the same inputs.

    python benchmarks/compile.py --index-url http://127.0.0.1:8100/simple/ [INPUT.in ...] [--tools lockml,uv] [--runs 5]
        [--day 2024-10-01] [--label "RTT 40 ms"] [--markdown FILE] [--record]

The index should be a replay with complete headers (ETag, max-age, `core-metadata`): run once with --record first, so
that it has all that each tool asks for. Without INPUT, those of fixtures/inputs are taken. Whole processes, wall
seconds, medians; the tools take turns in every round. Modes:

    cold        no cache, no lock             warm   the cache of the run before, no lock
    relock      no cache, a lock, upgrade     check  as unchanged, and nothing is written
    unchanged   a cache, a lock, no change

`lockml` does not record artifact identities, which no peer does; `lockml+` is its full work. uv is given its
interpreter by path. Peers that are not installed are left out; what a tool cannot do is "-", as is what takes over
--limit seconds.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

INPUTS = Path(__file__).parents[1] / "fixtures" / "inputs"
MODES = ("cold", "warm", "relock", "unchanged", "check")
TARGET = ("--python", "3.11.7", "--platform", "linux/amd64", "--libc", "glibc-2.36")


@dataclass(frozen=True, slots=True)
class Case:
    """One run: an input in a *folder* of its own, where the tool's cache and output are too."""

    folder: Path
    index: str
    day: str
    mode: str


Command = Callable[[Case], Sequence[str] | None]


def lockml(*more: str) -> Command:
    """Return what builds lockml's command."""

    def command(case: Case) -> Sequence[str]:
        modes = {"relock": ("--upgrade",), "check": ("--check",)}
        program = str(Path(sys.executable).parent / "lockml")
        arguments = ["requirements.in", *TARGET, "--index-url", case.index, "--exclude-newer", case.day]
        return [program, "compile", *arguments, "--cache-dir", "cache", *more, *modes.get(case.mode, ())]

    return command


def uv(case: Case) -> Sequence[str] | None:
    """Return uv's command; it has no check."""
    if case.mode == "check":
        return None
    program = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        return None
    fixed = ["--python", sys.executable, "--python-version", "3.11.7", "--python-platform", "x86_64-manylinux_2_36"]
    arguments = ["--generate-hashes", "--only-binary", ":all:", "--index-url", case.index, "--exclude-newer", case.day]
    upgrade = ["--upgrade"] if case.mode == "relock" else []
    cache = ["--cache-dir", "cache", "--no-config", "--quiet"]
    return [
        program,
        "pip",
        "compile",
        "requirements.in",
        "-o",
        "requirements.txt",
        *fixed,
        *arguments,
        *cache,
        *upgrade,
    ]


def pip_compile(case: Case) -> Sequence[str] | None:
    """Return pip-tools' command; it knows no day and no target, and has no check."""
    program = shutil.which("pip-compile", path=str(Path(sys.executable).parent))
    if program is None or case.mode == "check":
        return None
    upgrade = ["--upgrade"] if case.mode == "relock" else []
    arguments = ["--generate-hashes", "--index-url", case.index, "--cache-dir", str(case.folder / "cache"), "--quiet"]
    return [
        program,
        "requirements.in",
        "-o",
        "requirements.txt",
        "--pip-args=--only-binary=:all:",
        *arguments,
        *upgrade,
    ]


def pip_lock(case: Case) -> Sequence[str] | None:
    """Return the command of ``pip lock``, where this pip has it; it keeps no pins."""
    known = subprocess.run([sys.executable, "-m", "pip", "lock", "--help"], capture_output=True, check=False)
    if known.returncode or case.mode in ("check", "unchanged"):
        return None
    arguments = ["-r", "requirements.in", "--index-url", case.index, "--cache-dir", "cache", "--quiet"]
    return [sys.executable, "-m", "pip", "lock", "--only-binary=:all:", "-o", "pylock.toml", *arguments]


TOOLS: dict[str, Command] = {
    "lockml": lockml("--no-artifact-identity"),
    "lockml+": lockml(),
    "uv": uv,
    "pip lock": pip_lock,
    "pip-compile": pip_compile,
}


def prepared(case: Case, source: Path) -> None:
    """Make the folder what the mode begins with."""
    if case.mode in ("cold", "relock"):
        shutil.rmtree(case.folder / "cache", ignore_errors=True)
    if case.mode in ("cold", "warm"):
        for name in ("pylock.toml", "requirements.txt"):
            (case.folder / name).unlink(missing_ok=True)
    shutil.copy(source, case.folder / "requirements.in")


def timed(command: Sequence[str], folder: Path, limit: float) -> float | None:
    """Return the wall seconds of a run, None where it fails or takes too long."""
    start = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return None
    seconds = time.perf_counter() - start
    if done.returncode:
        print(f"{' '.join(command[:2])} failed: {done.stderr[-300:]}", file=sys.stderr)
        return None
    return seconds


def measure(source: Path, options: argparse.Namespace) -> dict[tuple[str, str], float | None]:
    """Return the median of each tool and mode on one input."""
    root = Path(tempfile.mkdtemp(prefix="lockml-benchmark-"))
    taken: dict[tuple[str, str], list[float | None]] = {}
    try:
        for _ in range(options.runs):
            for mode in MODES:
                for tool in options.tools:
                    folder = root / tool.replace(" ", "-")
                    folder.mkdir(exist_ok=True)
                    case = Case(folder, options.index_url, options.day, mode)
                    command = TOOLS[tool](case)
                    if command is None or None in taken.get((tool, mode), ()):
                        continue
                    prepared(case, source)
                    taken.setdefault((tool, mode), []).append(timed(command, folder, options.limit))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return {
        key: statistics.median(value for value in seconds if value is not None) if None not in seconds else None
        for key, seconds in taken.items()
    }


def table(results: dict[str, dict[tuple[str, str], float | None]], options: argparse.Namespace) -> str:
    """Return the medians as Markdown, with lockml's ratio to uv."""
    lines = [f"{options.label}: wall seconds, median of {options.runs}, packages of {options.day}", ""]
    lines += [
        f"| input | mode | {' | '.join(options.tools)} | lockml / uv |",
        f"|---|---|{'---|' * len(options.tools)}---|",
    ]
    for name, found in results.items():
        for mode in MODES:
            cells = [
                f"{value:.3f}" if (value := found.get((tool, mode))) is not None else "-" for tool in options.tools
            ]
            ours, theirs = found.get(("lockml", mode)), found.get(("uv", mode))
            ratio = f"{ours / theirs:.2f}" if ours is not None and theirs is not None else "-"
            lines.append(f"| {name} | {mode} | {' | '.join(cells)} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", type=Path, default=sorted(INPUTS.glob("*.in")))
    parser.add_argument("--index-url", required=True)
    parser.add_argument("--tools", type=lambda text: text.split(","), default=list(TOOLS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--day", default="2024-10-01")
    parser.add_argument("--label", default="replay index")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--record", action="store_true", help="run each tool once, cold, and print nothing")
    options = parser.parse_args()
    if options.record:
        options.runs = 1
    results = {source.stem: measure(source, options) for source in options.input}
    if not options.record:
        text = table(results, options)
        print(text)
        if options.markdown is not None:
            options.markdown.write_text(text)


if __name__ == "__main__":
    main()
