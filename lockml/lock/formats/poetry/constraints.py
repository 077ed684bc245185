"""Turn version constraints of Poetry into specifiers of PEP 440 and markers of PEP 508."""

import re
from collections.abc import Iterator
from typing import Final

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockml.lock.formats.foreign import any_of

__all__ = ["parse_constraint", "python_marker"]

_PART: Final = re.compile(r"(\^|~=|~|>=|<=|!=|===?|=|>|<)?\s*([^\s,^~<>=!|]+)(?:\s*,\s*|\s+|$)")
_LONGEST: Final = 1000


def parse_constraint(text: str) -> tuple[SpecifierSet, ...]:
    """Return the alternatives of a constraint such as ``^1.2 || ~3.4,!=3.4.1``; raises ValueError if it is invalid."""
    if len(text) > _LONGEST:
        raise ValueError(f"a constraint is longer than {_LONGEST} characters: {text[:80]!r}…")
    return tuple(SpecifierSet(",".join(_specifiers(each.strip()))) for each in re.split(r"\|\|?", text))


def python_marker(text: str) -> str:
    """Return the marker that holds on the Pythons that a constraint allows, "" for all; raises ValueError."""
    return any_of(
        " and ".join(f"python_full_version {each.operator} '{each.version}'" for each in sorted(alternative, key=str))
        for alternative in parse_constraint(text)
    )


def _specifiers(text: str) -> Iterator[str]:
    end = 0
    for part in _PART.finditer(text):
        if part.start() != end:
            break
        end = part.end()
        yield from _specifier(part[1] or "", part[2])
    if end != len(text) or not text:
        raise ValueError(f"{text!r} is not a version constraint")


def _specifier(sign: str, version: str) -> Iterator[str]:
    if version == "*":
        return
    if sign in ("^", "~"):
        yield from (f">={version}", f"<{_next(Version(version), caret=sign == '^')}")
    elif sign in ("", "=", "=="):
        wild = re.fullmatch(r"(\d+(?:\.\d+)*)(?:\.[*xX])+", version)
        yield f"=={wild[1]}.*" if wild else f"=={version}"
    else:
        yield f"{sign}{version if sign == '!=' else version.removesuffix('.*')}"


def _next(version: Version, *, caret: bool) -> str:
    """Return the first version beyond ``^``, which keeps the first part that is not 0, or beyond ``~``."""
    release = version.release
    if caret:
        place = next((place for place, part in enumerate(release) if part), len(release) - 1)
    else:
        place = min(1, len(release) - 1)
    epoch = f"{version.epoch}!" if version.epoch else ""
    return epoch + ".".join(map(str, (*release[:place], release[place] + 1)))
