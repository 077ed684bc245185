"""Choose the environment to check among those of a subject.

What the subject starts takes precedence over its PATH; of several started, the one with locked projects is chosen.
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
    """The *environment* to check, the prefixes of the *others*, and what a reader must know about the choice.

    *settings* are what the subject's Pythons are started with, () if no start is known.
    """

    environment: PythonEnvironment
    others: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    settings: tuple[Runtime, ...] = ()


def choose_environment(tree: FileTree, found: FoundEnvironments, projects: Collection[NormalizedName]) -> Choice:
    """Return which of the environments *found*, at least one, is checked.

    That is the first that runs, or the first of all if none is known to run, unless it has no locked *project* and
    another one does. If something else runs than what is checked, the result is incomplete.
    """
    counts = {each.prefix: _count(tree, each, projects) for each in found.environments}
    running = [each for each in found.environments if each.prefix in found.running]
    first = max(running, key=lambda each: counts[each.prefix], default=found.environments[0])
    best = max(found.environments, key=lambda each: counts[each.prefix])  # the first of those with equally many
    chosen = first if counts[first.prefix] or not counts[best.prefix] else best
    problems, remarks = list(found.problems), []
    if chosen is not first:
        text = f"checking {chosen.prefix}: it has locked packages; {first.prefix}, which comes first, has none"
        remarks.append(text)
    if running and chosen.prefix not in found.running:
        names = ", ".join(each.prefix for each in running)
        reason = f"this environment runs, but the locked packages are in {chosen.prefix}, which was checked"
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
    """Return *environment* with its first folders added to the import path if they hold locked *projects*.

    ``pip install --target`` puts them next to the started script, for AWS Lambda and others.
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
    """Return how many of *projects* an environment has, judging by the names of its folders."""
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
