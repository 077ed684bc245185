"""A subject's `FileTree` in, its `Inventory` out."""

from collections.abc import Mapping
from dataclasses import replace

from lockml.errors import NotFoundError, UnreachableError
from lockml.inventory.distributions import read_distributions
from lockml.inventory.environments import environment_at, find_environments
from lockml.inventory.model import (
    FileSurvey,
    InstalledDistribution,
    Inventory,
    Problem,
    PythonEnvironment,
    Runtime,
    Subject,
)
from lockml.inventory.owners import Expected, listed_files, owner_of
from lockml.ports import FileTree, UnreadableError

__all__ = ["take_inventory"]


def take_inventory(
    tree: FileTree, subject: Subject, runtime: Runtime, *, prefix: str | None = None, files: bool = False
) -> Inventory:
    """Return what is installed in the environment at *prefix*, or in the one that the subject's ``python`` starts.

    With *files*, every file that it can import is looked at.

    Raises NotFoundError where there is no such environment, UnreachableError where the tree cannot be read.
    """
    environments, problems = _environments(tree, subject, runtime, prefix)
    used = environments[0]
    distributions, unread = read_distributions(tree, used.site_folders, used.linked_folders)
    try:
        listed = listed_files(tree, used.prefix) if files or _may_be_owned(tree, used) else {}
    except UnreadableError as error:
        listed, unread = {}, (*unread, Problem(path=error.path, reason=error.reason))
    environment = replace(used, distributions=tuple(_traced(tree, each, listed) for each in distributions))
    survey = _surveyed(tree, environment, listed) if files else None
    return Inventory(
        subject=subject,
        environment=environment,
        others=tuple(environment.prefix for environment in environments[1:]),
        problems=(*problems, *unread, *(survey.problems if survey is not None else ())),
        files=survey,
    )


def _traced(
    tree: FileTree, distribution: InstalledDistribution, listed: Mapping[str, Expected]
) -> InstalledDistribution:
    """Return *distribution* with the package that owns it and what brought it there."""
    folder = tree.resolve(distribution.folder)
    described = (f"{folder}/RECORD", f"{folder}/METADATA", f"{folder}/PKG-INFO", folder)
    origin = next((found for path in described if (found := tree.origin(path)) is not None), None)
    return replace(distribution, owner=owner_of(listed, folder), origin=origin.text if origin is not None else None)


def _environments(
    tree: FileTree, subject: Subject, runtime: Runtime, prefix: str | None
) -> tuple[tuple[PythonEnvironment, ...], tuple[Problem, ...]]:
    """Return the environments, the one that is meant first, and what may hide that another one is."""
    try:
        environments, problems = find_environments(tree, runtime)
        if prefix is not None:
            chosen = environment_at(tree, prefix, runtime)
            environments = (chosen, *(each for each in environments if each.prefix != chosen.prefix)) if chosen else ()
            problems = ()
    except UnreadableError as error:
        raise UnreachableError(f"{subject}: {error.path}", error.reason) from error
    if not environments and problems:
        raise UnreachableError(f"{subject}: {problems[0].path}", problems[0].reason)
    if not environments:
        where = f" at {prefix!r}" if prefix is not None else ""
        known = ", ".join(each.prefix for each in find_environments(tree, runtime)[0])
        hint = f"it has these: {known}" if known else "name its prefix with --environment"
        raise NotFoundError(str(subject), f"no Python environment was found{where}", hint=hint)
    return environments, problems


def _may_be_owned(tree: FileTree, environment: PythonEnvironment) -> bool:
    """Say whether a package manager may have put anything into the environment's library folders."""
    of_system = any(folder.startswith("/usr/lib") for folder in environment.site_folders)
    return of_system or tree.kind(f"{environment.prefix}/conda-meta") == "folder"


def _surveyed(tree: FileTree, environment: PythonEnvironment, listed: Mapping[str, Expected]) -> FileSurvey:
    from lockml.inventory.files import survey_files

    return survey_files(tree, environment, listed)
