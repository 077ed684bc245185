"""The indexes as the options name them in; where they are, and what they are asked for, out."""

import re
from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.index.locations import IndexLocation, with_login

__all__ = ["parse_indexes"]


def parse_indexes(
    named: Sequence[str], only: Sequence[str], environment: Mapping[str, str]
) -> tuple[IndexLocation, ...]:
    """Return the indexes of ``--index NAME=URL``, with the projects of ``--index-only NAME=PROJECT,…``.

    A login may stand in the *environment*: LOCKML_INDEX_<NAME>_USERNAME and _PASSWORD. Raises InputError.
    """
    indexes: dict[str, IndexLocation] = {}
    for text in named:
        name, equals, url = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise InputError(
                f"--index {redact(text)!r}", "is not NAME=URL", hint="for example pytorch=https://index.example/cu121"
            )
        if name in indexes:
            raise InputError(f"--index {name}", "is given more than once")
        indexes[name] = IndexLocation(url=with_login(url, name, environment), name=name)
    for text in only:
        name, equals, projects = text.partition("=")
        patterns = tuple(_pattern(part) for part in projects.split(",") if part.strip())
        if not equals or not patterns:
            raise InputError(f"--index-only {text!r}", "is not NAME=PROJECT,…", hint="such as pytorch=torch,nvidia-*")
        if name not in indexes:
            known = ", ".join(indexes) or "none"
            raise InputError(f"--index-only {text!r}", f"there is no --index {name}", hint=f"named indexes: {known}")
        indexes[name] = replace(indexes[name], only=(*indexes[name].only, *patterns))
    return tuple(indexes.values())


def _pattern(text: str) -> str:
    """Return *text* normalized as project names are, its ``*`` kept."""
    return "*".join(canonicalize_name(part) for part in text.strip().split("*"))
