"""The rules in the order of their weight, with the findings that each explains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from lockml.index.accelerators.builds import Build, builds_of
from lockml.index.accelerators.driver_rules import below_floor, compat_library, gate, no_gpu, unknown_build
from lockml.index.accelerators.gpu_rules import missing_kernels, ptx
from lockml.index.accelerators.ground_rules import base_major, cpu_with_cuda, not_as_declared, not_as_locked
from lockml.index.accelerators.model import Finding, Stack
from lockml.index.accelerators.stack_rules import (
    cudnn,
    leftover_libraries,
    missing_libraries,
    same_files,
    stubs,
    two_majors,
)
from lockml.index.accelerators.torch_rules import family, other_torch, xformers

__all__ = ["apply_rules"]

_RULES: Final[tuple[Callable[[Stack, Sequence[Build]], Iterator[Finding]], ...]] = (
    not_as_locked,
    not_as_declared,
    cpu_with_cuda,
    below_floor,
    two_majors,
    missing_libraries,
    cudnn,
    stubs,
    other_torch,
    xformers,
    family,
    missing_kernels,
    same_files,
    leftover_libraries,
    ptx,
    gate,
    base_major,
    compat_library,
    no_gpu,
    unknown_build,
)
_OF_STACK: Final = frozenset(
    {"two-majors", "libraries-of-another-major", "leftover-libraries", "shared-files-of-majors", "cudnn"}
)
_OF_HOST: Final = frozenset({"gate", "base-major", "ptx", "no-gpu"})
_GPU: Final = frozenset({"arch-declared", "arch-of-model", "arch-of-image"})
_ALL: Final = _OF_STACK | _OF_HOST | _GPU | {"driver-floor", "driver-needs-compat", "cpu-with-cuda", "mixed-family"}
_EXPLAINED: Final[Mapping[str, frozenset[str]]] = {
    "other-accelerator": _ALL | {"xformers-of-another-torch"},
    "cpu-with-cuda": _ALL,
    "cpu-on-machine": _ALL,
    "driver-floor": _OF_STACK | _OF_HOST | _GPU,
    "driver-needs-compat": _OF_STACK | _OF_HOST | {"compat"},
    "two-majors": _OF_STACK | _OF_HOST | {"xformers-of-another-torch"},
    "libraries-of-another-major": _OF_STACK | _OF_HOST,
    "shared-files-of-majors": frozenset({"leftover-libraries"}),
    "binary-of-another-torch": frozenset({"base-major"}),
    "xformers-of-another-torch": frozenset({"base-major", "leftover-libraries", "mixed-family"}),
    **dict.fromkeys(_GPU, frozenset({"base-major", "ptx", "gate"})),
    "gate": frozenset({"base-major"}),
}
"""The findings that follow from another one and are not shown beside it."""


def apply_rules(stack: Stack) -> tuple[Finding, ...]:
    """Return what the rules find in *stack*, without what follows from something else that they find."""
    builds = builds_of(stack)
    found: list[Finding] = []
    for rule in _RULES:
        explained = {name for each in found for name in _EXPLAINED.get(each.rule, ())}
        if rule is unknown_build and found:
            continue
        found += [each for each in rule(stack, builds) if each.rule not in explained]
    return tuple(found)
