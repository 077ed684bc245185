"""Reads the metadata that a source tree states without a build (PEP 621, 643)."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.references import parse_pep508
from lockml.index.distributions.metadata import parse_static_metadata
from lockml.index.model import DynamicMetadataError, MetadataError

__all__ = ["ReadTree", "read_build_requirements", "read_static_metadata", "read_static_name"]

ReadTree = Callable[[str], bytes | None]
"""Return the content of the file with this name on top of the tree, None where there is none."""

_USUAL_BACKEND: Final = ("setuptools>=40.8.0",)  # PEP 518 and 517, where nothing is stated
_DECIDING: Final = ("version", "dependencies", "optional-dependencies", "requires-python")


def read_static_metadata(read: ReadTree) -> bytes:
    """Return the METADATA of the tree: its PKG-INFO where that is final, else what its pyproject.toml states.

    Raises DynamicMetadataError where only a build knows it, MetadataError for what is no project.
    """
    pkg_info = read("PKG-INFO")
    if pkg_info is not None:
        try:
            parse_static_metadata(pkg_info)
        except DynamicMetadataError:
            pass  # written before this could be said; a pyproject.toml beside it may still state everything
        else:
            return pkg_info
    project = _read_project(read)
    if project is None:
        if read("setup.py") is None and read("setup.cfg") is None and read("pyproject.toml") is None:
            raise MetadataError("it is not a Python project: it has neither pyproject.toml nor setup.py")
        raise DynamicMetadataError("its name, version and dependencies are known only after a build")
    dynamic = project.get("dynamic", [])
    unstated = [key for key in _DECIDING if isinstance(dynamic, list) and key in dynamic]
    unstated += ["version"] if "version" not in project and "version" not in unstated else []
    if unstated:
        verb = "is" if len(unstated) == 1 and unstated[0] != "dependencies" else "are"
        raise DynamicMetadataError(f"its {' and '.join(unstated)} {verb} known only after a build")
    return "".join(f"{line}\n" for line in _lines(project)).encode()


def read_static_name(read: ReadTree) -> NormalizedName | None:
    """Return the name that the pyproject.toml of the tree states, None where only a build knows it."""
    project = _read_project(read)
    name = project.get("name") if project is not None else None
    return canonicalize_name(name) if isinstance(name, str) else None


def read_build_requirements(read: ReadTree) -> tuple[str, ...]:
    """Return what the pyproject.toml of the tree says that its build needs, or what builds need without it (PEP 518).

    Raises MetadataError.
    """
    system = _read_table(read, "build-system")
    if system is None:
        return _USUAL_BACKEND
    requires = system.get("requires")
    if not isinstance(requires, list) or not all(isinstance(each, str) for each in requires):
        raise MetadataError("its build-system.requires is not a list of requirements")
    return tuple(requires)


def _read_project(read: ReadTree) -> Mapping[str, object] | None:
    return _read_table(read, "project")


def _read_table(read: ReadTree, name: str) -> Mapping[str, object] | None:
    content = read("pyproject.toml")
    if content is None:
        return None
    try:
        table = tomllib.loads(content.decode("utf-8")).get(name)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MetadataError(f"its pyproject.toml is not TOML: {error}") from error
    return table if isinstance(table, dict) else None


def _lines(project: Mapping[str, object]) -> Iterator[str]:
    yield "Metadata-Version: 2.2"
    for key, header in (("name", "Name"), ("version", "Version"), ("requires-python", "Requires-Python")):
        value = project.get(key)
        if isinstance(value, str) and "\n" not in value:
            yield f"{header}: {value}"
    extras = project.get("optional-dependencies", {})
    groups = {None: project.get("dependencies", []), **(extras if isinstance(extras, dict) else {})}
    for extra, texts in groups.items():
        if extra is not None:
            yield f"Provides-Extra: {canonicalize_name(extra)}"
        for text in texts if isinstance(texts, list) else ():
            yield f"Requires-Dist: {_with_extra(str(text), extra)}"


def _with_extra(text: str, extra: str | None) -> str:
    try:
        requirement = parse_pep508(text)
    except ValueError as error:
        raise MetadataError(f"its dependency {text[:200]!r} is not a requirement") from error
    if extra is None:
        return str(requirement)
    condition = f'extra == "{canonicalize_name(extra)}"'
    marker = f"({requirement.marker}) and {condition}" if requirement.marker else condition
    requirement.marker = None
    return f"{requirement} ; {marker}"
