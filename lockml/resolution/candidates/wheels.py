"""Wheels that a target cannot load in, what they are for out, in few words (PEP 425)."""

import re
from collections.abc import Iterable, Sequence

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from lockml.common.target import Target

__all__ = ["what_wheels_are_for"]

_SHOWN = 4


def what_wheels_are_for(filenames: Iterable[str], target: Target) -> str:
    """Return what keeps *target* from loading these wheels: their platforms, their Pythons or both; "" for none."""
    names = list(filenames)
    if not names:
        return ""  # of most releases no wheel is asked about, and the tags of a target are many
    pythons, platforms = target.interpreter_tags, target.platform_tags
    found = [one for filename in names if (one := _read(filename, pythons, platforms)) is not None]
    right_python = [platform for python, platform, fits_python, _ in found if fits_python]
    right_platform = [python for python, _, _, fits_platform in found if fits_platform]
    if right_python:
        return f"its wheels are for {_listed(right_python)}"
    if right_platform:
        return f"its wheels are for {_listed(right_platform)}"
    return (
        f"its wheels are for {_listed([f'{python} on {platform}' for python, platform, _, _ in found])}"
        if found
        else ""
    )


def _read(
    filename: str, pythons: frozenset[tuple[str, str]], platforms: frozenset[str]
) -> tuple[str, str, bool, bool] | None:
    """Return the Python and the platform in the name of a wheel, and whether each of them fits."""
    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return None
    python, _, platform = filename.removesuffix(".whl").split("-")[-3:]
    fits_python = any((tag.interpreter, tag.abi) in pythons for tag in tags)
    fits_platform = any(tag.platform in platforms for tag in tags)
    return python.split(".")[0], platform.split(".")[0], fits_python, fits_platform


def _listed(texts: Sequence[str]) -> str:
    """Return the texts once each, in the order of the numbers in them, the first few of many."""
    ordered = sorted(
        set(texts), key=lambda text: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]
    )
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(ordered[:_SHOWN]) + more
