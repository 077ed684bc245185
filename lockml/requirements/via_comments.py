"""Reads from the ``# via`` comments of a compiled requirement file who asks for each line.

They are those of pip-compile, uv and lockml: behind a line (``# via flask``), under it, or one asker a line under
``# via``.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

__all__ = ["Asker", "askers_of"]

_COMMENT: Final = re.compile(r"(?:^|\s)#(.*)$")
_FILE: Final = re.compile(r"(?:-r|--requirements?)[ =]?\s*(\S.*)")
_PROJECT: Final = re.compile(r"[^()]*\(([^()]+)\)")
_NAME: Final = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?(?:==\S+)?")


class Asker(Struct, frozen=True, kw_only=True):
    """Who asks for a requirement: a *project*, or a *file* of the user's; "" for the one that it is not."""

    project: NormalizedName | str = ""
    file: str = ""


def askers_of(text: str, lines: Collection[int]) -> Mapping[int, tuple[Asker, ...]]:
    """Return who asks for the requirement that begins on each of *lines*, counted from 1, in the order of *text*."""
    found: dict[int, list[Asker]] = {}
    here, listed = 0, False
    for number, line in enumerate(text.splitlines(), 1):
        comment = _COMMENT.search(line)
        said = comment[1].strip() if comment is not None else ""
        if number in lines:
            here, listed = number, False
        elif not line[:1].isspace() and not line.startswith("#"):
            here, listed = 0, False
        if not here or not said:
            listed = False
        elif said == "via":
            listed = True
        elif said.startswith("via ") or listed:
            listed = listed and not said.startswith("via ")
            found.setdefault(here, []).extend(_askers(said.removeprefix("via ")))
    return {number: tuple(dict.fromkeys(askers)) for number, askers in found.items()}


def _askers(said: str) -> Iterator[Asker]:
    for each in said.split(","):
        part = each.strip()
        file, project, name = _FILE.fullmatch(part), _PROJECT.fullmatch(part), _NAME.fullmatch(part)
        if file is not None:
            yield Asker(file=file[1])
        elif project is not None:
            yield Asker(file=project[1])
        elif name is not None:
            yield Asker(project=canonicalize_name(name[1]))
