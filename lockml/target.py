"""What is locked for: text such as ``3.11``, ``linux/amd64``, ``glibc-2.36`` in; tags and marker values out.

Tags: PEP 425, manylinux PEP 600 (legacy names PEP 513, 571, 599), musllinux PEP 656. Markers: PEP 508.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.version import InvalidVersion, Version

from lockml.errors import InputError

__all__ = ["Libc", "Target", "parse_libc", "parse_platform", "parse_python"]

ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
_ARCHITECTURE_NAMES: Final = {**ARCHITECTURES, "x86_64": "x86_64", "aarch64": "aarch64"}
_OLDEST_GLIBC_MINOR: Final = {"x86_64": 5, "aarch64": 17}  # PEP 600: what the first manylinux of an architecture named
_LEGACY_MANYLINUX: Final = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Libc:
    """The C library of a target: its family and the version that is at least there."""

    family: Literal["glibc", "musl"]
    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.family}-{self.major}.{self.minor}"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A Python on a platform: what decides which files install and which markers hold.

    *python* always has a patch release; where *exact* is false it stands for every patch release of its minor version
    and is ``X.Y.0``. *machine* is the kernel's name of the architecture (``x86_64``).
    """

    python: Version
    exact: bool
    machine: str
    libc: Libc

    @property
    def python_text(self) -> str:
        """The Python version as the lock writes it: ``3.11``, or ``3.11.7`` where it is exact."""
        return str(self.python) if self.exact else f"{self.python.major}.{self.python.minor}"

    @property
    def platform_text(self) -> str:
        """The platform in the engines' words: ``linux/amd64``."""
        return "linux/" + next(name for name, machine in ARCHITECTURES.items() if machine == self.machine)

    def __str__(self) -> str:
        return f"CPython {self.python_text} on {self.platform_text}, {self.libc}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """The marker values of this target (PEP 508), without ``extra``."""
        full = str(self.python)
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": f"{self.python.major}.{self.python.minor}",
            "sys_platform": "linux",
        }

    @cached_property
    def tag_ranks(self) -> dict[Tag, int]:
        """Every tag that installs here, with its rank: 0 is preferred."""
        python = (self.python.major, self.python.minor)
        interpreter = f"cp{python[0]}{python[1]}"
        platforms = list(_platform_tags(self.machine, self.libc))
        ranks: dict[Tag, int] = {}
        for tag in cpython_tags(python, abis=[interpreter], platforms=platforms):
            ranks.setdefault(tag, len(ranks))
        for tag in compatible_tags(python, interpreter=interpreter, platforms=platforms):
            ranks.setdefault(tag, len(ranks))
        return ranks

    @property
    def marker(self) -> str:
        """The marker that holds on this target and no other (PEP 751 ``environments``)."""
        python = f"python_full_version == '{self.python}'" if self.exact else f"python_version == '{self.python_text}'"
        return (
            f"{python} and implementation_name == 'cpython' and sys_platform == 'linux' "
            f"and platform_machine == '{self.machine}'"
        )


def _platform_tags(machine: str, libc: Libc) -> Iterator[str]:
    """Yield the platform tags of a Linux target, the most specific first, as pip orders them."""
    if libc.family == "glibc":
        for minor in range(libc.minor, _OLDEST_GLIBC_MINOR[machine] - 1, -1):
            yield f"manylinux_{libc.major}_{minor}_{machine}"
            if minor in _LEGACY_MANYLINUX and libc.major == 2:
                yield f"{_LEGACY_MANYLINUX[minor]}_{machine}"
    else:
        for minor in range(libc.minor, -1, -1):
            yield f"musllinux_{libc.major}_{minor}_{machine}"
    yield f"linux_{machine}"


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
        raise InputError(f"--python {text!r}", "not a CPython version", hint="write 3.11 or 3.11.7; 3.8 is the oldest")
    return version, match[2] is not None


def parse_platform(text: str) -> str:
    """Return the kernel's architecture name for ``linux/amd64`` or ``linux/arm64``; raises InputError for others."""
    system, _, architecture = text.partition("/")
    machine = _ARCHITECTURE_NAMES.get(architecture)
    if system != "linux" or machine is None:
        raise InputError(
            f"--platform {text!r}", "not a platform that lockml knows", hint="write linux/amd64 or linux/arm64"
        )
    return machine


def parse_libc(text: str) -> Libc:
    """Return the C library that ``glibc-2.36`` or ``musl-1.2`` names; raises InputError for others."""
    match = re.fullmatch(r"(glibc|musl)-([12])\.(\d{1,3})", text)
    if match is None or (match[1] == "glibc") != (match[2] == "2"):
        raise InputError(f"--libc {text!r}", "not a C library version", hint="write glibc-2.36 or musl-1.2")
    return Libc(family="glibc" if match[1] == "glibc" else "musl", major=int(match[2]), minor=int(match[3]))
