"""Parse durations as people write them, ``6h``, ``2 weeks``, ``P7D``, into timedeltas."""

import re
from datetime import timedelta
from typing import Final

__all__ = ["parse_age", "parse_duration"]

_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def parse_age(text: str) -> timedelta | None:
    """Return the age that *text* names, ``7d``, ``2 weeks``, ``36h`` or ``P7D`` (ISO 8601), else None."""
    match = re.fullmatch(r"P?T?(\d{1,5}) ?(w|d|h|weeks?|days?|hours?)", text.strip(), re.IGNORECASE)
    return int(match[1]) * _UNITS[match[2][0].lower()] if match is not None else None


def parse_duration(text: str) -> timedelta | None:
    """Return the duration that *text* names, such as ``10s``, ``5m`` or ``2 weeks``, else None."""
    match = re.fullmatch(r"(\d{1,7}) ?(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)", text.strip(), re.IGNORECASE)
    return int(match[1]) * _UNITS[match[2][0].lower()] if match is not None else None
