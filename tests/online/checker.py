"""A pylock.toml, the lines that asked for it and what the index says of its wheels in, faults out.

A second opinion: nothing of lockml is used, only `packaging`. Markers: PEP 508; tags: PEP 425 and 600; lock: PEP 751.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Literal

from packaging.metadata import parse_email
from packaging.pylock import Package, Pylock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

__all__ = ["IndexFile", "Machine", "check_files", "check_requirements", "input_requirements"]

_PATCHES = (0, 4, 15)  # a lock for 3.11 must hold for every 3.11.x; some dependencies come or go with 3.11.3 or 3.11.4


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A Linux with CPython 3.11 and glibc 2.*glibc*, on the processor that uname calls *processor*."""

    processor: Literal["x86_64", "aarch64"]
    glibc: int = 36

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms of wheels that run here, best first."""
        oldest, legacy = (5, {17: "2014", 12: "2010", 5: "1"}) if self.processor == "x86_64" else (17, {17: "2014"})
        names = []
        for minor in range(self.glibc, oldest - 1, -1):
            names.append(f"manylinux_2_{minor}_{self.processor}")
            names += [f"manylinux{legacy[minor]}_{self.processor}"] if minor in legacy else []
        return (*names, f"linux_{self.processor}")

    @cached_property
    def tags(self) -> frozenset[Tag]:
        """The tags of wheels that run here."""
        cpython = cpython_tags((3, 11), abis=["cp311"], platforms=self.platforms)
        return frozenset([*cpython, *compatible_tags((3, 11), interpreter="cp311", platforms=self.platforms)])

    def environments(self) -> Iterator[dict[str, str]]:
        """Yield the marker values of several patch releases of Python."""
        for patch in _PATCHES:
            yield {
                "implementation_name": "cpython",
                "implementation_version": f"3.11.{patch}",
                "os_name": "posix",
                "platform_machine": self.processor,
                "platform_release": "6.1.0",
                "platform_system": "Linux",
                "platform_version": "#1 SMP",
                "python_full_version": f"3.11.{patch}",
                "platform_python_implementation": "CPython",
                "python_version": "3.11",
                "sys_platform": "linux",
            }


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """What the index itself says of one file (PEP 691, 700)."""

    filename: str
    url: str
    sha256: str
    uploaded: datetime
    requires_python: str | None = None
    yanked: bool = False


def input_requirements(text: str) -> tuple[Requirement, ...]:
    """Return the requirements of an input file that has nothing but requirements and comments."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(Requirement(line) for line in lines if line)


def check_requirements(
    lock: Pylock, asked: Sequence[Requirement], machine: Machine, metadata: Mapping[str, bytes]
) -> list[str]:
    """Return what is wrong with the pins: something unmet, missing or unneeded; *metadata* is by wheel file name.

    Every patch release of Python must be served; unneeded is what none of them needs.
    """
    needed: dict[NormalizedName, set[NormalizedName]] = {}
    faults = dict.fromkeys(_name_faults(lock, metadata))
    for environment in machine.environments():
        walk = _Walk(lock, environment, metadata)
        walk.follow(asked)
        faults |= dict.fromkeys(walk.faults)
        for name, names in walk.needed.items():
            needed.setdefault(name, set()).update(names)
    for package in lock.packages:
        told = {entry["name"] for entry in package.dependencies or ()}
        if package.name not in needed:
            faults[f"{package.name} is pinned, and nothing needs it"] = None
        elif told != needed[package.name] - {package.name}:
            faults[f"{package.name} needs {sorted(needed[package.name])}, and the lock tells {sorted(told)}"] = None
    return list(faults)


