"""The target that this interpreter is: taken where the command line names none."""

import os
import platform

from packaging.tags import sys_tags
from packaging.version import Version

from lockml.errors import InputError
from lockml.target import Libc, Target, parse_libc, parse_platform, parse_python

__all__ = ["choose_target"]


def choose_target(python: str | None, machine: str | None, libc: str | None) -> tuple[Target, tuple[str, ...]]:
    """Return the target that the options name, and which of its parts were taken from this machine.

    Raises InputError for an option that names nothing, or for a part that this machine cannot give.
    """
    taken: list[str] = []
    version, exact = parse_python(python) if python else (Version(platform.python_version()), True)
    if python is None:
        taken.append(f"Python {version}")
    chosen_machine = parse_platform(machine) if machine else _this_machine()
    if machine is None:
        taken.append(f"platform {machine or platform.machine()}")
    chosen_libc = parse_libc(libc) if libc else _this_libc()
    if libc is None:
        taken.append(str(chosen_libc))
    return Target(python=version, exact=exact, machine=chosen_machine, libc=chosen_libc), tuple(taken)


def _this_machine() -> str:
    try:
        return parse_platform(f"{platform.system().lower()}/{platform.machine()}")
    except InputError as error:
        raise InputError(
            f"this machine ({platform.system()} {platform.machine()})",
            "is no target that lockml knows",
            hint="name the container's: --platform linux/amd64 --libc glibc-2.36",
        ) from error


def _this_libc() -> Libc:
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        if name == "glibc":
            return parse_libc(f"glibc-{'.'.join(version.split('.')[:2])}")
    except (ValueError, OSError, AttributeError):
        pass  # no glibc here
    for tag in sys_tags():
        if tag.platform.startswith("musllinux_"):
            _, major, minor, _ = tag.platform.split("_", 3)
            return parse_libc(f"musl-{major}.{minor}")
    raise InputError(
        "this machine", "has no C library that lockml knows", hint="name the container's: --libc glibc-2.36"
    )
