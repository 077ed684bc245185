"""What is locked for: text such as ``3.11``, ``linux/amd64``, ``glibc-2.36`` in; tags and marker values out.

Tags: PEP 425, manylinux PEP 600 (legacy names PEP 513, 571, 599), musllinux PEP 656. Markers: PEP 508.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, Literal

from msgspec import Struct
from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.common.errors import InputError

__all__ = [
    "OLDEST_MACOS",
    "Libc",
    "Platform",
    "Target",
    "parse_libc",
    "parse_macos",
    "parse_platform",
    "parse_python",
    "parse_target",
]

System = Literal["linux", "macos", "windows"]

OLDEST_MACOS: Final = (13, 0)  # what a macOS target stands for when it names no version
_SYSTEMS: Final[dict[str, System]] = {"linux": "linux", "macos": "macos", "darwin": "macos", "windows": "windows"}
_ARCHITECTURES: Final = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}
_MACHINES: Final[dict[System, dict[str, str]]] = {  # what platform.machine() says there
    "linux": {"amd64": "x86_64", "arm64": "aarch64"},
    "macos": {"amd64": "x86_64", "arm64": "arm64"},
    "windows": {"amd64": "AMD64", "arm64": "ARM64"},
}
_VARIANT: Final = r"^(linux/(?:arm64(?=/v[89]$)|amd64(?=/v[1-4]$)))/v\d$"
_MARKER_TOKEN: Final = re.compile(r"""\bextra == (?:"([^"]*)"|'([^']*)')|"[^"]*"|'[^']*'|([()]|\bor\b)""")
_WHEEL_NAME: Final = re.compile(r"[\w.]+")
_MARKERS: Final[dict[System, tuple[str, str, str]]] = {  # os_name, sys_platform, platform_system
    "linux": ("posix", "linux", "Linux"),
    "macos": ("posix", "darwin", "Darwin"),
    "windows": ("nt", "win32", "Windows"),
}
_TARGETS: Final = "write NAME=3.11-linux/amd64-glibc-2.36, 3.12-macos/arm64-14.0 or 3.12-windows/amd64"
_OLDEST_GLIBC_MINOR: Final = {"amd64": 5, "arm64": 17}  # PEP 600: what the first manylinux of an architecture named
_LEGACY_MANYLINUX: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


class Libc(Struct, frozen=True, kw_only=True):
    """The C library of a target: its family and the version that is at least there."""

    family: Literal["glibc", "musl"]
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.family}-{self.major}.{self.minor}"


class Platform(Struct, frozen=True, kw_only=True):
    """A system and a processor, the latter in the engines' words: ``amd64`` or ``arm64``."""

    system: System
    architecture: str

    @property
    def machine(self) -> str:
        """What ``platform.machine()`` says there."""
        return _MACHINES[self.system][self.architecture]

    def __str__(self) -> str:
        return f"{self.system}/{self.architecture}"


