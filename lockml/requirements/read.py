"""Reads any file that says what to install as a `RequirementSet`; its name decides which reader reads it."""

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.errors import InputError
from lockml.requirements.model import (
    DynamicProject,
    IndexOptions,
    Requirement,
    RequirementSet,
    UnnamedRequirement,
    normalize_extras,
)
from lockml.requirements.requirements_txt import ReadFile, is_url, read_requirement_files

__all__ = ["InputFiles", "read_input_files"]


class InputFiles(Struct, frozen=True, kw_only=True):
    """The files that the user names, and the parts of a pyproject.toml."""

    files: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def read_input_files(inputs: InputFiles, *, read: ReadFile, environment: Mapping[str, str]) -> RequirementSet:
    """Return what all files ask for together; raises InputError, RequirementError."""
    projects = tuple(name for name in inputs.files if PurePath(name).suffix == ".toml")
    backends = tuple(name for name in inputs.files if PurePath(name).name in ("setup.py", "setup.cfg"))
    for option, values in (("extra", inputs.extras), ("group", inputs.groups)):
        if values and not (projects or (backends and option == "extra")):
            raise InputError(f"--{option} {values[0]!r}", f"only a pyproject.toml has {option}s")
    others = {name: reader for name in inputs.files if (reader := _reader(name)) and name not in backends}
    plain = tuple(name for name in inputs.files if name not in {*projects, *backends, *others})
    extras = normalize_extras(set(inputs.extras))
    sets = [
        read_requirement_files(plain, read=read, environment=environment, constraints=inputs.constraints),
        *(_read_project(read(name), name, inputs) for name in projects),
        *(reader(read(name), name, read, environment) for name, reader in others.items()),
        RequirementSet(requirements=(), dynamic=tuple(_dynamic_project(name, extras) for name in backends)),
    ]
    joined = _join(sets)
    overrides = read_requirement_files(inputs.overrides, read=read, environment=environment).requirements
    marked = _marker_notes((*joined.requirements, *joined.unnamed))
    return replace(joined, overrides=(*joined.overrides, *overrides), notes=(*joined.notes, *marked))


def _read_project(content: bytes, name: str, inputs: InputFiles) -> RequirementSet:
    from lockml.requirements.pyproject import read_pyproject  # noqa: PLC0415 - with groups and other tools' tables

    return read_pyproject(content, name, inputs.extras, inputs.groups)


_Reader = Callable[[bytes, str, ReadFile, Mapping[str, str]], RequirementSet]


def _reader(name: str) -> _Reader | None:
    match PurePath(urlsplit(name).path if is_url(name) else name).suffix:
        case ".py":
            from lockml.requirements.script import read_script  # noqa: PLC0415 - patterns that few runs need

            return lambda content, file, _, __: read_script(content, file)
        case ".ipynb":
            from lockml.requirements.notebook import read_notebook  # noqa: PLC0415 - the same

            return lambda content, file, read, known: read_notebook(content, file, read=read, environment=known)
        case ".yml" | ".yaml":
            from lockml.requirements.conda import read_environment  # noqa: PLC0415 - the YAML reader is heavy

            return lambda content, file, read, known: read_environment(content, file, read=read, environment=known)
    return None


def _marker_notes(asked: Sequence[Requirement | UnnamedRequirement]) -> Iterator[str]:
    """Yield what a target does not say, where a marker asks for it."""
    for each in asked:
        unsaid = [name for name in ("platform_release", "platform_version") if name in str(each.marker or "")]
        if unsaid:
            yield f"{each.origin}: its marker asks for {' and '.join(unsaid)}, which no target says: it counts as empty"


def _dynamic_project(file: str, extras: tuple[NormalizedName, ...]) -> DynamicProject:
    return DynamicProject(folder=posixpath.dirname(file) or ".", file=file, name="", extras=extras)


def _join(parts: Sequence[RequirementSet]) -> RequirementSet:
    options = [part.options for part in parts]
    return RequirementSet(
        requirements=tuple(requirement for part in parts for requirement in part.requirements),
        constraints=tuple(constraint for part in parts for constraint in part.constraints),
        unnamed=tuple(requirement for part in parts for requirement in part.unnamed),
        dynamic=tuple(project for part in parts for project in part.dynamic),
        overrides=tuple(override for part in parts for override in part.overrides),
        pythons=tuple(bound for part in parts for bound in part.pythons),
        notes=tuple(note for part in parts for note in part.notes),
        projects=tuple(dict.fromkeys(name for part in parts for name in part.projects)),
        options=IndexOptions(
            index_url=next((option.index_url for option in options if option.index_url), None),
            extra_index_urls=tuple(url for option in options for url in option.extra_index_urls),
            prereleases=any(option.prereleases for option in options),
            no_binary=tuple(name for option in options for name in option.no_binary),
            only_binary=tuple(name for option in options for name in option.only_binary),
            find_links=tuple(location for option in options for location in option.find_links),
            no_index=any(option.no_index for option in options),
        ),
    )
