"""Choose the environment to check among those of a subject.

What the subject starts counts before what its PATH has; of several that it starts, the one that has locked projects.
"""

import posixpath
from collections.abc import Collection
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from lockml.inventory.environment.find import FoundEnvironments
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Problem, PythonEnvironment, Runtime

__all__ = ["Choice", "choose_environment", "with_deployed"]

_METADATA: Final = (".dist-info", ".egg-info")


class Choice(Struct, frozen=True, kw_only=True):
    """The *environment* that is checked, the prefixes of the *others*, and what a reader must know of the choice.

    *settings* are what the subject's Pythons are started with, () where none is known to be.
    """

    environment: PythonEnvironment
    others: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    settings: tuple[Runtime, ...] = ()


def choose_environment(tree: FileTree, found: FoundEnvironments, projects: Collection[NormalizedName]) -> Choice:
    """Return which of the environments *found*, at least one, is checked.

    The first that runs, or the first of all where none is known to run, unless it has none of the locked *projects*
    and another one has. Where something runs, and not what is checked, the result is incomplete.
    """
    counts = {each.prefix: _count(tree, each, projects) for each in found.environments}
    running = [each for each in found.environments if each.prefix in found.running]
    first = max(running, key=lambda each: counts[each.prefix], default=found.environments[0])
    best = max(found.environments, key=lambda each: counts[each.prefix])  # the first of those that have as many
    chosen = first if counts[first.prefix] or not counts[best.prefix] else best
    problems, remarks = list(found.problems), []
    if chosen is not first:
        text = f"{chosen.prefix} is checked: it has locked packages, and {first.prefix}, which comes first, has none"
        remarks.append(text)
    if running and chosen.prefix not in found.running:
        names = ", ".join(each.prefix for each in running)
        reason = f"it is what runs, and not {chosen.prefix}, which has the locked packages and is checked"
        problems.append(Problem(path=names, reason=reason))
    return Choice(
        environment=chosen,
        others=tuple(each.prefix for each in found.environments if each is not chosen),
        problems=tuple(problems),
        remarks=tuple(remarks),
        settings=tuple(runtime for prefix, runtime in found.settings if prefix == chosen.prefix),
    )


def with_deployed(
    tree: FileTree, environment: PythonEnvironment, projects: Collection[NormalizedName]
) -> PythonEnvironment:
    """Return *environment* with the folders that it looks at first and that hold locked *projects* on its import path.

    As ``pip install --target`` puts them beside the script that is started, for AWS Lambda and others.
    """
    deployed = tuple(
        folder
        for folder, _ in environment.first_folders
        if folder not in environment.site_folders and _names(tree, folder, (".dist-info",)).intersection(projects)
    )
    if not deployed:
        return environment
    return replace(
        environment,
        site_folders=(*deployed, *environment.site_folders),
        path_folders=(*deployed, *environment.path_folders),
        first_folders=tuple(each for each in environment.first_folders if each[0] not in deployed),
    )


def _count(tree: FileTree, environment: PythonEnvironment, projects: Collection[NormalizedName]) -> int:
    """Return how many of *projects* an environment has, by the names of its folders."""
    if not projects:
        return 0
    names = {name for folder in environment.site_folders for name in _names(tree, folder, _METADATA)}
    names.update(name for folder, _ in environment.first_folders for name in _names(tree, folder, (".dist-info",)))
    return len(names.intersection(projects))


def _names(tree: FileTree, folder: str, extensions: Collection[str]) -> set[str]:
    """Return the names of the distributions in *folder*, as far as it can be read."""
    try:
        parts = [posixpath.splitext(name) for name in tree.names(folder)]
    except UnreadableError:
        return set()
    return {canonicalize_name(stem.partition("-")[0]) for stem, extension in parts if extension in extensions}
