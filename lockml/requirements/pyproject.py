"""Text of a pyproject.toml in; its dependencies, those of chosen extras and groups, out (PEP 621, 735)."""

import posixpath
import tomllib
from collections.abc import Iterator, Sequence

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.groups import read_groups
from lockml.requirements.model import DynamicProject, Origin, Requirement, RequirementSet, normalize_extras
from lockml.requirements.requirements_txt import parse_requirement

__all__ = ["read_pyproject"]


def read_pyproject(content: bytes, file: str, extras: Sequence[str] = (), groups: Sequence[str] = ()) -> RequirementSet:
    """Return what the project asks for, with the dependencies of each of *extras* and of *groups*.

    An extra that names the project itself (``name[other]``) brings that extra's dependencies; dependencies that are
    dynamic are left to the build backend (`RequirementSet.dynamic`). Raises InputError for a file that is no
    pyproject.toml, RequirementError with every faulty requirement.
    """
    document = _parse(content, file)
    lines = content.decode("utf-8").splitlines()
    grouped = read_groups(document.get("dependency-groups", {}), groups, file, lines)
    dynamic = _is_dynamic(document)
    project = _project_table(document, file, optional=dynamic or (bool(groups) and not extras))
    name = _text(project.get("name", ""), file, "name")
    projects = _projects(name or _name_for_poetry(document))
    if dynamic:
        folder = posixpath.dirname(file) or "."
        dynamic_project = DynamicProject(folder=folder, file=file, name=name, extras=normalize_extras(set(extras)))
        return RequirementSet(requirements=grouped, dynamic=(dynamic_project,), projects=projects)
    static = _read_dependencies(project, canonicalize_name(name), extras, file, lines)
    return RequirementSet(requirements=(*static, *grouped), projects=projects)


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


def _read_dependencies(
    project: dict[str, object], own_name: NormalizedName, extras: Sequence[str], file: str, lines: Sequence[str]
) -> list[Requirement]:
    """Return the dependencies of *project* and of *extras*, those that name the project itself followed."""
    by_extra = {
        canonicalize_name(extra): _texts(value, file, f"optional-dependencies.{extra}")
        for extra, value in _table(project.get("optional-dependencies", {}), file, "optional-dependencies").items()
    }
    requirements: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    texts = [*_texts(project.get("dependencies", []), file, "dependencies")]
    seen: set[NormalizedName] = set()
    queue = [canonicalize_name(extra) for extra in extras]
    while queue or texts:
        for parsed in _parse_all(texts, file, lines, faults):
            if parsed.name == own_name and parsed.extras:
                queue.extend(parsed.extras)
            else:
                requirements.append(parsed)
        texts = []
        if queue:
            extra = queue.pop(0)
            if extra not in by_extra:
                available = ", ".join(sorted(by_extra)) or "none"
                raise InputError(file, f"has no extra {extra!r}", hint=f"its extras: {available}")
            if extra not in seen:
                seen.add(extra)
                texts = by_extra[extra]
    if faults:
        raise RequirementError(tuple(faults))
    return requirements


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


def _parse_all(
    texts: Sequence[str], file: str, lines: Sequence[str], faults: list[tuple[str, str]]
) -> Iterator[Requirement]:
    for text in texts:
        try:
            yield parse_requirement(text, Origin(file=file, line=_line_of(text, lines)))
        except RequirementError as error:
            faults.extend(error.faults)


def _line_of(text: str, lines: Sequence[str]) -> int | None:
    """Return the first line that holds *text* in quotes, counted from 1."""
    for number, line in enumerate(lines, 1):
        if f'"{text}"' in line or f"'{text}'" in line:
            return number
    return None


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
