"""Define targets, such as ``3.11`` on ``linux/amd64`` with ``glibc-2.36``: their tags and marker values.

Tags: PEP 425 (`lockml.common.tags`). Markers: PEP 508.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import Final

from msgspec import Struct
from packaging.markers import Marker
from packaging.tags import Tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import InputError
from lockml.common.platforms import (
    OLDEST_MACOS,
    Libc,
    Platform,
    System,
    parse_libc,
    parse_macos,
    parse_platform,
)
from lockml.common.pythons import IMPLEMENTATIONS, PYPYS, Implementation, Python, parse_python
from lockml.common.tags import (
    ListedTags,
    Tags,
    cpython_groups,
    linux_platforms,
    macos_platforms,
    pypy_groups,
)

__all__ = [
    "OLDEST_MACOS",
    "Implementation",
    "Libc",
    "Platform",
    "Python",
    "Target",
    "parse_libc",
    "parse_macos",
    "parse_platform",
    "parse_python",
    "parse_target",
]

_MARKER_TOKEN: Final = re.compile(r"""\bextra == (?:"([^"]*)"|'([^']*)')|"[^"]*"|'[^']*'|([()]|\bor\b)""")
_WHEEL_NAME: Final = re.compile(r"[\w.]+")
_MARKERS: Final[dict[System, tuple[str, str, str]]] = {  # os_name, sys_platform, platform_system
    "linux": ("posix", "linux", "Linux"),
    "macos": ("posix", "darwin", "Darwin"),
    "windows": ("nt", "win32", "Windows"),
}
_TARGETS: Final = "write 3.11-linux/amd64-glibc-2.36, 3.12-macos/arm64-14.0 or 3.12-windows/amd64"

_KEPT: Final = 32  # targets, each with about a thousand tags


