"""A subject's `FileTree` in, its `Inventory` out."""

from dataclasses import replace

from lockml.errors import NotFoundError, UnreachableError
from lockml.inventory.distributions import read_distributions
from lockml.inventory.environments import find_environments, prefix_place
from lockml.inventory.model import Inventory, PythonEnvironment, Runtime, Subject
from lockml.ports import FileTree, UnreadableError

__all__ = ["take_inventory"]


def take_inventory(tree: FileTree, subject: Subject, runtime: Runtime, *, prefix: str | None = None) -> Inventory:
    """Return what is installed in the environment at *prefix*, or in the one that the subject's ``python`` starts.

    Raises NotFoundError where there is no such environment, UnreachableError where the tree cannot be read.
    """
    try:
        if prefix is not None:
            place = prefix_place(tree, prefix)
            runtime = replace(runtime, environment={**runtime.environment, "VIRTUAL_ENV": prefix})
        environments = find_environments(tree, runtime)
        if prefix is not None:
            environments = tuple(sorted(environments, key=lambda found: found.prefix != place))
    except UnreadableError as error:
        raise UnreachableError(f"{subject}: {error.path}", error.reason) from error
    if not environments or (prefix is not None and environments[0].prefix != place):
        where = f" at {prefix!r}" if prefix is not None else ""
        known = ", ".join(environment.prefix for environment in environments)
        raise NotFoundError(
            str(subject),
            f"no Python environment was found{where}",
            hint=f"it has these: {known}" if known else "name its prefix with --environment",
        )
    used: PythonEnvironment = environments[0]
    distributions, problems = read_distributions(tree, used.site_folders)
    return Inventory(
        subject=subject,
        environment=replace(used, distributions=distributions),
        others=tuple(environment.prefix for environment in environments[1:]),
        problems=problems,
    )
