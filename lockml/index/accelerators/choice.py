"""Chooses releases, indexes and names for the accelerator that a user or an image names."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from lockml.index.accelerators.model import Ground, Part, Stack

__all__ = [
    "accelerator_of",
    "accelerator_of_index",
    "extra_for",
    "is_accelerator",
    "name_for",
    "of_family",
    "unfit_build",
]

_ACCELERATOR: Final = re.compile(r"cpu|xpu|cu(?:9\d|1\d\d)|rocm\d{1,2}\.\d{1,2}(?:\.\d{1,2})?")
_OF_TORCH: Final = re.compile(r"(?:py)?torch[-_]?")


def is_accelerator(text: str) -> bool:
    """Say whether *text* names one: ``cpu``, ``cu128``, ``rocm6.4``, ``xpu``."""
    return _ACCELERATOR.fullmatch(text) is not None


def unfit_build(name: str, version: str, accelerator: str, system: str, machine: str) -> str:
    """Return why *version* of *name* is not for *accelerator* on that system, "" where it may be.

    Members of torch's family must name it, or be what the plain index serves for it; of what else is built for CUDA the
    major counts. What says nothing of its build is admitted, as are the libraries that others bring.
    """
    from lockml.index.accelerators.builds import build_of, kind_of
    from lockml.index.accelerators.facts import facts

    part = Part(name=name, version=version)
    build = build_of(part, Stack(parts=(part,), system=system, machine=machine))
    kind = kind_of(accelerator)
    if not accelerator or not build.kind or build.role != "binary" or name in facts().plain.cpu:
        return ""
    if system == "macos" and build.kind == "cpu":
        return ""
    wanted = (int(accelerator[2:4]),) if kind == "cuda" else ()
    exact = name in facts().family.members and name != "xformers"
    if build.kind != kind or (exact and build.accelerator != accelerator) or build.cuda[:1] != wanted:
        said = "a CPU build" if build.kind == "cpu" else f"a build for {build.accelerator}"
        return f"it is {said}, and the lock is for {accelerator}"
    return ""


def accelerator_of_index(name: str, url: str) -> str:
    """Return the accelerator whose builds of torch's family the index *name* serves, "" for no such index.

    Its name says it, ``cu128`` or ``pytorch-cu128``; where it is named for torch alone, the end of its address does.
    """
    lowered = name.lower()
    plain = _OF_TORCH.sub("", lowered, count=1)
    if lowered in ("torch", "pytorch"):
        end = url.rstrip("/").rpartition("/")[2].lower()
        return end if is_accelerator(end) else ""
    dotted = re.sub(r"^(rocm\d{1,2})[-_](\d)", r"\1.\2", plain)
    return dotted if is_accelerator(dotted) else ""


def of_family(accelerator: str) -> tuple[str, ...]:
    """Return the projects that are taken from the index of *accelerator* alone."""
    from lockml.index.accelerators.builds import kind_of
    from lockml.index.accelerators.facts import facts

    return (*facts().family.always, *facts().family.triton.get(kind_of(accelerator), ()))


def extra_for(project: str, extras: Iterable[str], accelerator: str) -> str:
    """Return the extra that *project*, asked for with *extras*, needs for *accelerator*, "" for none."""
    from lockml.index.accelerators.facts import facts

    asked = tuple(extras)
    for row in facts().choices.extras:
        named = any(fnmatchcase(extra, pattern) for extra in asked for pattern in (row.extra, *row.others))
        if row.project == project and accelerator.startswith(row.accelerator) and not named:
            return row.extra
    return ""


def name_for(project: str, accelerator: str) -> str:
    """Return the project that replaces *project* for *accelerator*, "" where it is the right one."""
    from lockml.index.accelerators.builds import kind_of
    from lockml.index.accelerators.facts import facts

    for row in facts().choices.names:
        fits = kind_of(accelerator) == "cuda" if row.accelerator == "cu" else accelerator.startswith(row.accelerator)
        if row.project == project and fits:
            return row.name
    return ""


def accelerator_of(ground: Ground, parts: Sequence[Part]) -> str:
    """Return the accelerator that an image is for, "" where it does not say.

    The torch that it has says it best, then its ROCm or CUDA: the newest accelerator with builds that is no newer.
    """
    torch = next((part for part in parts if part.name == "torch"), None)
    if torch is None and not (ground.cuda or ground.rocm or ground.requires):
        return ""
    from lockml.index.accelerators.builds import local_accelerator
    from lockml.index.accelerators.drivers import number, required_cuda
    from lockml.index.accelerators.facts import facts

    named = (torch.built or local_accelerator(torch.version)) if torch is not None else ""
    if is_accelerator(named):
        return named
    known = facts().family.accelerators
    if ground.rocm:
        return _nearest([each for each in known if each.startswith("rocm")], number(ground.rocm)[:2])
    cuda = number(ground.cuda)[:2] or required_cuda(ground.requires)
    return _nearest([each for each in known if each.startswith("cu")], cuda) if cuda else ""


def _nearest(accelerators: Sequence[str], wanted: tuple[int, ...]) -> str:
    """Return the newest of *accelerators* of the major of *wanted* that is no newer, else the oldest of that major."""
    same = [each for each in accelerators if _version(each)[:1] == wanted[:1]]
    older = [each for each in same if _version(each)[:2] <= wanted]
    return max(older, key=_version) if older else min(same, key=_version, default="")


def _version(accelerator: str) -> tuple[int, ...]:
    digits = accelerator.removeprefix("rocm")
    return (
        tuple(map(int, digits.split(".")))
        if digits != accelerator
        else (int(accelerator[2:4]), int(accelerator[4:] or 0))
    )