class Target(Struct, frozen=True, kw_only=True, dict=True):
    """A Python on a platform, which decides the files that install and the markers that apply.

    *python* always has a patch release; if *exact* is false, it is ``X.Y.0`` and means every patch release of its minor
    version. *libc* is set on Linux, *macos* (major, minor) on macOS, as the oldest supported version. *name* is the
    user's name for it, "" if there is only one target. *tags* are those that the user listed, preferred ones first, ()
    if they follow from the rest; with *tags*, the C library may be None.
    """

    python: Version
    exact: bool
    platform: Platform
    libc: Libc | None = None
    macos: tuple[int, int] | None = None
    name: str = ""
    implementation: Implementation = "cpython"
    free_threaded: bool = False
    tags: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        python: Python,
        platform: Platform,
        *,
        libc: Libc | None = None,
        macos: tuple[int, int] | None = None,
        name: str = "",
        tags: tuple[str, ...] = (),
    ) -> "Target":
        """Return the target of *python* on *platform*."""
        return cls(
            python=python.version,
            exact=python.exact,
            implementation=python.implementation,
            free_threaded=python.free_threaded,
            platform=platform,
            libc=libc,
            macos=macos,
            name=name,
            tags=tags,
        )

    @property
    def python_text(self) -> str:
        """The Python as the lock writes it: ``3.11``, ``3.11.7`` if it is exact, ``3.14t``, ``pypy3.10``."""
        return str(Python(self.python, self.exact, self.implementation, self.free_threaded))

    @property
    def minor_text(self) -> str:
        """The Python without its patch release: ``3.11``, ``3.14t``, ``pypy3.10``."""
        return str(Python(self.python, False, self.implementation, self.free_threaded))

    @property
    def floor_text(self) -> str | None:
        """The oldest C library or macOS, None on Windows: ``glibc-2.36``, ``13.0``."""
        if self.macos is not None:
            return f"{self.macos[0]}.{self.macos[1]}"
        return str(self.libc) if self.libc is not None else None

    def __str__(self) -> str:
        floor = f", {'macOS ' if self.macos else ''}{self.floor_text}" if self.floor_text else ""
        tags = f", {len(self.tags)} tags ({_short_digest(self.tags)})" if self.tags else ""
        python = self.python_text.removeprefix(self.implementation)
        return f"{IMPLEMENTATIONS[self.implementation]} {python} on {self.platform}{floor}{tags}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """The marker values of this target (PEP 508), without ``extra``."""
        full = str(self.python)
        os_name, sys_platform, platform_system = _MARKERS[self.platform.system]
        return {
            "implementation_name": self.implementation,
            "implementation_version": full if self.implementation == "cpython" else PYPYS[self.python.minor],
            "os_name": os_name,
            "platform_machine": self.platform.machine,
            "platform_python_implementation": IMPLEMENTATIONS[self.implementation],
            "platform_release": "",
            "platform_system": platform_system,
            "platform_version": "",
            "python_full_version": full,
            "python_version": f"{self.python.major}.{self.python.minor}",
            "sys_platform": sys_platform,
        }

    def meets(self, marker: str, extra: str = "") -> bool:
        """Return whether *marker*, "" for none, holds here, with *extra* requested; raises InvalidMarker."""
        key = (marker, extra)
        met = self._met.get(key)
        if met is None:
            met = self._met[key] = not marker or self._evaluate(marker, extra)
        return met

    def _evaluate(self, marker: str, extra: str) -> bool:
        """Return whether *marker* holds; most markers are for another extra, which needs no parsing to see."""
        if _is_for_another_extra(marker, extra):
            return False
        return Marker(marker).evaluate({**self.environment, "extra": extra})

    @cached_property
    def _met(self) -> dict[tuple[str, str], bool]:
        """The cached markers: the same few recur."""
        return {}

    @property
    def tag_ranks(self) -> Mapping[Tag, int]:
        """Every tag that installs here, with its rank: 0 is preferred."""
        return _tag_ranks(self)

    def rank_of_wheel(self, filename: str) -> int | None:
        """Return the rank of the wheel *filename* (PEP 427), 0 is preferred, None if it does not install.

        Raises ValueError for anything but the name of a wheel.
        """
        parts = filename.removesuffix(".whl").split("-")
        named = len(parts) in (5, 6) and _WHEEL_NAME.fullmatch(parts[0]) and "__" not in parts[0]
        if not named or not all(part[:1].isdigit() for part in parts[2:-3]):
            raise ValueError(f"{filename!r} is not the name of a wheel")
        interpreters, abis, platforms = (part.lower().split(".") for part in parts[-3:])
        return self._tags.rank(interpreters, abis, platforms)

    def may_load(self, filename: str) -> bool:
        """Return whether *filename* is not a wheel, or one whose tags install here; its other parts do not matter.

        Most wheels of a release are for other targets, and the same tags recur.
        """
        tags = filename.removesuffix(".whl").rsplit("-", 3)[1:]
        if len(tags) < 3 or not filename.endswith(".whl"):
            return True
        key = (tags[0], tags[1], tags[2])
        loads = self._loads.get(key)
        if loads is None:
            loads = self._loads[key] = self._tags.rank(*(tag.lower().split(".") for tag in tags)) is not None
        return loads

    @cached_property
    def _loads(self) -> dict[tuple[str, str, str], bool]:
        """The cached answers which tags, as in names of wheels, install here."""
        return {}

    @property
    def interpreter_tags(self) -> frozenset[tuple[str, str]]:
        """The interpreters and ABIs of the tags that install here."""
        return self._tags.interpreters()

    @property
    def platform_tags(self) -> frozenset[str]:
        """The platforms of the tags that install here."""
        return self._tags.places()

    @cached_property
    def _tags(self) -> Tags | ListedTags:
        if self.tags:
            return ListedTags.of(self.tags)
        minor = self.python.minor
        cpython = self.implementation == "cpython"
        groups = cpython_groups(minor, free_threaded=self.free_threaded) if cpython else pypy_groups(minor)
        return Tags(groups, {order: number for number, order in enumerate(dict.fromkeys(self._platforms()))})

    def _platforms(self) -> Iterable[str]:
        """Return the platform tags, most specific first."""
        if self.platform.system == "windows":
            return (f"win_{self.platform.architecture}",)
        if self.platform.system == "macos":
            return macos_platforms(self.macos or OLDEST_MACOS, self.platform.machine)
        libc = self.libc
        return linux_platforms(self.platform.machine, *((libc.family, libc.major, libc.minor) if libc else ("", 0, 0)))

    @property
    def marker(self) -> str:
        """The marker that holds on this Python and platform and on no other (PEP 751 ``environments``).

        Two targets that only differ in the C library, the build (with the GIL or free-threaded) or their tags have the
        same marker: markers do not cover these.
        """
        minor = f"{self.python.major}.{self.python.minor}"
        python = f"python_full_version == '{self.python}'" if self.exact else f"python_version == '{minor}'"
        return (
            f"{python} and implementation_name == '{self.implementation}' "
            f"and sys_platform == '{self.environment['sys_platform']}' "
            f"and platform_machine == '{self.platform.machine}'"
        )


def _short_digest(tags: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(tags).encode("ascii")).hexdigest()[:16]


@lru_cache(maxsize=_KEPT)
def _tag_ranks(target: Target) -> Mapping[Tag, int]:
    """Return the tags of *target*, computed once for equal targets: many locks of a project share a few."""
    return target._tags.ranks()


def _is_for_another_extra(marker: str, extra: str) -> bool:
    """Return whether *marker* clearly does not hold: an ``extra == NAME`` joined to the rest only by ``and``.

    Strings are read as a whole, as one may contain text that looks like a marker; parentheses are skipped.
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


def parse_target(text: str) -> Target:
    """Return the target that ``[NAME=]PYTHON-SYSTEM/ARCHITECTURE[-FLOOR]`` names; raises InputError for others.

    For example ``train=3.11-linux/amd64-glibc-2.36``, ``3.12-macos/arm64-14.0``, ``dev=3.12-windows/amd64``.
    """
    name, equals, rest = text.partition("=")
    name, rest = (name, rest) if equals else ("", name)
    python_text, _, rest = rest.partition("-")
    platform_text, _, floor = rest.partition("-")
    if not re.fullmatch(r"[A-Za-z0-9._-]*", name):
        raise InputError(repr(text), "its name may only contain letters, digits and . _ -")
    if not platform_text:
        raise InputError(repr(text), "names no platform", hint=_TARGETS)
    if platform_text.startswith("linux/") and not floor:
        raise InputError(repr(text), "names no C library", hint=_TARGETS)
    try:
        python = parse_python(python_text)
        platform = parse_platform(platform_text)
        libc = parse_libc(floor) if platform.system == "linux" else None
        macos = parse_macos(floor) if platform.system == "macos" and floor else None
    except InputError as error:
        raise InputError(repr(text), f"{error.subject} is {error.problem}", hint=_TARGETS) from error
    if platform.system == "windows" and floor:
        raise InputError(repr(text), "one part too many: Windows targets have no minimum version", hint=_TARGETS)
    if platform.system == "macos":
        macos = macos or OLDEST_MACOS
    return Target.of(python, platform, libc=libc, macos=macos, name=name)
