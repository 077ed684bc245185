"""Versions of drivers and of CUDA: what they are, which driver speaks which CUDA, and what an image asks of them."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from lockml.index.accelerators.facts import facts

__all__ = [
    "Number",
    "architecture_of",
    "driver_floor",
    "driver_of_toolkit",
    "is_data_center",
    "number",
    "parse_driver",
    "required_cuda",
    "spoken_cuda",
]

Number = tuple[int, ...]
_DRIVER: Final = re.compile(r"\d{3,4}(?:\.\d{1,4}){0,2}")
_NUMBER: Final = re.compile(r"\d{1,4}(?:\.\d{1,5}){0,3}")
_NEWEST: Final = 1 << 20  # of its branch, where a driver is named by that alone
_AT_LEAST: Final = re.compile(r"cuda(?:>=?|=)(\d{1,3}\.\d{1,3})")


def parse_driver(text: str) -> Number | None:
    """Return the version of a driver, ``550.54.14`` or the branch ``550``, None where *text* is none."""
    if not _DRIVER.fullmatch(text):
        return None
    found = number(text)
    return found if len(found) > 1 else (*found, _NEWEST)


@cache
def number(text: str) -> Number:
    """Return the numbers that *text* begins with, () for none."""
    matched = _NUMBER.match(text)
    return tuple(map(int, matched[0].split("."))) if matched else ()


def driver_floor(major: int) -> str:
    """Return the lowest driver on which anything of that CUDA *major* runs, "" where it is not known."""
    return facts().floors.drivers.get(str(major), "")


def driver_of_toolkit(cuda: Number) -> str:
    """Return the driver that came first with the toolkit *cuda*, "" where that is not known."""
    table = facts().toolkits.drivers
    found = sorted((number(version), driver) for version, driver in table.items() if number(version)[:2] == cuda[:2])
    return found[0][1] if found else ""


def spoken_cuda(driver: Number) -> Number:
    """Return the newest CUDA, major and minor, that *driver* speaks; () for none that is known."""
    table = facts().toolkits.drivers
    spoken = (number(version)[:2] for version, least in table.items() if number(least) <= driver)
    return max(spoken, default=())


def required_cuda(requires: Iterable[str]) -> Number:
    """Return the CUDA that a driver must speak by NVIDIA_REQUIRE_… if no brand of a GPU admits it; () for none.

    Groups between spaces are alternatives, terms between commas must all hold, and so must all variables.
    """
    asked: list[Number] = []
    for value in requires:
        groups = [group.split(",") for group in value.split()]
        free = [terms for terms in groups if not any(term.startswith(("brand", "driver", "arch")) for term in terms)]
        bounds = [[number(match[1]) for term in terms if (match := _AT_LEAST.fullmatch(term))] for terms in free]
        if free and all(bounds):
            asked.append(min(max(bound) for bound in bounds))
    return max(asked, default=())


def architecture_of(gpu: str) -> str:
    """Return the compute capability of *gpu*, which is one, ``12.0``, or a model's name; "" where it is not known."""
    if re.fullmatch(r"\d{1,2}\.\d", gpu):
        return gpu
    matched = re.fullmatch(r"sm_?(\d{1,2})(\d)a?", gpu.lower())
    if matched:
        return f"{matched[1]}.{matched[2]}"
    for pattern, architecture in facts().architectures.models:
        if _has_word(gpu, pattern):
            return architecture
    return ""


def is_data_center(gpu: str) -> bool:
    """Say whether a forward-compat libcuda is made for *gpu*."""
    return _has_word(gpu, facts().architectures.data_center)


def _has_word(text: str, pattern: str) -> bool:
    return re.search(rf"(?<![a-z0-9])(?:{pattern})(?![0-9])", text.lower()) is not None
