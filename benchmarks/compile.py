"""Time `lockml compile` beside uv, nab, pip lock and pip-compile, in turn, on one index and the same inputs.

    python benchmarks/compile.py --index-url http://127.0.0.1:8100/simple/ [INPUT.in ...] [--peers DIR]
        [--tools lockml,uv] [--runs 5] [--modes cold,warm] [--hard FILE] [--label "RTT 40 ms"] [--markdown FILE]
        [--record] [--curve]

The index should be a replay with complete headers (ETag, max-age, `core-metadata`): run once with --record first, so
that it has all that each tool asks for. Inputs are those of benchmarks/inputs and fixtures/inputs, where none is named;
a line `# …; day: 2026-11-01; python: 3.12.4` names the day of the packages, which every tool receives, and for
which Python to lock. --hard takes scenarios of a TOML file in the form of problematic.toml (see the README of the
shared data) instead. Whole processes, wall seconds, medians, lockml's processor seconds, and of the cold runs the most
memory (MiB); the tools take turns in every round, in the other order each time. Modes:

    cold        no cache, no lock             warm   the cache of the run before, no lock
    relock      no cache, a lock, upgrade     check  as unchanged, and nothing is written
    unchanged   a cache, a lock, no change

`lockml` does not record artifact identities, which no peer does; `lockml+` is its full work. uv is given its
interpreter by path. Peers that are not in --peers, or that cannot do a thing, are "-", as is what takes over --limit
seconds or fails. --curve shows how time grows with pins and with targets.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
INPUTS = [HERE / "inputs", HERE.parent / "fixtures" / "inputs"]
MODES = ("cold", "warm", "relock", "unchanged", "check")
DAY = "2024-10-01"  # of inputs that name none
PYTHON = "3.11.7"
TARGETS = (  # of --curve
    "a=3.11.7-linux/amd64-glibc-2.36",
    "b=3.12.4-linux/amd64-glibc-2.36",
    "c=3.11.7-linux/arm64-glibc-2.36",
    "d=3.12.4-linux/arm64-glibc-2.36",
)


@dataclass(frozen=True, slots=True)
class Input:
    """Requirements, the day whose packages count, and the Python that is locked for."""

    name: str
    text: str
    day: str
    python: str = PYTHON


@dataclass(frozen=True, slots=True)
class Case:
    """One run of an input in a *folder* of its own, where the tool's cache and output are too."""

    what: Input
    folder: Path
    mode: str
    options: argparse.Namespace

    def program(self, name: str) -> str | None:
        """Return the path of a peer's program, None where it is not there."""
        path = Path(self.options.peers) / name
        return str(path) if path.exists() else None


Command = Callable[[Case], Sequence[str] | None]
Usage = tuple[float, float, float]
"""Wall seconds, MiB, and seconds of the processor, with those of the kernel."""
Figures = Mapping[tuple[str, str], Usage | None]
"""What a run took by tool and mode, None where there is nothing."""


def lockml(*more: str) -> Command:
    """Return what builds lockml's command."""

    def command(case: Case) -> Sequence[str]:
        modes = {"relock": ("--upgrade",), "check": ("--check",)}
        target = ("--python", case.what.python, "--platform", "linux/amd64", "--libc", "glibc-2.36")
        program = str(Path(sys.executable).parent / "lockml")
        index = ("--index-url", case.options.index_url, "--exclude-newer", case.what.day, "--only-binary", ":all:")
        fixed = ("requirements.in", "--cache-dir", "cache", *target, *index)
        return [program, "compile", *fixed, *more, *modes.get(case.mode, ())]

    return command


def uv(case: Case) -> Sequence[str] | None:
    """Return uv's command; it has no check."""
    program = case.program("uv")
    if case.mode == "check" or program is None:
        return None
    target = ["--python", sys.executable, "--python-version", case.what.python]
    target += ["--python-platform", "x86_64-manylinux_2_36", "--only-binary", ":all:"]
    index = ["--index-url", case.options.index_url, "--exclude-newer", case.what.day]
    fixed = ["requirements.in", "-o", "requirements.txt", "--generate-hashes", "--no-config", "--quiet"]
    upgrade = ["--upgrade"] if case.mode == "relock" else []
    return [program, "pip", "compile", *fixed, "--cache-dir", "cache", *target, *index, *upgrade]


def nab(case: Case) -> Sequence[str] | None:
    """Return nab's command; it takes a pyproject.toml and keeps no pins."""
    program = case.program("nab")
    if program is None or case.mode in ("unchanged", "check"):
        return None
    requirements = ", ".join(f'"{line}"' for line in _lines(case.what.text))
    project = f'[project]\nname = "bench"\nversion = "0"\nrequires-python = ">=3.8"\ndependencies = [{requirements}]\n'
    index = f'[[tool.nab.indexes]]\nname = "replay"\nurl = "{case.options.index_url}"\n'
    (case.folder / "pyproject.toml").write_text(project + index)
    target = ["--project-environment-python", case.what.python, "--project-environment-platform", "linux_x86_64"]
    policy = ["--project-dist-policy", "wheel-only", "--project-build-policy", "never"]
    fixed = ["--cache-dir", "cache", "--format", "requirements", "--output", "requirements.txt"]
    return [program, "-q", "lock", *fixed, *target, *policy, "--project-uploaded-prior-to", f"{_moment(case.what.day)}"]


