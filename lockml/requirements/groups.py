"""The ``[dependency-groups]`` of a pyproject.toml in, the requirements of chosen groups out (PEP 735)."""

from collections.abc import Iterator, Mapping, Sequence

from packaging.dependency_groups import CyclicDependencyGroup, DependencyGroupResolver
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as ParsedRequirement
from packaging.utils import canonicalize_name

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.model import Origin, Requirement
from lockml.requirements.other_tools import with_root
from lockml.requirements.requirements_txt import parse_requirement

__all__ = ["read_groups"]


def read_groups(table: object, names: Sequence[str], file: str, lines: Sequence[str]) -> tuple[Requirement, ...]:
    """Return the requirements of the groups *names*, includes followed; *lines* are those of *file*.

    Raises InputError with every fault: an unknown group, a circle of includes, what is no requirement.
    """
    if not isinstance(table, dict):
        raise InputError(file, "[dependency-groups] is not a table")
    available = ", ".join(sorted(table)) or "none"
    requirements: list[Requirement] = []
    try:
        resolver = DependencyGroupResolver(table)
        for name in names:
            for parsed in resolver.resolve(name):
                text = str(parsed)
                requirements.append(
                    parse_requirement(with_root(text, file), Origin(file=file, line=_line_of(text, lines)))
                )
    except ExceptionGroup as error:
        faults = tuple(_faulty_lines(table, names, file, lines))
        if faults:
            raise RequirementError(faults, hint=f"its groups: {available}") from error
        raise InputError(file, "; ".join(map(_describe, _leaves(error))), hint=f"its groups: {available}") from error
    return tuple(requirements)


def _faulty_lines(
    table: Mapping[object, object], names: Sequence[str], file: str, lines: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield what is no requirement of the groups *names* and of those that they include, and why."""
    groups = {canonicalize_name(str(name)): entries for name, entries in table.items()}
    waiting, seen = [*map(canonicalize_name, names)], set[str]()
    while waiting:
        name = waiting.pop(0)
        entries = groups.get(name)
        if name in seen or not isinstance(entries, list):
            continue
        seen.add(name)
        for entry in entries:
            if isinstance(entry, dict):
                waiting.append(canonicalize_name(str(entry.get("include-group"))))
            elif isinstance(entry, str):
                number = next(
                    (at for at, line in enumerate(lines, 1) if f'"{entry}"' in line or f"'{entry}'" in line), None
                )
                try:
                    parse_requirement(with_root(entry, file), Origin(file=file, line=number))
                except RequirementError as error:
                    yield from error.faults


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _describe(error: BaseException) -> str:
    if isinstance(error, CyclicDependencyGroup):
        return f"its groups include each other in a circle ({error})"
    return " ".join(str(error).split())


def _line_of(text: str, lines: Sequence[str]) -> int | None:
    """Return the first line with a quoted string that says the same as *text*, counted from 1."""
    for number, line in enumerate(lines, 1):
        for quote in "\"'":
            for part in line.split(quote)[1::2]:
                try:
                    if str(ParsedRequirement(part)) == text:
                        return number
                except InvalidRequirement:
                    continue
    return None
