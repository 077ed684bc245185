"""Reads what uv, Poetry, PDM and Hatch add to the dependencies of a pyproject.toml, or notes that it is not read.

uv's ``constraint-dependencies`` and ``override-dependencies`` count, as do the words of Hatch and PDM for the folder of
the project. Where else a tool would take a project from is a note, as it changes which files are locked.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from lockml.common.errors import InputError, RequirementError
from lockml.common.settings import setting
from lockml.requirements.logical_lines import line_of
from lockml.requirements.model import Origin, Requirement, RequirementSet
from lockml.requirements.requirements_txt import parse_requirement

__all__ = ["parse_quoted", "read_other_tools", "with_root"]

_NOT_READ: Final = {
    (
        "uv",
        "sources",
    ): f"name its index with {setting('index')} and {setting('index-only')}, or its place in the requirement",
    ("uv", "index"): f"name it with {setting('index')}",
    ("uv", "index-url"): f"name it with {setting('index-url')}",
    ("uv", "extra-index-url"): f"name it with {setting('extra-index-url')}",
    ("uv", "find-links"): f"name it with {setting('find-links')}",
    ("uv", "no-index"): f"give {setting('no-index')}",
    ("uv", "dev-dependencies"): "move them to [dependency-groups]",
    ("uv", "exclude-dependencies"): f"name them with {setting('exclude')}",
    ("uv", "exclude-newer"): f"give {setting('exclude-newer')}",
    ("uv", "prerelease"): f"give {setting('pre')}, or name a pre-release",
    ("uv", "pip"): "give the options of lockml",
    ("poetry", "source"): f"name it with {setting('index')}",
    ("poetry", "group"): "move it to [dependency-groups]",
    ("pdm", "source"): f"name it with {setting('index')}",
    ("pdm", "dev-dependencies"): "move them to [dependency-groups]",
    ("pdm", "resolution"): f"name its overrides in a file with {setting('override')}",
}


def read_other_tools(document: Mapping[str, object], file: str, lines: Sequence[str]) -> RequirementSet:
    """Return the constraints and overrides of uv, and a note for each table that would decide and is not read.

    Raises InputError, RequirementError.
    """
    tools = _table(document.get("tool"))
    uv = _table(tools.get("uv"))
    return RequirementSet(
        requirements=(),
        constraints=_requirements(uv, "constraint-dependencies", file, lines),
        overrides=_requirements(uv, "override-dependencies", file, lines),
        notes=tuple(_notes(tools, file)),
    )


def parse_quoted(
    texts: Sequence[str],
    file: str,
    lines: Sequence[str],
    first: int = 1,
    *,
    change: Callable[[str, str], str] = lambda text, _: text,
) -> tuple[list[Requirement], list[tuple[str, str]]]:
    """Return the requirements that *texts*, in quotes on *lines* of *file*, are, and the faults of those that are none.

    *lines* are counted from *first*; *change* is given each text with *file* before it is parsed.
    """
    found: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    for text in texts:
        try:
            found.append(parse_requirement(change(text, file), Origin(file=file, line=line_of(text, lines, first))))
        except RequirementError as error:
            faults.extend(error.faults)
    return found, faults


def with_root(text: str, file: str) -> str:
    """Return the requirement *text* of *file* with its folder in place of Hatch's and PDM's words for it."""
    if "{root" not in text and "${PROJECT_ROOT}" not in text:
        return text
    root = posixpath.dirname(file) or "."
    folder, above = quote(root), quote(posixpath.normpath(posixpath.join(root, "..")))
    for word, value in (("file:///${PROJECT_ROOT}", f"file:{folder}"), ("${PROJECT_ROOT}", root)):
        text = text.replace(word, value)
    for word, value in (("{root:uri}", f"file:{folder}"), ("{root:parent:uri}", f"file:{above}"), ("{root}", root)):
        text = text.replace(word, value)
    return text


def _notes(tools: Mapping[str, object], file: str) -> Iterator[str]:
    for (tool, key), remedy in _NOT_READ.items():
        value = _table(tools.get(tool)).get(key)
        if value:
            named = f" ({', '.join(sorted(value))})" if isinstance(value, dict) and key in ("sources", "group") else ""
            yield f"{file}: [tool.{tool}] {key}{named} is not read; {remedy}"


def _requirements(table: Mapping[str, object], key: str, file: str, lines: Sequence[str]) -> tuple[Requirement, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(file, f"[tool.uv] {key} is not a list of strings")
    found, faults = parse_quoted(values, file, lines)
    if faults:
        raise RequirementError(tuple(faults))
    return tuple(found)


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