def pip_lock(case: Case) -> Sequence[str] | None:
    """Return the command of ``pip lock``, which keeps no pins and locks for its own Python."""
    program = case.program("python")
    if program is None or case.mode in ("check", "unchanged"):
        return None
    fixed = ["-r", "requirements.in", "-o", "pylock.toml", "--only-binary=:all:", "--quiet", "--cache-dir", "cache"]
    index = ["--index-url", case.options.index_url, "--uploaded-prior-to", _moment(case.what.day)]
    return [program, "-m", "pip", "lock", *fixed, *index]


def pip_compile(case: Case) -> Sequence[str] | None:
    """Return pip-tools' command; it locks for its own Python and has no check."""
    program = case.program("pip-compile")
    if program is None or case.mode == "check":
        return None
    fixed = ["requirements.in", "-o", "requirements.txt", "--generate-hashes", "--quiet", "--strip-extras"]
    index = ["--index-url", case.options.index_url, "--uploaded-prior-to", _moment(case.what.day)]
    upgrade = ["--upgrade"] if case.mode == "relock" else []
    cache = ["--cache-dir", str(case.folder / "cache")]
    return [program, *fixed, *index, *cache, "--pip-args=--only-binary=:all:", *upgrade]


TOOLS: dict[str, Command] = {
    "lockml": lockml("--no-artifact-identity"),
    "lockml+": lockml(),
    "uv": uv,
    "nab": nab,
    "pip lock": pip_lock,
    "pip-compile": pip_compile,
}


def _moment(day: str) -> str:
    return day if "T" in day else f"{day}T00:00:00Z"


