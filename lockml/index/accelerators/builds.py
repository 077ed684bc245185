"""Determines for which accelerator a package is built, and what role it has.

Files of a wheel say it best, then its local version (PEP 440), then its name; the version alone where it is known what
the plain index serves. A version such as 2.2.0a0+81ea7a4, of an image that built it itself, says nothing.
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, Literal

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from lockml.index.accelerators.drivers import Number, number
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Part, Stack

__all__ = [
    "Build",
    "build_of",
    "builds_of",
    "is_stub",
    "kind_of",
    "local_accelerator",
    "not_excused",
    "parsed",
    "running",
    "torch_default",
]

Kind = Literal["", "cpu", "cuda", "rocm", "xpu"]
Role = Literal["binary", "libraries", "other"]
_CUDA: Final = re.compile(r"cu(\d\d)(\d{0,2})")
_LOCAL: Final = re.compile(r"(?:(?<![a-z])|(?<=pt\d\d)|(?<=pt\d\d\d))cu(?:da)?(\d{2,3})(?!\d)")
_NAME: Final = re.compile(r"(?:^|-)cu(?:da)?-?(\d{2,3})x?(?=-|$)")
_OTHER_LOCAL: Final = re.compile(r"(?:^|\.)(cpu|xpu|rocm\d+(?:\.\d+){0,2})(?=$|\.)")
_MAJORS: Final = range(9, 20)


class Build(Struct, frozen=True, kw_only=True):
    """A *part* and the *accelerator* that it is built for, ``cu128``, ``cu12``, ``cpu``, ``rocm6.4``; "" if unknown.

    It is a *binary* that runs there, *libraries* that such a one loads, or neither.
    """

    part: Part
    accelerator: str
    role: Role

    @property
    def kind(self) -> Kind:
        """What runs it."""
        return kind_of(self.accelerator)

    @property
    def cuda(self) -> Number:
        """The CUDA version that it is built for, as far as it is known: (), (12,) or (12, 8)."""
        matched = _CUDA.fullmatch(self.accelerator)
        if matched is None:
            return ()
        return (int(matched[1]), int(matched[2])) if matched[2] else (int(matched[1]),)

    @property
    def major(self) -> int | None:
        """The major of CUDA that it is built for."""
        return self.cuda[0] if self.cuda else None

    @property
    def title(self) -> str:
        """Its name and version, for a sentence."""
        return f"{self.part.name} {self.part.version}".strip()


def kind_of(accelerator: str) -> Kind:
    """Return the kind of *accelerator*, "" if it is not known."""
    for kind, beginning in (("cpu", "cpu"), ("cuda", "cu"), ("rocm", "rocm"), ("xpu", "xpu")):
        if accelerator.startswith(beginning) and (kind != "cuda" or _CUDA.fullmatch(accelerator)):
            return kind  # type: ignore[return-value]
    return ""


def builds_of(stack: Stack) -> tuple[Build, ...]:
    """Return the builds of the parts of *stack*, in their order."""
    return tuple(build_of(part, stack) for part in stack.parts)


def build_of(part: Part, stack: Stack) -> Build:
    """Return what *part* is built for on the system of *stack*."""
    if is_stub(part) or part.name in facts().nvidia.neutral:
        return Build(part=part, accelerator="", role="other")
    libraries = part.name.startswith("nvidia-") or part.name in facts().nvidia.by_version
    return Build(part=part, accelerator=_accelerator(part, stack), role="libraries" if libraries else "binary")


def _accelerator(part: Part, stack: Stack) -> str:
    if part.built:
        return part.built
    if len(part.needs) == 1:
        return f"cu{part.needs[0]}"
    return local_accelerator(part.version) or _by_name(part) or _by_version(part, stack)


def _by_name(part: Part) -> str:
    """Return the accelerator that the name of *part* says, "" for none."""
    named = _NAME.search(part.name)
    if named and int(named[1][:2]) in _MAJORS:
        return f"cu{named[1]}"
    if part.name.removeprefix("nvidia-") in facts().nvidia.unsuffixed and part.name.startswith("nvidia-"):
        return f"cu{facts().nvidia.unsuffixed_major}"
    if part.name in facts().nvidia.by_version:
        return f"cu{number(part.version)[0]}" if number(part.version)[:1] > (10,) else ""
    return ""


def _by_version(part: Part, stack: Stack) -> str:
    """Return what *part* is built for where its version alone says it."""
    version = parsed(part.version)
    if version is None or not part.plain:
        return ""
    if part.name == "torch":
        return _of_image(stack) if version.local and version.is_prerelease else torch_default(version, stack)
    if part.name == "xformers" and not version.local:
        return next((cuda for own, _, cuda in facts().xformers.wheels if Version(own) == version), "")
    if part.name in facts().plain.cpu:
        return "cpu"
    for name, first, last, accelerator in facts().plain.wheels:
        if name == part.name and _within(version, first, last) and stack.system == "linux":
            return accelerator
    return ""


def _of_image(stack: Stack) -> str:
    """Return what an image built itself: it has the CUDA of that image."""
    cuda = number(stack.ground.cuda)[:2]
    return f"cu{cuda[0]}{cuda[1]}" if len(cuda) == 2 else ""


def torch_default(version: Version, stack: Stack) -> str:
    """Return the build of torch that the plain index serves for *stack* as *version*, "" where that is not known."""
    if version.local is not None or version.is_prerelease:
        return ""
    if stack.system != "linux":
        return "cpu"
    table = facts().torch
    if stack.machine == "aarch64" and version.release[:2] <= number(table.cpu_on_aarch64_up_to):
        return "cpu"
    if stack.machine not in ("x86_64", "aarch64"):
        return ""
    return next((each.default for each in table.releases if number(each.version) == version.release[:2]), "")


def local_accelerator(version: str) -> str:
    """Return the accelerator that the local part of *version* names, "" for none."""
    local = version.partition("+")[2].lower()
    cuda = _LOCAL.search(local)
    if cuda and int(cuda[1][:2]) in _MAJORS:
        return f"cu{cuda[1]}"
    other = _OTHER_LOCAL.search(local)
    return other[1] if other else ""


def is_stub(part: Part) -> bool:
    """Say whether *part* has a name behind which there is no library."""
    table, version = facts().nvidia, parsed(part.version)
    if version is None or version >= Version(table.stubs_below):
        return False
    own = part.name.removeprefix("nvidia-").removesuffix("-cu13")
    if own in table.stubs and part.name == f"nvidia-{own}-cu13":
        return True
    return any(fnmatchcase(part.name, pattern) for pattern in table.other_stubs)


def running(builds: Iterable[Build]) -> list[Build]:
    """Return the builds for CUDA that run, or, where it is known of none, the libraries that something must load."""
    cuda = [each for each in builds if each.major is not None]
    binaries = [each for each in cuda if each.role == "binary"]
    found = binaries or cuda
    return sorted(found, key=lambda each: each.part.name != "torch")


def not_excused(stack: Stack, builds: Iterable[Build]) -> list[Build]:
    """Return *builds* without the libraries that a project of *stack* requires whatever it is used for."""
    names = {part.name for part in stack.parts}
    excused = {library for project, library in facts().users.excused if project in names}
    return [each for each in builds if each.part.name not in excused]


@lru_cache(maxsize=4096)
def parsed(text: str) -> Version | None:
    """Return *text* as a version, None where it is none."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _within(version: Version, first: str, last: str) -> bool:
    """Say whether *version* has a minor version from *first* to *last*."""
    low, high = number(first), number(last)
    return low <= version.release[: len(low)] and version.release[: len(high)] <= high
