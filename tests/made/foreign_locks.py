"""Locks that other tools wrote, and what those tools install of them: fixtures/locks, which its README describes."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml
from msgspec import Struct
from packaging.pylock import Package

from lockml.common.target import Target, parse_target
from lockml.lock.formats.read import ReadBeside, parse_any_lock
from lockml.lock.model import Choice, Lock
from lockml.lock.select import select_packages, with_choice

LOCKS = Path(__file__).parents[2] / "fixtures" / "locks"


class Case(Struct, frozen=True):
    """What a tool installs for a *choice* of extras and groups of the lock *file* on *target*."""

    file: Path
    choice: Choice
    target: Target
    pins: tuple[str, ...]

    def __str__(self) -> str:
        chosen = [*self.choice.extras, *self.choice.groups, *(f"no-{name}" for name in self.choice.without_groups)]
        default = () if self.choice.default_groups else ("no-default",)
        return " ".join([self.file.parent.name, *sorted(chosen), *default, str(self.target)])


def cases(tool: str, lock: str) -> Iterator[Case]:
    """Yield every case of the locks of *tool*, which calls them *lock*."""
    for oracle in sorted((LOCKS / tool).glob("*/oracle.json")):
        for each in json.loads(oracle.read_text(encoding="utf-8")):
            choice = each["choice"]
            yield Case(
                file=oracle.parent / lock,
                choice=Choice(
                    extras=frozenset(choice.get("extras", ())),
                    groups=frozenset(choice.get("groups", ())),
                    without_groups=frozenset(choice.get("without", ())),
                    default_groups=choice.get("default", True),
                ),
                target=parse_target(each["target"]),
                pins=tuple(each["pins"]),
            )


def beside(file: Path) -> ReadBeside:
    """Return what reads the files in the folder of *file*."""

    def read(name: str) -> bytes | None:
        path = file.parent / name
        return path.read_bytes() if path.is_file() else None

    return read


def read_foreign(file: Path) -> Lock:
    """Return the lock *file*, with what stands beside it."""
    return parse_any_lock(file.read_bytes(), file.name, beside(file))


def selected(case: Case) -> list[str]:
    """Return what lockml takes from the lock of *case*, as its tool writes it."""
    lock = with_choice(read_foreign(case.file), case.choice, case.file.name)
    return sorted(map(pin, select_packages(lock, case.target, case.file.name)))


def pin(package: Package) -> str:
    """Return *package* as a line of requirements.txt; folders and archives by their path alone."""
    if package.directory is not None:
        path = package.directory.path
        shown = path if path in (".",) or path.startswith(("/", "..")) else f"./{path}"
        return f"-e {shown}" if package.directory.editable else shown
    if package.archive is not None:
        path = package.archive.path or ""
        return package.archive.url or (path if path.startswith("/") else f"./{path}")
    if package.vcs is not None:
        return f"{package.name} @ git+{package.vcs.url}@{package.vcs.commit_id}"
    return f"{package.name}=={package.version}"


class _Dumper(yaml.SafeDumper):
    """Writes without aliases, as conda-lock and pixi do."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def as_yaml(document: object) -> bytes:
    """Return *document* as conda-lock and pixi write theirs."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False).encode()
