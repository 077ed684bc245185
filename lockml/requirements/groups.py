"""Reads chosen ``[dependency-groups]`` of a pyproject.toml as requirements (PEP 735)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.model import Requirement
from lockml.requirements.other_tools import parse_quoted, with_root

__all__ = ["read_groups"]

_DEEPEST: Final = 100  # groups that include each other
_MOST: Final = 100_000  # requirements, each as often as it is included


def read_groups(table: object, names: Sequence[str], file: str, lines: Sequence[str]) -> tuple[Requirement, ...]:
    """Return the requirements of the groups *names*, includes followed; *lines* are those of *file*.

    Raises InputError for what is no table, else RequirementError with every fault: an unknown group, includes in a
    circle, an entry that is not a requirement.
    """
    if not isinstance(table, dict):
        raise InputError(file, "[dependency-groups] is not a table")
    reader = _GroupReader(table, file, lines)
    requirements = [requirement for name in names for requirement in reader.read(name, ())]
    if reader.faults:
        available = ", ".join(sorted(table)) or "none"
        raise RequirementError(tuple(dict.fromkeys(reader.faults)), hint=f"its groups: {available}")
    return tuple(requirements)


class _GroupReader:
    """Reads each group once, and gathers what is wrong."""

    def __init__(self, table: Mapping[str, object], file: str, lines: Sequence[str]) -> None:
        self._file = file
        self._lines = lines
        self._groups: dict[NormalizedName, object] = {}
        self._read: dict[NormalizedName, tuple[Requirement, ...]] = {}
        self.faults: list[tuple[str, str]] = []
        for name, entries in table.items():
            if canonicalize_name(name) in self._groups:
                self._fault(f"it has more than one dependency group {canonicalize_name(name)!r}")
            self._groups[canonicalize_name(name)] = entries

    def read(self, name: str, path: tuple[NormalizedName, ...]) -> tuple[Requirement, ...]:
        """Return the requirements of the group *name*, to which the groups of *path* lead."""
        group = canonicalize_name(name)
        if group in path or len(path) > _DEEPEST:
            circle = [*path[path.index(group) :], group] if group in path else []
            named = f"in a circle: {' → '.join(circle)}" if circle else f"more than {_DEEPEST} levels deep"
            self._fault(f"its dependency groups include each other {named}")
            return ()
        if group not in self._read:
            found = tuple(self._entries(group, name, (*path, group)))
            self._read[group] = found[:_MOST]
            if len(found) > _MOST:
                self._fault(f"its dependency group {name!r} has more than {_MOST} requirements")
        return self._read[group]

    def _entries(self, group: NormalizedName, name: str, path: tuple[NormalizedName, ...]) -> Iterator[Requirement]:
        entries = self._groups.get(group)
        if entries is None:
            self._fault(f"has no dependency group {name!r}")
        elif not isinstance(entries, list):
            self._fault(f"its dependency group {name!r} is not a list")
        else:
            for entry in entries:
                yield from self._entry(entry, name, path)

    def _entry(self, entry: object, name: str, path: tuple[NormalizedName, ...]) -> Sequence[Requirement]:
        match entry:
            case str():
                found, faults = parse_quoted([entry], self._file, self._lines, change=with_root)
                self.faults += faults
                return found
            case {"include-group": str(included), **others} if not others:
                return self.read(included, path)
        self._fault(f"its dependency group {name!r} has an entry that is neither a requirement nor a group: {entry!r}")
        return ()

    def _fault(self, problem: str) -> None:
        self.faults.append((self._file, problem))
