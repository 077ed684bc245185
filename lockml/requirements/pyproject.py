"""Reads the dependencies of a pyproject.toml, with those of chosen extras and groups (PEP 621, 735)."""

import posixpath
import tomllib
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace
from packaging.markers import Marker
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from lockml.common.errors import InputError, RequirementError
from lockml.common.settings import setting
from lockml.requirements.groups import read_groups
from lockml.requirements.model import DynamicProject, Requirement, RequirementSet, normalize_extras
from lockml.requirements.other_tools import parse_quoted, read_other_tools, with_root
from lockml.requirements.python_bound import parse_python_bound

__all__ = ["read_pyproject"]

_MOST_EXTRAS: Final = 10_000  # an extra counts once for each marker that leads to it


def read_pyproject(content: bytes, file: str, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> RequirementSet:
    """Return what the project asks for, with the dependencies of each of *extras* and of *groups*.

    An extra or a group that names the project itself (``name[other]``) brings that extra's dependencies, where its
    marker holds; dependencies that are dynamic are left to the build backend (`RequirementSet.dynamic`). What counts of
    other tools' tables, `read_other_tools` says. Raises InputError for a file that is no pyproject.toml,
    RequirementError with every faulty requirement.
    """
    document = _parse(content, file)
    lines = content.decode("utf-8").splitlines()
    dynamic = _is_dynamic(document)
    project = _project_table(document, file, optional=dynamic or (bool(groups) and not extras))
    name = _text(project.get("name", ""), file, "name")
    projects = _projects(name or _name_for_poetry(document))
    own = projects[0] if projects else canonicalize_name(name)
    listed = read_groups(document.get("dependency-groups", {}), groups, file, lines)
    grouped = [each for each in listed if not _is_own(each, own)]
    wanted: list[tuple[NormalizedName, Marker | None]] = [(canonicalize_name(extra), None) for extra in extras]
    wanted += [(extra, each.marker) for each in listed if _is_own(each, own) for extra in each.extras]
    found = read_other_tools(document, file, lines)
    found = replace(found, pythons=parse_python_bound(project.get("requires-python"), file, lines))
    found = replace(found, notes=(*found.notes, *_notes_on_own(listed, own)))
    if dynamic:
        named = normalize_extras({extra for extra, _ in wanted})
        dynamic_project = DynamicProject(folder=posixpath.dirname(file) or ".", file=file, name=name, extras=named)
        return replace(found, requirements=tuple(grouped), dynamic=(dynamic_project,), projects=projects)
    static = _read_dependencies(project, own, wanted, file, lines)
    return replace(found, requirements=(*static, *grouped), projects=projects)


def _projects(name: str) -> tuple[NormalizedName, ...]:
    """Return the project of that *name*, () for none and for what no installer takes for a name."""
    try:
        return (canonicalize_name(name, validate=True),)
    except InvalidName:
        return ()


def _name_for_poetry(document: dict[str, object]) -> str:
    """Return the name that Poetry reads where there is no [project], "" for none."""
    tool = document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    name = poetry.get("name") if isinstance(poetry, dict) else None
    return name if isinstance(name, str) else ""


def _is_own(requirement: Requirement, name: NormalizedName) -> bool:
    """Say whether *requirement* is the project *name* itself, and no other of that name on an index."""
    return requirement.name == name and requirement.reference is None


def _notes_on_own(listed: Sequence[Requirement], own: NormalizedName) -> Iterator[str]:
    """Yield which lines of groups are the project itself, which no index is asked for."""
    for each in listed:
        if _is_own(each, own):
            extras = f" with {', '.join(each.extras)}" if each.extras else ""
            itself = f"{each.origin}: {each.versioned} is this project itself"
            yield f"{itself}: no index is asked for it, only for what it needs{extras}"


def _read_dependencies(
    project: dict[str, object],
    own_name: NormalizedName,
    extras: Sequence[tuple[NormalizedName, Marker | None]],
    file: str,
    lines: Sequence[str],
) -> list[Requirement]:
    """Return the dependencies of *project* and of *extras*, those that name the project itself followed."""
    by_extra = {
        canonicalize_name(extra): _texts(value, file, f"optional-dependencies.{extra}")
        for extra, value in _table(project.get("optional-dependencies", {}), file, "optional-dependencies").items()
    }
    requirements: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    texts, marker = [*_texts(project.get("dependencies", []), file, "dependencies")], None
    seen: set[tuple[NormalizedName, str]] = set()
    queue: list[tuple[NormalizedName, Marker | None]] = list(extras)
    while queue or texts:
        found, found_faults = parse_quoted(texts, file, lines, change=with_root)
        faults += found_faults
        for each in found:
            parsed = replace(each, marker=_both(marker, each.marker))
            if _is_own(parsed, own_name):
                queue.extend((extra, parsed.marker) for extra in parsed.extras)
            else:
                requirements.append(parsed)
        texts = []
        if queue:
            extra, marker = queue.pop(0)
            if extra not in by_extra:
                available = ", ".join(sorted(by_extra)) or "none"
                raise InputError(
                    file, f"has no extra {extra!r}", hint=f"its extras: {available}; {setting('no-extra')} for none"
                )
            if (extra, str(marker)) not in seen and len(seen) < _MOST_EXTRAS:
                seen.add((extra, str(marker)))
                texts = by_extra[extra]
    if faults:
        raise RequirementError(tuple(faults))
    return requirements


def _both(one: Marker | None, other: Marker | None) -> Marker | None:
    """Return the marker that holds where both do."""
    if one is None or other is None or one == other:
        return one if other is None else other
    return Marker(f"({one}) and ({other})")


def _parse(content: bytes, file: str) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(file, f"is not TOML: {error}") from error


def _is_dynamic(document: dict[str, object]) -> bool:
    """Say whether only the build backend knows the dependencies: declared so, or there is none but a backend."""
    project = document.get("project")
    if project is None:
        return "build-system" in document and "dependency-groups" not in document
    dynamic = project.get("dynamic", []) if isinstance(project, dict) else []
    return isinstance(dynamic, list) and not {"dependencies", "optional-dependencies"}.isdisjoint(map(str, dynamic))


def _project_table(document: dict[str, object], file: str, *, optional: bool) -> dict[str, object]:
    """Return ``[project]``, {} where it is not there and *optional*."""
    if "project" not in document and optional:
        return {}
    if "project" not in document:
        raise InputError(file, "has no [project] table", hint="name a requirements.in, or add [project] dependencies")
    return _table(document["project"], file, "")


def _table(value: object, file: str, key: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(file, f"[project] {key} is not a table" if key else "[project] is not a table")
    return value


def _texts(value: object, file: str, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InputError(file, f"[project] {key} is not a list of strings")
    return value


def _text(value: object, file: str, key: str) -> str:
    if not isinstance(value, str):
        raise InputError(file, f"[project] {key} is not a string")
    return value
