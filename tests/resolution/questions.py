"""The questions of fixtures/explanations: each a universe, files that ask, a policy and targets."""

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import NoResolutionError
from lockml.common.target import Target, parse_target
from lockml.requirements.model import RequirementSet
from lockml.requirements.read import InputFiles, read_input_files
from lockml.resolution.model import Policy, Preferences, parse_exemptions, parse_selection
from lockml.resolution.multi_target import resolve_targets
from tests.conformance.solutions import Release, satisfiable
from tests.made.indexes import MemoryIndex
from tests.made.wheels import metadata_text, wheel_name

__all__ = ["FOLDER", "Location", "Question", "made_up", "questions"]

FOLDER = Path(__file__).parents[2] / "fixtures" / "explanations"
USUAL_TARGET = "3.11-linux/amd64-glibc-2.36"
PURE = "py3-none-any"

Location = tuple[str, int]
"""A file and a line of it, counted from 1."""
Files = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Question:
    """One case of a fixture file, the *number*th of *path*."""

    path: Path
    number: int
    case: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.path.stem}: {self.case['name']}"

    @property
    def expected(self) -> str:
        return str(self.case["explanation"])

    @cached_property
    def files(self) -> Files:
        return {
            "requirements.in": self.case["asked"],
            "constraints.txt": self.case.get("constraints", []),
            "overrides.txt": self.case.get("overrides", []),
            **self.case.get("files", {}),
        }

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        return tuple(map(parse_target, self.case.get("targets", [self.case.get("target", USUAL_TARGET)])))

    @cached_property
    def universe(self) -> Mapping[str, Mapping[str, Any]]:
        """What each ``NAME VERSION`` is: ``{3..5}`` of a key is written out, ``{}`` of its requirements filled in."""
        written: dict[str, Mapping[str, Any]] = {}
        for key, content in self.case["universe"].items():
            table = content if isinstance(content, dict) else {"requires": content}
            for release, number in _written_out(key):
                requires = [text.replace("{}", number) for text in table.get("requires", ())]
                written[release] = {**table, "requires": requires}
        return written

    def usable(self, release: str, target: Target) -> bool:
        """Say whether ``NAME VERSION`` may be chosen, by what the case says of it and by its Python."""
        unusable = {written for key in self.case.get("unusable", ()) for written, _ in _written_out(key)}
        return release not in unusable and target.python in SpecifierSet(self.universe[release].get("python", ""))

    @cached_property
    def index(self) -> MemoryIndex:
        index = MemoryIndex()
        for release, table in self.universe.items():
            name, version = release.split()
            _add(index, name, version, table)
        index.status = {canonicalize_name(name): status for name, status in self.case.get("status", {}).items()}
        return index

    @cached_property
    def constrained(self) -> frozenset[Location]:
        """The locations of the constraints."""
        return frozenset((line.origin.file, line.origin.line or 0) for line in _read(self.files).constraints)

    def line(self, location: Location) -> Requirement:
        """Return the requirement at *location*, without its hashes."""
        file, number = location
        return Requirement(_without_comment(self.files[file][number - 1]).partition(" --hash")[0])

    def policy(self, asked: RequirementSet) -> Policy:
        return Policy(
            prereleases=self.case.get("prereleases", False) or asked.options.prereleases,
            stable_only=self.case.get("stable_only", False),
            exclude_newer=self.case.get("exclude_newer"),
            exempt=parse_exemptions(self.case.get("exempt", ())),
            strategy=self.case.get("strategy", "highest"),
            no_binary=parse_selection([*asked.options.no_binary, *self.case.get("no_binary", ())]),
            only_binary=parse_selection([*asked.options.only_binary, *self.case.get("only_binary", ())]),
        )

    def explanation(self, files: Files | None = None, targets: Sequence[Target] | None = None) -> str | None:
        """Return the explanation of the conflict in *files*, by default those of the case; None if there is none."""
        asked = _read(files or self.files)
        preferences = dict.fromkeys(targets or self.targets, Preferences())
        try:
            resolve_targets(asked, preferences, self.index, policy=self.policy(asked))
        except NoResolutionError as error:
            return error.explanation + (f"\nhint: {error.hint}" if error.hint else "")
        return None

    def resolves(self, files: Files, target: Target) -> bool:
        """Say whether *files* resolve for *target*, and make sure that a search without lockml finds the same."""
        resolved = self.explanation(files, [target]) is None
        assert resolved == self.satisfiable(files, target), "the resolver and the search of all releases disagree"
        return resolved

    def only(self, locations: Collection[Location]) -> Files:
        """Return the files with no requirement but those at *locations*, each where it was; overrides stay."""
        return {
            name: [
                line if name == "overrides.txt" or line.startswith(("-", "#")) or (name, number) in locations else ""
                for number, line in enumerate(lines, 1)
            ]
            for name, lines in self.files.items()
        }

    def satisfiable(self, files: Files, target: Target) -> bool:
        """Say whether any pins do, as a search of all releases finds that knows nothing of the resolver."""
        environment = {**target.environment, "extra": ""}
        asked = _read(files)
        overrides: dict[str, list[str]] = {}
        for line in filter(None, map(_without_comment, files["overrides.txt"])):
            overrides.setdefault(canonicalize_name(Requirement(line).name), []).append(line)
        universe: dict[str, dict[Version, Release]] = {}
        for release, table in self.universe.items():
            name, version = release.split()
            bounds = [line for line in asked.constraints if line.name == name and line.applies_to(environment)]
            universe.setdefault(name, {})[Version(version)] = Release(
                requires=tuple(_overridden(table["requires"], overrides)),
                installable=self.usable(release, target)
                and all(line.specifier.contains(version, prereleases=True) for line in bounds),
            )
        return satisfiable(list(_overridden(map(str, asked.requirements), overrides)), universe, environment)


