"""The targets that the options name; what they leave open is taken from their base image, or from this machine."""

import os
import platform
from collections.abc import Iterable
from typing import NamedTuple

from packaging.tags import sys_tags
from packaging.version import Version

from lockml.cli.common.options import parse_value
from lockml.cli.compile.notes import Note
from lockml.cli.compile.options import TargetOptions
from lockml.common.errors import InputError
from lockml.common.target import (
    Libc,
    Platform,
    Target,
    parse_libc,
    parse_macos,
    parse_platform,
    parse_python,
    parse_target,
)
from lockml.lock.model import BaseImage, Lock

__all__ = ["ChosenTargets", "choose_targets", "host_target"]

_NAME_IT = "name the container's: --platform linux/amd64 --libc glibc-2.36"


class ChosenTargets(NamedTuple):
    """What is locked for; the *notes* name the parts that this machine gave."""

    targets: tuple[Target, ...]
    notes: tuple[Note, ...]
    base_image: BaseImage | None


def choose_targets(options: TargetOptions, lock: Lock | None, *, opens_image: bool = True) -> ChosenTargets:
    """Return the targets that *options* name, those of their base image where they leave it open, else the *lock*'s.

    Unless *opens_image*, a lock that was made for that image says what it is. They are sorted, so that their order on
    the command line decides nothing. Raises InputError, UnreachableError.
    """
    if not options.named and not options.retarget and lock is not None and lock.targets:
        return ChosenTargets(_sorted(lock.targets), (), lock.base_image)
    base: BaseImage | None = None
    if options.base_image is not None:
        from lockml.cli.compile.base_image import with_base_image

        options, base = with_base_image(options, None if opens_image else lock)
    if not options.target:
        target, from_host = _one_target(options)
        text = f"Taken from this machine: {', '.join(from_host)} (see --python, --platform, --libc)"
        return ChosenTargets((target,), (Note("host-target", text),) if from_host else (), base)
    single = {"--python": options.python, "--platform": options.platform, "--libc": options.libc}
    beside = [name for name, value in single.items() if value]
    if beside:
        raise InputError(beside[0], "cannot be given beside --target, which says it all")
    targets = tuple(parse_value("--target", each, parse_target) for each in options.target)
    for target in targets:
        if len([other for other in targets if (other.name or str(other)) == (target.name or str(target))]) > 1:
            raise InputError(f"--target {target.name or str(target)!r}", "is given more than once")
    return ChosenTargets(_sorted(targets), (), base)


def _sorted(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(sorted(targets, key=lambda each: (each.python, str(each), each.name)))


def host_target() -> Target:
    """Return what this machine is; raises InputError where lockml knows no such target."""
    return _one_target(
        TargetOptions(base_image=None, python=None, platform=None, libc=None, target=(), retarget=False)
    )[0]


def _one_target(options: TargetOptions) -> tuple[Target, tuple[str, ...]]:
    """Return the target of --python, --platform and --libc, and which of its parts were taken from this machine."""
    from_host: list[str] = []
    if options.python:
        python, exact = parse_value("--python", options.python, parse_python)
    else:
        python, exact = Version(platform.python_version()), True
        from_host.append(f"Python {python}")
    system = parse_value("--platform", options.platform, parse_platform) if options.platform else _this_platform()
    if not options.platform:
        from_host.append(f"platform {system}")
    libc, macos = None, None
    if system.system == "linux":
        libc = parse_value("--libc", options.libc, parse_libc) if options.libc else _this_libc()
        if not options.libc:
            from_host.append(str(libc))
    elif options.libc:
        raise InputError(f"--libc {options.libc!r}", f"{system} has no C library to name")
    elif system.system == "macos":
        macos = parse_macos(".".join(platform.mac_ver()[0].split(".")[:2]) or "13.0")
    return Target(python=python, exact=exact, platform=system, libc=libc, macos=macos), tuple(from_host)


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
