"""Parse platforms, C libraries and macOS versions: ``linux/arm/v7``, ``glibc-2.36``, ``14.0``."""

import re
from typing import Final, Literal

from msgspec import Struct

from lockml.common.errors import InputError

__all__ = [
    "OLDEST_MACOS",
    "Libc",
    "Platform",
    "System",
    "parse_libc",
    "parse_macos",
    "parse_platform",
    "platform_of_machine",
]

System = Literal["linux", "macos", "windows"]

OLDEST_MACOS: Final = (13, 0)  # the version of a macOS target that names none
_SYSTEMS: Final[dict[str, System]] = {"linux": "linux", "macos": "macos", "darwin": "macos", "windows": "windows"}
_ARCHITECTURES: Final = {  # container engines' names for those of engines and uname
    "amd64": "amd64",
    "x86_64": "amd64",
    "arm64": "arm64",
    "aarch64": "arm64",
    "386": "386",
    "i386": "386",
    "i686": "386",
    "arm": "arm/v7",
    "arm/v7": "arm/v7",
    "armv7l": "arm/v7",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "riscv64": "riscv64",
}
_MACHINES: Final[dict[System, dict[str, str]]] = {  # the values of platform.machine()
    "linux": {
        "amd64": "x86_64",
        "arm64": "aarch64",
        "386": "i686",
        "arm/v7": "armv7l",
        "ppc64le": "ppc64le",
        "s390x": "s390x",
        "riscv64": "riscv64",
    },
    "macos": {"amd64": "x86_64", "arm64": "arm64"},
    "windows": {"amd64": "AMD64", "arm64": "ARM64"},
}
_VARIANT: Final = r"^(linux/(?:arm64(?=/v[89]$)|amd64(?=/v[1-4]$)))/v\d$"
_OLDEST_GLIBC: Final = 5  # the first version in PEP 600
_NEWEST_MINOR: Final = 99  # the highest minor version, decades from now


class Libc(Struct, frozen=True, kw_only=True):
    """The C library of a target: its family and minimum version."""

    family: Literal["glibc", "musl"]
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.family}-{self.major}.{self.minor}"


class Platform(Struct, frozen=True, kw_only=True):
    """A system and an architecture, in the terms of container engines: ``amd64``, ``arm64``, ``arm/v7``."""

    system: System
    architecture: str

    @property
    def machine(self) -> str:
        """The value of ``platform.machine()`` on the platform."""
        return _MACHINES[self.system][self.architecture]

    def __str__(self) -> str:
        return f"{self.system}/{self.architecture}"


def parse_platform(text: str) -> Platform:
    """Return the platform that ``linux/amd64``, ``macos/arm64`` and the like name; raises InputError for others.

    Docker's variants of amd64 and arm64 are processor levels, which wheels do not distinguish.
    """
    named, _, word = re.sub(_VARIANT, r"\1", text).partition("/")
    system, architecture = _SYSTEMS.get(named), _ARCHITECTURES.get(word, "")
    if system is None or architecture not in _MACHINES[system]:
        raise InputError(
            repr(text),
            "not a platform that lockml knows",
            hint=f"write linux/ and {', '.join(_MACHINES['linux'])}, or macos/ or windows/ and amd64 or arm64",
        )
    return Platform(system=system, architecture=architecture)


def platform_of_machine(machine: str | None) -> str | None:
    """Return ``linux/amd64`` and the like for the output of ``uname -m``, None for unknown machines."""
    known = {name: architecture for architecture, name in _MACHINES["linux"].items()}
    return f"linux/{known[machine]}" if machine in known else None


def parse_libc(text: str) -> Libc:
    """Return the C library that ``glibc-2.36`` or ``musl-1.2`` names; raises InputError for others."""
    match = re.fullmatch(r"(?:(glibc)-2|(musl)-1)\.([0-9]{1,3})", text)
    if match is None or int(match[3]) > _NEWEST_MINOR:
        raise InputError(repr(text), "not a C library version", hint="write glibc-2.36 or musl-1.2")
    if match[1] and int(match[3]) < _OLDEST_GLIBC:
        raise InputError(repr(text), "older than any manylinux wheel", hint=f"write glibc-2.{_OLDEST_GLIBC} or newer")
    return Libc(family="glibc" if match[1] else "musl", major=2 if match[1] else 1, minor=int(match[3]))


def parse_macos(text: str) -> tuple[int, int]:
    """Return the macOS version that ``14`` or ``13.0`` names; raises InputError for others."""
    match = re.fullmatch(r"([0-9]{2})(?:\.([0-9]{1,2}))?", text)
    if match is None:
        raise InputError(repr(text), "not a version of macOS", hint="write 13.0")
    return int(match[1]), int(match[2] or 0)
