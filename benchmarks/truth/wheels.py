"""Download the listed wheels, and lock each group."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.truth.programs import pip_settings, run_lockml

__all__ = ["GROUPS", "Group", "archive_options", "fetch", "lock", "requirements"]

_LIST = Path(__file__).with_name("wheels.txt")
_TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What one environment holds: *pins* as name==version, and *excluded*, what they ask for and do not get."""

    name: str
    pins: tuple[str, ...]
    excluded: tuple[str, ...]


def read_groups(path: Path) -> dict[str, Group]:
    """Return the groups of a list of wheels by name."""
    groups: dict[str, Group] = {}
    name, pins, excluded = "", [], ()
    lines = [line.strip() for line in path.read_text().splitlines()]
    for line in [*lines, "[]"]:
        if line.startswith("["):
            if name:
                groups[name] = Group(name=name, pins=tuple(pins), excluded=excluded)
            name, pins, excluded = line.strip("[]"), [], ()
        elif line.startswith("exclude:"):
            excluded = tuple(line.split()[1:])
        elif line and not line.startswith("#"):
            pins.append(line)
    return groups


GROUPS = read_groups(_LIST)


def fetch(work: Path, tools: tuple[str, ...]) -> None:
    """Download what is not there yet: a folder of wheels for each group, and *tools* for themselves.

    A wheel that two groups have is downloaded once.
    """
    listed = work / "wheelhouse" / "listed.json"
    known: dict[str, str] = json.loads(listed.read_text()) if listed.exists() else {}
    everything = work / "wheelhouse" / "all"
    everything.mkdir(parents=True, exist_ok=True)
    wanted = dict.fromkeys([*tools, *(pin for group in GROUPS.values() for pin in group.pins)])
    for pin in wanted:
        if pin not in known:
            before = set(everything.iterdir())
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
            subprocess.run([*command, "-d", str(everything), pin], check=True, env=pip_settings())
            (wheel,) = set(everything.iterdir()) - before
            known[pin] = wheel.name
            listed.write_text(json.dumps(known, indent=1))
    for group in GROUPS.values():
        _link(work / "wheelhouse" / group.name, everything, [known[pin] for pin in group.pins])
    _link(work / "wheelhouse" / "tools", everything, [known[tool] for tool in tools])


def _link(folder: Path, everything: Path, names: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            (folder / name).hardlink_to(everything / name)


def lock(work: Path, group: Group) -> Path:
    """Lock *group* from its folder of wheels, and return the lock; it is made once."""
    folder = work / "locks" / group.name
    found = folder / "pylock.toml"
    if not found.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "requirements.in").write_text("\n".join(group.pins) + "\n")
        words = ["compile", "requirements.in", "--override", "requirements.in", *_TARGET]
        words += ["--no-index", "--find-links", str(work / "wheelhouse" / group.name)]
        words += [word for name in group.excluded for word in ("--exclude", name)]
        run_lockml(words, folder, codes=(0,))
    return found


def requirements(work: Path, group: Group) -> Path:
    """Return the file of a group's pins for an installer."""
    lock(work, group)
    return work / "locks" / group.name / "requirements.in"


def archive_options(work: Path, group: Group) -> list[str]:
    """Return the options that restrict pip, uv and pex to the group's folder."""
    return ["--no-index", "--find-links", str(work / "wheelhouse" / group.name)]
