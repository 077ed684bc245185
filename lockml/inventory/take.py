"""A subject's `FileTree` in, its `Inventory` out."""

from dataclasses import replace

from lockml.errors import NotFoundError, UnreachableError
from lockml.inventory.distributions import read_distributions
from lockml.inventory.environments import environment_at, find_environments
from lockml.inventory.model import Inventory, Problem, PythonEnvironment, Runtime, Subject
from lockml.ports import FileTree, UnreadableError

__all__ = ["take_inventory"]


def take_inventory(tree: FileTree, subject: Subject, runtime: Runtime, *, prefix: str | None = None) -> Inventory:
    """Return what is installed in the environment at *prefix*, or in the one that the subject's ``python`` starts.

    Raises NotFoundError where there is no such environment, UnreachableError where the tree cannot be read.
    """
    problems: tuple[Problem, ...] = ()
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
    used: PythonEnvironment = environments[0]
    distributions, unread = read_distributions(tree, used.site_folders, used.linked_folders)
    return Inventory(
        subject=subject,
        environment=replace(used, distributions=distributions),
        others=tuple(environment.prefix for environment in environments[1:]),
        problems=(*problems, *unread),
    )
