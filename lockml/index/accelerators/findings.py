"""Finds what does not fit in a `Stack`; facts and rules are loaded only if something is for an accelerator."""

import re
from collections.abc import Iterable
from typing import Final

from lockml.index.accelerators.model import Finding, Part, Stack

__all__ = ["find_findings", "is_concerned", "minimum_driver"]

_NAMES: Final = re.compile(
    r"(?:torch|vllm|sgl|xformers|flash-attn|onnxruntime|tensorflow|opencv-|cupy|jax|nixl|nvidia-|cuda-)|.*-cu(?:da)?-?\d\d"
)
_LOCALS: Final = re.compile(r".*\+.*(?:cu\d\d|cuda\d\d|cpu|rocm|xpu|torch\d|pt\d)", re.IGNORECASE)


def find_findings(stack: Stack) -> tuple[Finding, ...]:
    """Return what does not fit in *stack*, what weighs most first; each cause once, what follows from it not at all."""
    on_cuda = bool(stack.driver and (stack.ground.cuda or stack.ground.compat))
    if not (on_cuda or is_concerned(stack.parts)):
        return ()
    from lockml.index.accelerators.rules import apply_rules

    return apply_rules(stack)


def minimum_driver(parts: Iterable[Part]) -> str:
    """Return the lowest driver on which all of *parts* run, "" where none of them is known to need one."""
    there = tuple(parts)
    if not is_concerned(there):
        return ""
    from lockml.index.accelerators.builds import builds_of, running
    from lockml.index.accelerators.drivers import driver_floor, number

    floors = [driver_floor(build.major or 0) for build in running(builds_of(Stack(parts=there)))]
    return max(floors, key=number, default="")


def is_concerned(parts: Iterable[Part]) -> bool:
    """Say whether any of *parts* may be for an accelerator, by its name or its local version."""
    return any(_NAMES.match(part.name) or ("+" in part.version and _LOCALS.match(part.version)) for part in parts)
