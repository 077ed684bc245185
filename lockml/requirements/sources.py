"""Any file that says what to install in, a `RequirementSet` out: which reader it is, the file's name tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from lockml.errors import InputError
from lockml.requirements.file import ReadFile, read_requirement_files
from lockml.requirements.model import IndexOptions, RequirementSet
from lockml.requirements.notebook import read_notebook
from lockml.requirements.pyproject import read_pyproject
from lockml.requirements.script import read_script

__all__ = ["Named", "read_all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The files that the user names, and the parts of a pyproject.toml."""

    files: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def read_all(named: Named, *, read: ReadFile, environment: Mapping[str, str]) -> RequirementSet:
    """Return what all files ask for together; raises InputError, RequirementError."""
    by_kind: dict[str, list[str]] = {}
    for name in named.files:
        by_kind.setdefault(PurePath(name).suffix, []).append(name)
    projects, scripts, notebooks = (by_kind.pop(suffix, []) for suffix in (".toml", ".py", ".ipynb"))
    for option, values in (("extra", named.extras), ("group", named.groups)):
        if values and not projects:
            raise InputError(f"--{option} {values[0]!r}", f"only a pyproject.toml has {option}s")
    plain = tuple(name for name in named.files if PurePath(name).suffix in by_kind)
    sets = [
        read_requirement_files(plain, read=read, environment=environment, constraints=named.constraints),
        *(read_pyproject(read(name), name, named.extras, named.groups) for name in projects),
        *(read_script(read(name), name) for name in scripts),
        *(read_notebook(read(name), name) for name in notebooks),
    ]
    overrides = read_requirement_files(named.overrides, read=read, environment=environment).requirements
    return replace(_joined(sets), overrides=overrides)


def _joined(sets: Sequence[RequirementSet]) -> RequirementSet:
    options = [each.options for each in sets]
    return RequirementSet(
        requirements=tuple(requirement for each in sets for requirement in each.requirements),
        constraints=tuple(constraint for each in sets for constraint in each.constraints),
        options=IndexOptions(
            index_url=next((each.index_url for each in options if each.index_url), None),
            extra_index_urls=tuple(url for each in options for url in each.extra_index_urls),
            prereleases=any(each.prereleases for each in options),
            no_binary=tuple(name for each in options for name in each.no_binary),
            only_binary=tuple(name for each in options for name in each.only_binary),
        ),
    )
