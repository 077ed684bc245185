"""Any file that says what to install in, a `RequirementSet` out: which reader it is, the file's name tells."""

import posixpath
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.common.errors import InputError
from lockml.requirements.model import DynamicProject, IndexOptions, RequirementSet, normalize_extras
from lockml.requirements.notebook import read_notebook
from lockml.requirements.pyproject import read_pyproject
from lockml.requirements.requirements_txt import ReadFile, read_requirement_files
from lockml.requirements.script import read_script

__all__ = ["Named", "read_all"]


class Named(Struct, frozen=True, kw_only=True):
    """The files that the user names, and the parts of a pyproject.toml."""

    files: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def read_all(named: Named, *, read: ReadFile, environment: Mapping[str, str]) -> RequirementSet:
    """Return what all files ask for together; raises InputError, RequirementError."""
    projects = tuple(name for name in named.files if PurePath(name).suffix == ".toml")
    backends = tuple(name for name in named.files if PurePath(name).name in ("setup.py", "setup.cfg"))
    for option, values in (("extra", named.extras), ("group", named.groups)):
        if values and not (projects or (backends and option == "extra")):
            raise InputError(f"--{option} {values[0]!r}", f"only a pyproject.toml has {option}s")
    others = {name: reader for name in named.files if (reader := _reader(name)) and name not in backends}
    plain = tuple(name for name in named.files if name not in {*projects, *backends, *others})
    extras = normalize_extras(set(named.extras))
    sets = [
        read_requirement_files(plain, read=read, environment=environment, constraints=named.constraints),
        *(read_pyproject(read(name), name, named.extras, named.groups) for name in projects),
        *(reader(read(name), name) for name, reader in others.items()),
        RequirementSet(requirements=(), dynamic=tuple(_built(name, extras) for name in backends)),
    ]
    overrides = read_requirement_files(named.overrides, read=read, environment=environment).requirements
    return replace(_joined(sets), overrides=overrides)


def _reader(name: str) -> Callable[[bytes, str], RequirementSet] | None:
    match PurePath(name).suffix:
        case ".py":
            return read_script
        case ".ipynb":
            return read_notebook
        case ".yml" | ".yaml":
            from lockml.requirements.conda import read_environment  # noqa: PLC0415 - the YAML reader is heavy

            return read_environment
    return None


def _built(file: str, extras: tuple[NormalizedName, ...]) -> DynamicProject:
    return DynamicProject(folder=posixpath.dirname(file) or ".", file=file, name="", extras=extras)


def _joined(sets: Sequence[RequirementSet]) -> RequirementSet:
    options = [each.options for each in sets]
    return RequirementSet(
        requirements=tuple(requirement for each in sets for requirement in each.requirements),
        constraints=tuple(constraint for each in sets for constraint in each.constraints),
        unnamed=tuple(unnamed for each in sets for unnamed in each.unnamed),
        dynamic=tuple(project for each in sets for project in each.dynamic),
        projects=tuple(dict.fromkeys(name for each in sets for name in each.projects)),
        notes=tuple(note for each in sets for note in each.notes),
        options=IndexOptions(
            index_url=next((each.index_url for each in options if each.index_url), None),
            extra_index_urls=tuple(url for each in options for url in each.extra_index_urls),
            prereleases=any(each.prereleases for each in options),
            no_binary=tuple(name for each in options for name in each.no_binary),
            only_binary=tuple(name for each in options for name in each.only_binary),
            find_links=tuple(place for each in options for place in each.find_links),
            no_index=any(each.no_index for each in options),
        ),
    )
