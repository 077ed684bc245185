"""Show that `lockml check --level files` is right about environments: no false alarm, and no miss.

    python -m benchmarks.truth build  --work DIR [--only PATTERN] [--minutes 20]
    python -m benchmarks.truth check  --work DIR [--only PATTERN] [--used]
    python -m benchmarks.truth report --work DIR
    python -m benchmarks.truth attack --work DIR --seed 1 --count 120 [--only PATTERN]

`build` makes environments of the wheels in wheels.txt by many installers, GROUP/INSTALLER each, the most telling ones
first, until the minutes are over; what is there already is kept. `check` looks at all that were built; with --used
their modules are imported and their scripts run first. `report` prints the table of what `check` found, and exits 1 if
there was any alarm. `attack` changes a clean environment at random and exits 1 if a change was judged wrongly.
Run it from the root of the repository with a CPython 3.11 that has lockml's dependencies.
"""

import argparse
import fnmatch
import json
import shutil
import sys
import time
from pathlib import Path

from benchmarks.truth.attack import attack
from benchmarks.truth.checking import Checked, check
from benchmarks.truth.installers import CELLS, TOOLS, Cell, build
from benchmarks.truth.use import use
from benchmarks.truth.wheels import GROUPS, fetch, lock


def chosen(pattern: str) -> list[Cell]:
    """Return the cells whose GROUP/INSTALLER fits one of the patterns, which commas divide."""
    patterns = pattern.split(",")
    return [cell for cell in CELLS if any(fnmatch.fnmatch(cell.name, each) for each in patterns)]


def build_all(arguments: argparse.Namespace) -> int:
    """Build the chosen environments until the time is over."""
    start, failed = time.monotonic(), 0
    fetch(arguments.work, TOOLS)
    for cell in chosen(arguments.only):
        if time.monotonic() - start > arguments.minutes * 60:
            print(f"the {arguments.minutes} minutes are over before {cell.name}")
            break
        began = time.monotonic()
        try:
            build(arguments.work, cell, (arguments.python, arguments.debian))
        except Exception as error:  # reported, and the others continue
            failed += 1
            print(f"{cell.name}: not built: {error}", flush=True)
        else:
            print(f"{cell.name}: built in {time.monotonic() - began:.0f} s", flush=True)
    return int(failed > 0)


def check_all(arguments: argparse.Namespace) -> int:
    """Check the chosen environments that were built, and keep what was found."""
    for cell in chosen(arguments.only):
        prefix = arguments.work / "environments" / cell.group / cell.installer
        if prefix.with_name(prefix.name + ".built").exists():
            done = use(prefix) if arguments.used else ""
            found = check(prefix, lock(arguments.work, GROUPS[cell.group]), arguments.work / "cache")
            kept = arguments.work / "results" / cell.group / f"{cell.installer}.{'used' if arguments.used else 'clean'}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(found.document(), indent=1))
            print(f"{cell.name}: exit {found.code}, {in_short(found)} {done}", flush=True)
    return report(arguments, quiet=True)


def in_short(found: Checked) -> str:
    """Return what was found in one line."""
    words = [f"{name} x{count}" for name, count in found.drifts]
    words += [f"problem: {each}" for each in found.problems]
    return "; ".join(words) or "in order"


def report(arguments: argparse.Namespace, *, quiet: bool = False) -> int:
    """Print the table of false alarms, and return 1 if there is one."""
    rows, alarms = [], 0
    for cell in chosen(arguments.only):
        kept = [arguments.work / "results" / cell.group / f"{cell.installer}.{state}" for state in ("clean", "used")]
        results = [Checked.from_document(json.loads(each.read_text())) if each.exists() else None for each in kept]
        if any(results):
            alarms += sum(each.alarms for each in results if each)
            counts = [str(each.alarms) if each else "-" for each in results]
            why = next((in_short(each) for each in results if each and each.code), "")
            limits = next((", ".join(each.limits) for each in reversed(results) if each), "")
            rows.append((cell.name, *counts, why[:160], limits))
    if not quiet:
        print("| environment | clean | used | alarms | limits |\n|---|---|---|---|---|")
        for row in rows:
            print("| " + " | ".join(row) + " |")
        print(f"{len(rows)} environments, {alarms} false alarms")
    return int(alarms > 0)


def main() -> None:
    """Parse the arguments and run one step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("build", "check", "report", "attack"))
    parser.add_argument("--work", type=Path, required=True, help="a folder outside the repository")
    parser.add_argument("--only", default="*", help="patterns of GROUP/INSTALLER, or for attack of kinds")
    parser.add_argument("--minutes", type=float, default=20, help="when `build` stops to begin another")
    parser.add_argument("--used", action="store_true", help="import and run what is installed, then check")
    parser.add_argument("--python", type=Path, default=Path(getattr(sys, "_base_executable", sys.executable)))
    parser.add_argument("--debian", type=Path, default=Path("/usr/bin/python3"), help="Debian's Python")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=120)
    arguments = parser.parse_args()
    arguments.work = arguments.work.resolve()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if shutil.which("git") and arguments.work.is_relative_to(Path(__file__).parents[2]):
        parser.error("--work must be outside the repository")
    steps = {"build": build_all, "check": check_all, "report": report, "attack": attack}
    sys.exit(steps[arguments.step](arguments))


if __name__ == "__main__":
    main()
