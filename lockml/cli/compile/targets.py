"""The targets that the options name; the rest comes from the base image, or from this machine."""

import os
import platform
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from packaging.tags import sys_tags

from lockml.cli.common.files import read_file
from lockml.cli.common.options import parse_value
from lockml.cli.compile.notes import Note
from lockml.cli.compile.options import TargetOptions
from lockml.common.errors import InputError
from lockml.common.tag_lists import newest_libc, newest_macos, parse_tag_list, require_fit
from lockml.common.target import (
    OLDEST_MACOS,
    Libc,
    Platform,
    Python,
    Target,
    parse_libc,
    parse_macos,
    parse_platform,
    parse_python,
    parse_target,
)
from lockml.lock.model import BaseImage, Lock

if TYPE_CHECKING:
    from lockml.cli.compile.image.provided import ImageProvides

__all__ = ["ChosenTargets", "choose_targets", "host_target"]

_NAME_IT = "name those of the container: --platform linux/amd64 --libc glibc-2.36"


class ChosenTargets(NamedTuple):
    """The targets to lock for; the *notes* name the parts that come from this machine."""

    targets: tuple[Target, ...]
    notes: tuple[Note, ...]
    base_image: BaseImage | None
    provides: "ImageProvides | None" = None


def choose_targets(
    options: TargetOptions, lock: Lock | None, *, opens_image: bool = True, read: Callable[[str], bytes] = read_file
) -> ChosenTargets:
    """Return the targets that *options* name, else those of their base image, else those of the *lock*.

    Unless *opens_image*, a lock for that image supplies its facts; *read* reads the list of tags. Targets are
    sorted, so that their order on the command line does not matter. Raises InputError, UnreachableError.
    """
    if not options.named and not options.retarget and lock is not None and lock.targets:
        return _as_locked(options, lock, opens_image=opens_image)
    notes: tuple[Note, ...] = ()
    base, provides = None, None
    if options.base_image is not None:
        options = _with_locked_provided(options, lock)
        options, base, provides, notes = _image_facts(options, None if opens_image else lock)
    elif options.provided:
        raise InputError("--provided", "needs a base image", hint="name it with --base-image")
    if not options.target:
        target, from_host = _one_target(options, read)
        text = f"Using this machine's {', '.join(from_host)} (see --python, --platform, --libc)"
        from_here = (Note("host-target", text),) if from_host else ()
        return ChosenTargets((target,), (*notes, *from_here), base, provides)
    single = {"--python": options.python, "--platform": options.platform, "--libc": options.libc}
    single |= {"--tags": options.tags}
    beside = [name for name, value in single.items() if value]
    if beside:
        raise InputError(beside[0], "cannot be used with --target, which includes it")
    targets = tuple(parse_value("--target", each, parse_target) for each in options.target)
    for target in targets:
        if len([other for other in targets if (other.name or str(other)) == (target.name or str(target))]) > 1:
            raise InputError(f"--target {target.name or str(target)!r}", "is given twice")
    return ChosenTargets(_sorted(targets), notes, base, provides)


def _with_locked_provided(options: TargetOptions, lock: Lock | None) -> TargetOptions:
    """Return *options* with what *lock* takes from the same image, unless they set or refuse it."""
    image = lock.base_image if lock is not None and not options.retarget else None
    if lock is None or image is None or options.provided or options.target or not lock.provided.selection:
        return options
    if options.base_image not in (image.reference, f"{image.kind}:{image.reference}"):
        return options
    mode = options.provided_mode or lock.provided.mode
    return options._replace(provided=lock.provided.selection, provided_mode=mode)  # type: ignore[arg-type]  # one of them


def _as_locked(options: TargetOptions, lock: Lock, *, opens_image: bool) -> ChosenTargets:
    """Return the targets of *lock*; its base image is opened again if it provides packages."""
    image = lock.base_image
    if image is None or not (options.provided or lock.provided.selection):
        if options.provided:
            raise InputError(
                "--provided", "needs a base image, but the lock has none", hint="name one with --base-image"
            )
        return ChosenTargets(_sorted(lock.targets), (), image)
    named = options._replace(
        base_image=f"{image.kind}:{image.reference}" if image.kind else image.reference,
        provided=options.provided or lock.provided.selection,
        provided_mode=options.provided_mode or lock.provided.mode,  # type: ignore[arg-type]  # or refused as unknown
        platform=str(lock.targets[0].platform),
        base_constraints=options.base_constraints and "--no-base-constraints" not in lock.made_with.command,
    )
    facts = _image_facts(named, None if opens_image else lock)
    base = replace(facts[1], gives_target=image.gives_target)
    return ChosenTargets(_sorted(lock.targets), facts[3], base, facts[2])


