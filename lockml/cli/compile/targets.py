"""The targets that the options name; what they leave open is taken from this machine."""

import os
import platform

from packaging.tags import sys_tags
from packaging.version import Version

from lockml.cli.common.options import parse_value
from lockml.common.errors import InputError
from lockml.common.target import Libc, Platform, Target, parse_libc, parse_macos, parse_platform, parse_python

__all__ = ["choose_target"]

_NAME_IT = "name the container's: --platform linux/amd64 --libc glibc-2.36"


def choose_target(python: str | None, system: str | None, libc: str | None) -> tuple[Target, tuple[str, ...]]:
    """Return the target that the options name, and which of its parts were taken from this machine.

    Raises InputError for an option that names nothing, or for a part that this machine cannot give.
    """
    taken: list[str] = []
    version, exact = (
        parse_value("--python", python, parse_python) if python else (Version(platform.python_version()), True)
    )
    if python is None:
        taken.append(f"Python {version}")
    chosen = parse_value("--platform", system, parse_platform) if system else _this_platform()
    if system is None:
        taken.append(f"platform {chosen}")
    chosen_libc, macos = None, None
    if chosen.system == "linux":
        chosen_libc = parse_value("--libc", libc, parse_libc) if libc else _this_libc()
        if libc is None:
            taken.append(str(chosen_libc))
    elif libc:
        raise InputError(f"--libc {libc!r}", f"{chosen} has no C library to name")
    elif chosen.system == "macos":
        macos = parse_macos(".".join(platform.mac_ver()[0].split(".")[:2]) or "13.0")
    return Target(python=version, exact=exact, platform=chosen, libc=chosen_libc, macos=macos), tuple(taken)


def _this_platform() -> Platform:
    try:
        return parse_platform(f"{platform.system().lower()}/{platform.machine().lower()}")
    except InputError as error:
        raise InputError(
            f"this machine ({platform.system()} {platform.machine()})",
            "is no target that lockml knows",
            hint=_NAME_IT,
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
    raise InputError("this machine", "has no C library that lockml knows", hint=_NAME_IT)
