"""Says in few words what wheels that a target cannot load are for (PEP 425)."""

import re
from collections.abc import Iterable, Sequence

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from lockml.common.target import Target

__all__ = ["describe_wheels"]

_SHOWN = 4


def describe_wheels(filenames: Iterable[str], target: Target) -> str:
    """Return what keeps *target* from loading these wheels: their platforms, their Pythons or both; "" for none."""
    names = list(filenames)
    if not names:
        return ""  # of most releases no wheel is asked about, and the tags of a target are many
    pythons, platforms = target.interpreter_tags, target.platform_tags
    readable = [wheel for filename in names if (wheel := _read_tags(filename, pythons, platforms)) is not None]
    right_python = [platform for python, platform, fits_python, _ in readable if fits_python]
    right_platform = [python for python, _, _, fits_platform in readable if fits_platform]
    if right_python:
        return f"its wheels are for {_list_first(right_python)}"
    if right_platform:
        return f"its wheels are for {_list_first(right_platform)}"
    if not readable:
        return ""
    return f"its wheels are for {_list_first([f'{python} on {platform}' for python, platform, _, _ in readable])}"


def _read_tags(
    filename: str, pythons: frozenset[tuple[str, str]], platforms: frozenset[str]
) -> tuple[str, str, bool, bool] | None:
    """Return the Python and the platform in the name of a wheel, and whether each of them fits."""
    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return None
    python, abi, platform = filename.removesuffix(".whl").split("-")[-3:]
    python = abi if abi.startswith(python) else python  # cp314t is a Python of its own
    fits_python = any((tag.interpreter, tag.abi) in pythons for tag in tags)
    fits_platform = any(tag.platform in platforms for tag in tags)
    return python.split(".")[0], platform.split(".")[0], fits_python, fits_platform


def _list_first(texts: Sequence[str]) -> str:
    """Return the texts once each, in the order of the numbers in them, the first few of many."""
    ordered = sorted(
        set(texts), key=lambda text: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]
    )
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(ordered[:_SHOWN]) + more