def _image_facts(
    options: TargetOptions, lock: Lock | None
) -> tuple[TargetOptions, BaseImage, "ImageProvides", tuple[Note, ...]]:
    from lockml.cli.compile.image.base_image import read_base_image

    facts = read_base_image(options, lock)
    return facts.options, facts.image, facts.provides, tuple(Note("input", text) for text in facts.notes)


def _sorted(targets: Iterable[Target]) -> tuple[Target, ...]:
    return tuple(sorted(targets, key=lambda each: (each.python, str(each), each.name)))


def host_target() -> Target:
    """Return the target of this machine; raises InputError if lockml does not support it."""
    return _one_target(
        TargetOptions(base_image=None, python=None, platform=None, libc=None, target=(), retarget=False), read_file
    )[0]


def _one_target(options: TargetOptions, read: Callable[[str], bytes]) -> tuple[Target, tuple[str, ...]]:
    """Return the target of --python, --platform, --libc and --tags, and which parts come from this machine."""
    from_host: list[str] = []
    python = parse_value("--python", options.python, parse_python) if options.python else _this_python()
    if not options.python:
        from_host.append(f"Python {python}")
    system = parse_value("--platform", options.platform, parse_platform) if options.platform else _this_platform()
    if not options.platform:
        from_host.append(f"platform {system}")
    tags = parse_tag_list(read(options.tags), options.tags) if options.tags else ()
    if options.tags:
        require_fit(tags, python, system, options.tags)
    libc, macos = None, None
    if options.libc and system.system != "linux":
        raise InputError(f"--libc {options.libc!r}", f"{system} has no C library option")
    if options.libc:
        libc = parse_value("--libc", options.libc, parse_libc)
    elif system.system == "linux":
        libc = newest_libc(tags) if tags else _this_libc()
        from_host += [str(libc)] if not tags else []
    elif system.system == "macos":
        macos = newest_macos(tags) if tags else parse_macos(".".join(platform.mac_ver()[0].split(".")[:2]) or "13.0")
    return Target.of(python, system, libc=libc, macos=macos or _oldest(system), tags=tags), tuple(from_host)


def _oldest(system: Platform) -> tuple[int, int] | None:
    return OLDEST_MACOS if system.system == "macos" else None


def _this_python() -> Python:
    """Return the Python that runs lockml; raises InputError if lockml does not support it."""
    name = platform.python_implementation()
    prefix = "" if name == "CPython" else name.lower()
    threads = "t" if not prefix and "t" in getattr(sys, "abiflags", "") else ""
    try:
        return parse_python(f"{prefix}{platform.python_version().removesuffix('+')}{threads}")
    except InputError as error:
        hint = "name that of the container: --python 3.11"
        raise InputError(f"this Python ({name} {platform.python_version()})", error.problem, hint=hint) from error


def _this_platform() -> Platform:
    try:
        return parse_platform(f"{platform.system().lower()}/{platform.machine().lower()}")
    except InputError as error:
        raise InputError(
            f"this machine ({platform.system()} {platform.machine()})",
            "is not a supported target",
            hint=_NAME_IT,
        ) from error


def _this_libc() -> Libc:
    try:
        name, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
        if name == "glibc":
            return parse_libc(f"glibc-{'.'.join(version.split('.')[:2])}")
    except (ValueError, OSError, AttributeError):
        pass  # no glibc on this machine
    for tag in sys_tags():
        if tag.platform.startswith("musllinux_"):
            _, major, minor, _ = tag.platform.split("_", 3)
            return parse_libc(f"musl-{major}.{minor}")
    raise InputError("this machine", "has no supported C library", hint=_NAME_IT)