def check_files(
    lock: Pylock, machine: Machine, index: Mapping[NormalizedName, Iterable[IndexFile]], before: datetime
) -> list[str]:
    """Return what is wrong with the files: they must be all wheels that the machine can install, as in *index*."""
    faults: list[str] = []
    for package in lock.packages:
        locked = {wheel.filename: (wheel.url, wheel.hashes.get("sha256")) for wheel in package.wheels or ()}
        suitable = {
            file.filename: (file.url, file.sha256)
            for file in index[package.name]
            if _suits(file, package, machine) and file.uploaded < before
        }
        if not locked or package.sdist is not None:
            faults.append(f"{package.name} is not locked as wheels only")
        for filename in sorted({*locked, *suitable}):
            if filename not in suitable:
                faults.append(f"{filename} is locked, and the index has none that suits")
            elif filename not in locked:
                faults.append(f"{filename} suits, and is not locked")
            elif locked[filename] != suitable[filename]:
                faults.append(f"{filename} has another address or hash in the index")
    return faults


def _suits(file: IndexFile, package: Package, machine: Machine) -> bool:
    try:
        name, version, _, tags = parse_wheel_filename(file.filename)
    except InvalidWheelFilename:
        return False
    if (name, version) != (package.name, package.version) or file.yanked or tags.isdisjoint(machine.tags):
        return False
    python = SpecifierSet(file.requires_python or "")
    return all(python.contains(environment["python_full_version"]) for environment in machine.environments())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a wheel says of itself in its METADATA."""

    name: NormalizedName
    version: Version
    python: SpecifierSet
    requirements: tuple[Requirement, ...]


@cache
def _told(content: bytes) -> _Told:
    raw = parse_email(content)[0]
    return _Told(
        name=canonicalize_name(raw["name"]),
        version=Version(raw["version"]),
        python=SpecifierSet(raw.get("requires_python", "")),
        requirements=tuple(map(Requirement, raw.get("requires_dist", []))),
    )


def _name_faults(lock: Pylock, metadata: Mapping[str, bytes]) -> Iterator[str]:
    names = [package.name for package in lock.packages]
    yield from (f"{name} is pinned more than once" for name in names if names.count(name) > 1)
    for package in lock.packages:
        for wheel in package.wheels or ():
            told = _told(metadata[wheel.filename])
            if (told.name, told.version) != (package.name, package.version):
                yield f"{wheel.filename} says that it is {told.name} {told.version}"


class _Walk:
    """What the inputs lead to in one environment, through the pins: *needed* by each project that is reached."""

    def __init__(self, lock: Pylock, environment: dict[str, str], metadata: Mapping[str, bytes]) -> None:
        self._pins = {
            each.name: each for each in lock.packages if each.marker is None or each.marker.evaluate({**environment})
        }
        self._environment = environment
        self._metadata = metadata
        self._done: set[tuple[NormalizedName, str]] = set()
        self.needed: dict[NormalizedName, set[NormalizedName]] = {}
        self.faults: list[str] = []

    def follow(self, asked: Iterable[Requirement]) -> None:
        """Check *asked* and all that it leads to."""
        waiting = [("the input", requirement) for requirement in asked if self._applies(requirement, "")]
        while waiting:
            source, requirement = waiting.pop()
            name = canonicalize_name(requirement.name)
            package = self._pins.get(name)
            if package is None or package.version is None:
                self.faults.append(f"{source} needs {requirement}, and {name} is not pinned")
                continue
            if requirement.url or not requirement.specifier.contains(package.version, prereleases=True):
                self.faults.append(f"{source} needs {requirement}, and {name} is pinned to {package.version}")
            for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
                if (name, extra) not in self._done:
                    self._done.add((name, extra))
                    waiting += self._needs(package, extra)

    def _needs(self, package: Package, extra: str) -> Iterator[tuple[str, Requirement]]:
        """Yield what any wheel of *package* needs, for an *extra* or, where that is "", for itself."""
        needed = self.needed.setdefault(package.name, set())
        for wheel in package.wheels or ():
            told = _told(self._metadata[wheel.filename])
            if not told.python.contains(self._environment["python_full_version"]):
                self.faults.append(f"{wheel.filename} requires Python {told.python}")
            for requirement in told.requirements:
                if self._applies(requirement, extra):
                    needed.add(canonicalize_name(requirement.name))
                    yield wheel.filename, requirement

    def _applies(self, requirement: Requirement, extra: str) -> bool:
        return requirement.marker is None or requirement.marker.evaluate({**self._environment, "extra": extra})
