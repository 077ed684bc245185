"""Merges the user's lines into few requirements of each project, so that many do not slow resolving down.

Each line is a requirement that the search looks at whenever another one comes up, which with thousands of lines of one
project would take time that grows with their square.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from lockml.common.errors import RequirementError
from lockml.requirements.model import Origin, Requirement

__all__ = [
    "MOST_EXTRAS",
    "AllowedHashes",
    "allowed_hashes",
    "group_by_name",
    "meets",
    "merge_lines",
    "require_few_projects",
]

_FEW: Final = 50  # lines of one project, each of which explanations name
_MOST_PROJECTS: Final = 5_000  # the search takes time and memory that grow with the square
MOST_EXTRAS: Final = 500
"""How many extras of one project may be asked for: the search pins each by itself."""

AllowedHashes: TypeAlias = frozenset[frozenset[str]]
"""The hashes (``sha256:…``) behind each line; a file needs one of every line. Empty: any file is allowed."""


def merge_lines(lines: Sequence[Requirement]) -> Sequence[Requirement]:
    """Return *lines*, but one with all their bounds and extras in place of very many of one project.

    It takes the place of the first of them, and names that one.
    """
    alike: dict[Hashable, list[Requirement]] = {}
    for line in lines:
        alike.setdefault((line.name, line.reference), []).append(line)
    for group in alike.values():
        extras = {extra for line in group for extra in line.extras}
        if len(extras) > MOST_EXTRAS:
            problem = f"{len(extras)} extras of {group[0].name} are asked for, which is more than {MOST_EXTRAS}"
            raise RequirementError(((str(group[0].origin), problem),))
    if all(len(group) <= _FEW for group in alike.values()):
        return lines
    return [line for group in alike.values() for line in (group if len(group) <= _FEW else [_merged(group)])]


def _merged(group: Sequence[Requirement]) -> Requirement:
    first = group[0]
    extras = sorted({extra for line in group for extra in line.extras})
    bounds = dict.fromkeys(text for line in group if (text := str(line.specifier)))
    origin = Origin(file=f"{first.origin} and {len(group) - 1} more lines")
    return replace(first, specifier=SpecifierSet(",".join(bounds)), extras=tuple(extras), origin=origin)


def require_few_projects(lines: Iterable[Requirement]) -> None:
    """Raise RequirementError for *lines* of more projects than can be searched for in minutes, and in gigabytes."""
    names: set[NormalizedName] = set()
    for line in lines:
        names.add(line.name)
        if len(names) > _MOST_PROJECTS:
            problem = f"more than {_MOST_PROJECTS} projects are asked for; lock them in several files"
            raise RequirementError(((str(line.origin), problem),))


def group_by_name(lines: Iterable[Requirement]) -> Mapping[NormalizedName, tuple[Requirement, ...]]:
    """Return *lines* by project, in their order."""
    grouped: dict[NormalizedName, list[Requirement]] = {}
    for line in lines:
        grouped.setdefault(line.name, []).append(line)
    return {name: tuple(group) for name, group in grouped.items()}


def allowed_hashes(lines: Iterable[Requirement]) -> Mapping[NormalizedName, AllowedHashes]:
    """Return, by project, the hashes that *lines* allow, as in pip; projects without hashes are absent."""
    allowed: dict[NormalizedName, set[frozenset[str]]] = {}
    for line in lines:
        if line.hashes:
            allowed.setdefault(line.name, set()).add(line.hashes)
    return {name: frozenset(each) for name, each in allowed.items()}


def meets(hashes: Mapping[str, str], allowed: AllowedHashes) -> bool:
    """Say whether a file with *hashes*, digests by algorithm, is one that *allowed* admits."""
    own = {f"{kind}:{digest.lower()}" for kind, digest in hashes.items()}
    return all(not own.isdisjoint(line) for line in allowed)