def questions() -> list[Question]:
    return [
        Question(path, number, case)
        for path in sorted(FOLDER.glob("*.toml"))
        for number, case in enumerate(tomllib.loads(path.read_text())["case"])
    ]


def made_up(seed: int) -> Question:
    """Return a question of chance: six projects that need each other, some for another Python, one unknown."""
    random = Random(seed)
    names, bounds = "abcdef", ("", "<2", ">=2", ">=3", "==2.0", "!=2.0", "<3", "==1.0", ">=4")

    def some(low: int, high: int, names: str) -> list[str]:
        return sorted({random.choice(names) + random.choice(bounds) for _ in range(random.randint(low, high))})

    universe: dict[str, dict[str, object]] = {}
    for name in names:
        others = names.replace(name, "") * 4 + "g"
        for version in random.sample(("1.0", "2.0", "3.0", "4.0"), random.randint(1, 4)):
            python = {"python": ">=3.12"} if random.random() < 0.1 else {}
            universe[f"{name} {version}"] = {"requires": some(0, 2, others), **python}
    case = {"asked": some(1, 4, names), "constraints": some(0, 2, names), "universe": universe}
    return Question(FOLDER / "made-up.toml", seed, {"name": f"made up of {seed}", **case})


def _read(files: Files) -> RequirementSet:
    contents = {name: "\n".join(lines).encode() for name, lines in files.items()}
    named = InputFiles(files=("requirements.in",), constraints=("constraints.txt",), overrides=("overrides.txt",))
    return read_input_files(named, read=contents.__getitem__, environment={})


def _written_out(key: str) -> Iterator[tuple[str, str]]:
    match = re.search(r"\{(\d+)\.\.(\d+)\}", key)
    numbers = map(str, range(int(match[1]), int(match[2]) + 1)) if match else ("",)
    yield from ((key.replace(match[0], number) if match else key, number) for number in numbers)


def _add(index: MemoryIndex, name: str, version: str, table: Mapping[str, Any]) -> None:
    entry: dict[str, Any] = {"yanked": table["yanked"]} if "yanked" in table else {}
    entry |= {"upload_time": table["uploaded"]} if "uploaded" in table else {}
    entry |= {"hashes": {"sha256": table["sha256"]}} if "sha256" in table else {}
    extras = table.get("extras", ())
    sdist = f"{name.replace('-', '_')}-{version}.tar.gz" if "sdist" in table else None
    for filename in [*(wheel_name(name, version, tag) for tag in table.get("wheels", [PURE])), sdist]:
        if filename is not None:
            text = metadata_text(
                name,
                version,
                table["requires"],
                extras=extras,
                requires_python=table.get("metadata_python", table.get("python")),
                metadata_version=table["sdist"] if filename == sdist else "2.1",
            )
            index.add(name, version, filename=filename, metadata=text, requires_python=table.get("python"), **entry)


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line).strip()


def _overridden(texts: Any, overrides: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for text in texts:
        yield from overrides.get(canonicalize_name(Requirement(text).name), [text])
