"""Parse the variables of a process as engines write them."""

from collections.abc import Sequence
from typing import Final

__all__ = ["variables"]

_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def variables(pairs: Sequence[str] | None) -> dict[str, str]:
    """Return ``NAME=value`` texts as a mapping, with the default PATH of engines if none is set."""
    return {"PATH": _DEFAULT_PATH, **{name: value for name, _, value in (pair.partition("=") for pair in pairs or ())}}
