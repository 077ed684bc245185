"""Reads the ``requires-python`` of a project or a script, and checks targets against it."""

from collections.abc import Sequence
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from lockml.common.errors import InputError
from lockml.common.settings import setting
from lockml.common.target import Target
from lockml.requirements.model import Origin, PythonBound

__all__ = ["parse_python_bound", "require_pythons"]

_PATCHES: Final = range(100)  # a minor version has had 20 at most


def parse_python_bound(value: object, file: str, lines: Sequence[str], first: int = 1) -> tuple[PythonBound, ...]:
    """Return the bound that *value* is, () for None; *lines* are counted from *first*. Raises InputError."""
    if value is None:
        return ()
    try:
        specifier = SpecifierSet(value if isinstance(value, str) else "none")
    except InvalidSpecifier as error:
        raise InputError(file, f"has an invalid requires-python: {value!r}") from error
    numbers = (number for number, line in enumerate(lines, first) if line.lstrip("# ").startswith("requires-python"))
    return (PythonBound(specifier=specifier, origin=Origin(file=file, line=next(numbers, None))),)


def require_pythons(bounds: Sequence[PythonBound], targets: Sequence[Target]) -> None:
    """Raise InputError for the first of *bounds* that one of *targets* does not meet.

    A target without a patch release means a whole minor version, and meets what one of its releases does.
    """
    for bound in bounds:
        for target in targets:
            if not any(bound.specifier.contains(python, prereleases=True) for python in _pythons(target)):
                raise InputError(
                    str(bound.origin),
                    f"requires-python is {str(bound.specifier)!r}, and the target is {target}",
                    hint=f"name another target, as with {setting('python')}, or widen requires-python",
                )


def _pythons(target: Target) -> list[str]:
    minor = f"{target.python.major}.{target.python.minor}"
    return [str(target.python)] if target.exact else [f"{minor}.{patch}" for patch in _PATCHES]
