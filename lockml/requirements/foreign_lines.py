"""Faults of requirement files in, the same out without the words of files that are not the user's to show.

A requirement file may include any file of this machine, by a path or through a link. Errors land in the logs of builds,
which others read.
"""

import re
from collections.abc import Callable

from lockml.common.errors import RequirementError

__all__ = ["hide_foreign_lines"]

_PLACE = re.compile(r"(.*):[0-9]+", re.DOTALL)


def hide_foreign_lines(error: RequirementError, is_own: Callable[[str], bool]) -> RequirementError:
    """Return *error* without what it says of lines in files that *is_own* does not hold for."""
    faults = tuple((origin, _shown(origin, problem, is_own)) for origin, problem in error.faults)
    return RequirementError(faults, hint=error.hint)


def _shown(origin: str, problem: str, is_own: Callable[[str], bool]) -> str:
    line = _PLACE.fullmatch(origin)
    if line is None or is_own(line[1]):
        return problem
    return "is not a line of a requirement file; it is not shown, as the file lies outside the project"
