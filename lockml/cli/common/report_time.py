"""The time of a report: SOURCE_DATE_EPOCH, so that builds are reproducible, else now."""

import os
from datetime import UTC, datetime

from lockml.common.errors import InputError

__all__ = ["report_time"]


def report_time(usual: str = "") -> str:
    """Return the time in ISO 8601, in UTC: SOURCE_DATE_EPOCH, else the *usual*, else now; raises InputError."""
    stated = os.environ.get("SOURCE_DATE_EPOCH")
    if not stated and usual:
        return usual
    if not stated:
        moment = datetime.now(UTC)
    else:
        try:
            moment = datetime.fromtimestamp(int(stated), UTC)
        except (ValueError, OverflowError, OSError) as error:
            problem = "is not a number of seconds since 1970"
            raise InputError(f"SOURCE_DATE_EPOCH {stated!r}", problem) from error
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