class Target(Struct, frozen=True, kw_only=True, dict=True):
    """A Python on a platform: what decides which files install and which markers hold.

    *python* always has a patch release; where *exact* is false it stands for every patch release of its minor version
    and is ``X.Y.0``. *libc* is there on Linux, *macos* (major, minor) on macOS, as the oldest version that must do.
    *name* is what the user calls it, "" where there is but one.
    """

    python: Version
    exact: bool
    platform: Platform
    libc: Libc | None = None
    macos: tuple[int, int] | None = None
    name: str = ""

    @property
    def python_text(self) -> str:
        """The Python version as the lock writes it: ``3.11``, or ``3.11.7`` where it is exact."""
        return str(self.python) if self.exact else f"{self.python.major}.{self.python.minor}"

    @property
    def floor_text(self) -> str | None:
        """The oldest C library or macOS, None on Windows: ``glibc-2.36``, ``13.0``."""
        if self.macos is not None:
            return f"{self.macos[0]}.{self.macos[1]}"
        return str(self.libc) if self.libc is not None else None

    def __str__(self) -> str:
        floor = f", {'macOS ' if self.macos else ''}{self.floor_text}" if self.floor_text else ""
        return f"CPython {self.python_text} on {self.platform}{floor}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """The marker values of this target (PEP 508), without ``extra``."""
        full = str(self.python)
        os_name, sys_platform, platform_system = _MARKERS[self.platform.system]
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": os_name,
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": platform_system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": f"{self.python.major}.{self.python.minor}",
            "sys_platform": sys_platform,
        }

    def meets(self, marker: str, extra: str = "") -> bool:
        """Say whether *marker*, "" for none, holds here, with *extra* asked for; raises InvalidMarker."""
        key = (marker, extra)
        met = self._met.get(key)
        if met is None:
            met = self._met[key] = not marker or self._evaluate(marker, extra)
        return met

    def _evaluate(self, marker: str, extra: str) -> bool:
        """Say whether *marker* holds; most of what is listed is for another extra, which is seen without parsing it."""
        if _is_for_another_extra(marker, extra):
            return False
        return Marker(marker).evaluate({**self.environment, "extra": extra})

    @cached_property
    def _met(self) -> dict[tuple[str, str], bool]:
        """The markers that were asked for: the same few come up over and over."""
        return {}

    @cached_property
    def tag_ranks(self) -> dict[Tag, int]:
        """Every tag that installs here, with its rank: 0 is preferred."""
        groups, platforms = self._tag_groups, self._platforms
        ranks: dict[Tag, int] = {}
        for interpreter, abi, anywhere in groups:
            for platform in ("any",) if anywhere else platforms:
                ranks.setdefault(Tag(interpreter, abi, platform), len(ranks))
        return ranks

    def rank(self, interpreters: Iterable[str], abis: Iterable[str], platforms: Iterable[str]) -> int | None:
        """Return how much the wheel with these tags (PEP 425) is preferred, 0 being most; None where none installs."""
        groups, places = self._tag_groups, self._platforms
        ranks = [
            (group * len(places)) + (0 if anywhere else places[platform])
            for interpreter in interpreters
            for abi in abis
            for platform in platforms
            for anywhere in (platform == "any",)
            if (group := groups.get((interpreter, abi, anywhere))) is not None and (anywhere or platform in places)
        ]
        return min(ranks, default=None)

    def rank_of_wheel(self, filename: str) -> int | None:
        """Return the rank of the wheel *filename* (PEP 427); raises ValueError for what is not the name of a wheel."""
        parts = filename.removesuffix(".whl").split("-")
        named = len(parts) in (5, 6) and _WHEEL_NAME.fullmatch(parts[0]) and "__" not in parts[0]
        if not named or not all(part[:1].isdigit() for part in parts[2:-3]):
            raise ValueError(f"{filename!r} is not the name of a wheel")
        interpreters, abis, platforms = (part.lower().split(".") for part in parts[-3:])
        return self.rank(interpreters, abis, platforms)

    @property
    def interpreter_tags(self) -> frozenset[tuple[str, str]]:
        """The interpreters and ABIs of the tags that install here."""
        return frozenset((interpreter, abi) for interpreter, abi, _ in self._tag_groups)

    @property
    def platform_tags(self) -> frozenset[str]:
        """The platforms of the tags that install here."""
        return frozenset({*self._platforms, "any"})

    @cached_property
    def _tag_groups(self) -> dict[tuple[str, str, bool], int]:
        """Interpreter, ABI, and whether that is for any platform, each with its place; platforms count within it."""
        python = (self.python.major, self.python.minor)
        interpreter = f"cp{python[0]}{python[1]}"
        tags = [
            *cpython_tags(python, abis=[interpreter], platforms=["here"]),
            *compatible_tags(python, interpreter=interpreter, platforms=["here"]),
        ]
        groups = dict.fromkeys((tag.interpreter, tag.abi, tag.platform == "any") for tag in tags)
        return {group: place for place, group in enumerate(groups)}

    @cached_property
    def _platforms(self) -> dict[str, int]:
        return {platform: place for place, platform in enumerate(dict.fromkeys(self._platform_tags()))}

    @property
    def marker(self) -> str:
        """The marker that holds on this Python and platform and on no other (PEP 751 ``environments``).

        Two Linux targets that differ in nothing but the C library have the same: markers do not know it.
        """
        python = f"python_full_version == '{self.python}'" if self.exact else f"python_version == '{self.python_text}'"
        return (
            f"{python} and implementation_name == 'cpython' and sys_platform == '{self.environment['sys_platform']}' "
            f"and platform_machine == '{self.platform.machine}'"
        )

    def _platform_tags(self) -> Iterator[str]:
        """Yield the platform tags, the most specific first, as pip orders them."""
        if self.platform.system == "windows":
            yield f"win_{self.platform.architecture}"
        elif self.platform.system == "macos":
            yield from mac_platforms(self.macos or OLDEST_MACOS, self.platform.machine)
        else:
            yield from self._linux_tags()

    def _linux_tags(self) -> Iterator[str]:
        machine = self.platform.machine
        libc = self.libc
        if libc is not None and libc.family == "glibc":
            for minor in range(libc.minor, _OLDEST_GLIBC_MINOR[self.platform.architecture] - 1, -1):
                yield f"manylinux_{libc.major}_{minor}_{machine}"
                if minor in _LEGACY_MANYLINUX and libc.major == 2:
                    yield f"{_LEGACY_MANYLINUX[minor]}_{machine}"
        elif libc is not None:
            for minor in range(libc.minor, -1, -1):
                yield f"musllinux_{libc.major}_{minor}_{machine}"
        yield f"linux_{machine}"


def _is_for_another_extra(marker: str, extra: str) -> bool:
    """Say whether it is plain that *marker* does not hold: an ``extra == NAME`` that only ``and`` joins to the rest.

    Strings are read whole, as one may hold what reads as a marker; what parentheses hold is not looked at.
    """
    if "extra ==" not in marker:
        return False
    depth, other = 0, False
    for double, single, sign in _MARKER_TOKEN.findall(marker):
        name = double or single
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif sign and not depth:
            return False
        elif name and name != extra and not depth:
            other = other or not extra or canonicalize_name(name) != canonicalize_name(extra)
    return other and not depth


def parse_python(text: str) -> tuple[Version, bool]:
    """Return the Python version that *text* names and whether it is exact; a bare ``3.11`` is 3.11.0, not exact.

    Raises InputError for what is no version of CPython from 3.8.
    """
    match = re.fullmatch(r"3\.(\d{1,3})(\.\d{1,3}(?:(?:a|b|rc)\d+)?)?", text)
    try:
        version = Version(text if match and match[2] else f"{text}.0")
    except InvalidVersion:
        match = None
    if match is None or int(match[1]) < 8:
        raise InputError(repr(text), "not a CPython version", hint="write 3.11 or 3.11.7; 3.8 is the oldest")
    return version, match[2] is not None


def parse_platform(text: str) -> Platform:
    """Return the platform that ``linux/amd64``, ``macos/arm64`` and the like name; raises InputError for others.

    The variants that Docker writes behind them are levels of the processor, which wheels know nothing of.
    """
    system, _, architecture = re.sub(_VARIANT, r"\1", text).partition("/")
    if system not in _SYSTEMS or architecture not in _ARCHITECTURES:
        raise InputError(
            repr(text),
            "not a platform that lockml knows",
            hint="write linux/amd64 or linux/arm64, or the same of macos or windows",
        )
    return Platform(system=_SYSTEMS[system], architecture=_ARCHITECTURES[architecture])


def parse_libc(text: str) -> Libc:
    """Return the C library that ``glibc-2.36`` or ``musl-1.2`` names; raises InputError for others."""
    match = re.fullmatch(r"(glibc|musl)-([12])\.(\d{1,3})", text)
    if match is None or (match[1] == "glibc") != (match[2] == "2"):
        raise InputError(repr(text), "not a C library version", hint="write glibc-2.36 or musl-1.2")
    return Libc(family="glibc" if match[1] == "glibc" else "musl", major=int(match[2]), minor=int(match[3]))


def parse_macos(text: str) -> tuple[int, int]:
    """Return the macOS version that ``14`` or ``13.0`` names; raises InputError for others."""
    match = re.fullmatch(r"(\d{2})(?:\.(\d{1,2}))?", text)
    if match is None:
        raise InputError(repr(text), "not a version of macOS", hint="write 13.0")
    return int(match[1]), int(match[2] or 0)


def parse_target(text: str) -> Target:
    """Return the target that ``[NAME=]PYTHON-SYSTEM/ARCHITECTURE[-FLOOR]`` names; raises InputError for others.

    For example ``train=3.11-linux/amd64-glibc-2.36``, ``3.12-macos/arm64-14.0``, ``dev=3.12-windows/amd64``.
    """
    name, equals, rest = text.partition("=")
    name, rest = (name, rest) if equals else ("", name)
    python_text, _, rest = rest.partition("-")
    platform_text, _, floor = rest.partition("-")
    if not re.fullmatch(r"[A-Za-z0-9._-]*", name):
        raise InputError(repr(text), "its name may hold letters, digits and . _ - only")
    try:
        python, exact = parse_python(python_text)
        platform = parse_platform(platform_text)
        libc = parse_libc(floor) if platform.system == "linux" else None
        macos = parse_macos(floor) if platform.system == "macos" and floor else None
    except InputError as error:
        raise InputError(repr(text), f"{error.subject} is {error.problem}", hint=_TARGETS) from error
    if platform.system == "windows" and floor:
        raise InputError(repr(text), "one part too much: Windows has no oldest version to name", hint=_TARGETS)
    if platform.system == "macos":
        macos = macos or OLDEST_MACOS
    return Target(python=python, exact=exact, platform=platform, libc=libc, macos=macos, name=name)