def _lines(text: str) -> list[str]:
    return [line.partition("  #")[0].strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def read_input(path: Path) -> Input:
    """Return the requirements in *path*, with the day and the Python that its comment names."""
    text = path.read_text()
    day = re.search(r"^#.*\bday: ([^\s;]+)", text, re.MULTILINE)
    python = re.search(r"^#.*\bpython: ([^\s;]+)", text, re.MULTILINE)
    return Input(path.stem, text, day[1] if day else DAY, python[1] if python else PYTHON)


def hard_inputs(path: Path, names: Sequence[str]) -> Iterator[Input]:
    """Yield the scenarios of *path*, or those with *names*."""
    for name, scenario in tomllib.loads(path.read_text()).items():
        if scenario.get("requirements") and not scenario.get("constraints") and (not names or name in names):
            day = scenario["datetime"].replace(" ", "T") + "Z"
            text = "".join(f"{line}\n" for line in scenario["requirements"])
            yield Input(name, text, day, scenario["python_version"])


def prepare(case: Case) -> None:
    """Make the folder what the mode begins with."""
    if case.mode in ("cold", "relock"):
        shutil.rmtree(case.folder / "cache", ignore_errors=True)
    if case.mode in ("cold", "warm"):
        for name in ("pylock.toml", "requirements.txt"):
            (case.folder / name).unlink(missing_ok=True)
    (case.folder / "requirements.in").write_text(case.what.text)


def run(command: Sequence[str], folder: Path, limit: float) -> Usage | None:
    """Return what a run takes, None where it fails or takes too long; bytecode is kept, as where a user runs it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        alarm = threading.Timer(limit, process.kill)
        alarm.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            message = errors.read().decode(errors="replace")[-200:]
            print(f"{' '.join(command[:3])} failed ({process.returncode}): {message}", file=sys.stderr)
            return None
    return seconds, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def measure(what: Input, options: argparse.Namespace) -> Figures:
    """Return the medians of each tool and mode on one input."""
    root = Path(tempfile.mkdtemp(prefix="lockml-benchmark-"))
    taken: dict[tuple[str, str], list[Usage | None]] = {}
    try:
        for number in range(options.runs):
            for mode in options.modes:
                for tool in options.tools if number % 2 else options.tools[::-1]:
                    folder = root / tool.replace(" ", "-")
                    folder.mkdir(exist_ok=True)
                    case = Case(what, folder, mode, options)
                    command = TOOLS[tool](case)
                    if command is not None and None not in taken.get((tool, mode), ()):
                        prepare(case)
                        taken.setdefault((tool, mode), []).append(run(command, folder, options.limit))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return {key: _medians(figures) for key, figures in taken.items()}


def _medians(figures: Sequence[Usage | None]) -> Usage | None:
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return None
    seconds, memory, processor = zip(*known, strict=True)
    return statistics.median(seconds), max(memory), statistics.median(processor)


def table(results: Mapping[str, Figures], options: argparse.Namespace) -> str:
    """Return the medians as Markdown, with lockml's ratio to uv and to the best other peer."""
    lines = [f"{options.label}: wall seconds, median of {options.runs}; memory: most of the cold runs, MiB", ""]
    lines += [f"| input | mode | {' | '.join(options.tools)} | ÷ uv | ÷ best Python peer | CPU of lockml |"]
    lines += [f"|---|---|{'---|' * len(options.tools)}---|---|---|"]
    for name, found in results.items():
        for mode in options.modes:
            seconds = {tool: figure[0] for tool in options.tools if (figure := found.get((tool, mode))) is not None}
            processor = found.get(("lockml", mode))
            spent = f"{processor[2]:.3f}" if processor is not None else "-"
            lines.append(f"{_row(name, mode, seconds, options.tools, '{:.3f}')} {spent} |")
        memory = {tool: figure[1] for tool in options.tools if (figure := found.get((tool, "cold"))) is not None}
        if memory:
            lines.append(f"{_row(name, 'memory', memory, options.tools, '{:.0f}')} - |")
    return "\n".join(lines) + "\n"


def _row(name: str, mode: str, figures: Mapping[str, float], tools: Sequence[str], form: str) -> str:
    cells = [form.format(figures[tool]) if tool in figures else "-" for tool in tools]
    python = [figures[tool] for tool in ("nab", "pip lock", "pip-compile") if tool in figures]
    ratios = [
        f"{figures['lockml'] / other:.2f}" if "lockml" in figures and other is not None else "-"
        for other in (figures.get("uv"), min(python, default=None))
    ]
    return f"| {name} | {mode} | {' | '.join([*cells, *ratios])} |"


def curve(options: argparse.Namespace) -> str:
    """Return how a warm compile grows with pins, by more and more lines, and with targets."""
    inputs = [read_input(HERE / "inputs" / f"{name}.in") for name in ("mlops", "airflow")]
    lines = [line for each in inputs for line in _lines(each.text)]
    rows = ["| lines | targets | pins | seconds |", "|---|---|---|---|"]
    for count, targets in [*((count, 1) for count in (1, 2, 4, 8, len(lines))), *((4, count) for count in (2, 3, 4))]:
        what = Input("curve", "".join(f"{line}\n" for line in lines[:count]), inputs[0].day)
        pins, seconds = _grown(what, TARGETS[:targets], options)
        rows.append(f"| {count} | {targets} | {pins} | {seconds} |")
    return "\n".join(rows) + "\n"


def _grown(what: Input, targets: Sequence[str], options: argparse.Namespace) -> tuple[str, str]:
    """Return the pins of a warm compile for *targets*, and the median of its seconds."""
    root = Path(tempfile.mkdtemp(prefix="lockml-benchmark-"))
    case = Case(what, root, "warm", options)
    program, compile_, *fixed = lockml("--no-artifact-identity")(case) or ()
    first = fixed.index("--python")
    named = [part for target in targets for part in ("--target", target)]
    command = [program, compile_, *fixed[:first], *fixed[first + 6 :], *named]
    taken: list[Usage | None] = []
    try:
        for _ in range(options.runs + 1):
            prepare(case)
            taken.append(run(command, root, options.limit))
        figures = _medians(taken[1:])
        if figures is None:
            return "-", "-"
        return str((root / "pylock.toml").read_text().count("\n[[packages]]\n")), f"{figures[0]:.3f}"
    finally:
        shutil.rmtree(root, ignore_errors=True)


def parse() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", help="files, or with --hard names of scenarios")
    parser.add_argument("--index-url", required=True)
    parser.add_argument("--peers", default=str(Path(sys.executable).parent), help="the folder of the peers' programs")
    parser.add_argument("--tools", type=lambda text: text.split(","), default=list(TOOLS))
    parser.add_argument("--modes", type=lambda text: text.split(","), default=list(MODES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limit", type=float, default=120.0)
    parser.add_argument("--label", default="replay index")
    parser.add_argument("--hard", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--record", action="store_true", help="run each tool once, cold, and print nothing")
    parser.add_argument("--curve", action="store_true")
    options = parser.parse_args()
    if options.record:
        options.runs, options.modes = 1, ["cold"]
    return options


def main() -> None:
    options = parse()
    if options.curve:
        text = curve(options)
    else:
        if options.hard:
            inputs = list(hard_inputs(options.hard, options.input))
        else:
            paths = [Path(name) for name in options.input] or [
                p for folder in INPUTS for p in sorted(folder.glob("*.in"))
            ]
            inputs = list(map(read_input, paths))
        text = table({each.name: measure(each, options) for each in inputs}, options)
    if not options.record:
        print(text)
        if options.markdown is not None:
            options.markdown.write_text(text)


if __name__ == "__main__":
    main()
