"""Take the `Inventory` of a subject's `FileTree`."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from lockml.common.errors import LockmlError, NotFoundError, UnreachableError
from lockml.common.progress import Progress, tell_fact
from lockml.common.settings import setting
from lockml.index.accelerators.model import NO_GROUND
from lockml.inventory.distributions import read_distributions, removed_distributions
from lockml.inventory.environment.accelerator import read_builds, read_ground
from lockml.inventory.environment.choice import Choice, choose_environment, with_deployed
from lockml.inventory.environment.find import UNSUPPORTED, FoundEnvironments, environment_at, find_environments
from lockml.inventory.environment.packages import packages_at
from lockml.inventory.environment.unsupported import Unsupported, find_unsupported
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.integrity.contents import with_named_content
from lockml.inventory.integrity.variables import find_settings
from lockml.inventory.model import (
    Deviation,
    Expected,
    FileSurvey,
    InstalledDistribution,
    Inventory,
    Limit,
    Problem,
    PythonEnvironment,
    Runtime,
    Subject,
)
from lockml.inventory.origins import Times, latest_origin
from lockml.inventory.owners.digests import fill_in_digests
from lockml.inventory.owners.system_packages import listed_files, lists_digest, owner_of
from lockml.inventory.proof import Proof
from lockml.inventory.results import Limits

__all__ = ["take_inventory"]

_SHOWN: Final = 120  # characters of a value that are shown


def take_inventory(
    tree: FileTree,
    subject: Subject,
    runtime: Runtime,
    *,
    prefix: str | None = None,
    files: bool = False,
    proof: Proof | None = None,
) -> Inventory:
    """Return what is installed in the environment at *prefix*, or in the one that the subject uses.

    That is the one that it starts; of several, the one that has the locked projects of *proof*. With *files*, every
    file that it can import is checked. Raises NotFoundError if there is no such environment, UnreachableError if the
    tree cannot be read.
    """
    proof = proof or Proof()
    choice = _chosen(tree, subject, runtime, prefix, proof)
    used = with_deployed(tree, choice.environment, proof.projects)
    _tell_choice(used, choice.others, runtime, proof.progress, named=prefix is not None)
    distributions, unread = read_distributions(tree, used.site_folders, used.linked_folders, proof.progress)
    try:
        listed = listed_files(tree, used) if files or _may_be_owned(tree, used) else {}
    except UnreadableError as error:
        listed, unread = {}, (*unread, Problem(path=error.path, reason=error.reason))
    traced = _traced(tree, distributions, listed)
    environment = replace(used, distributions=tuple(fill_in_digests(tree, traced)))
    anchored = proof.anchored(subject.layers)
    survey = _surveyed(tree, environment, listed, proof, anchored) if files else None
    problems = (*choice.problems, *used.problems, *unread, *(survey.problems if survey is not None else ()))
    inventory = Inventory(
        subject=subject,
        environment=environment,
        others=choice.others,
        problems=tuple(dict.fromkeys(problems)),
        files=survey,
        removed=removed_distributions(tree, used.site_folders, proof.projects - {each.name for each in distributions}),
        remarks=choice.remarks,
        limits=(*_limits(choice, subject, files=files), *(survey.limits if survey is not None else ())),
    )
    return _with_settings(tree, _with_ground(tree, inventory, runtime), (runtime, *choice.settings), proof, anchored)


def _with_ground(tree: FileTree, inventory: Inventory, runtime: Runtime) -> Inventory:
    """Return *inventory* with what its subject says about CUDA; a folder of this machine says nothing."""
    own = inventory.subject.details.get("is") not in ("environment", "packages")
    ground = read_ground(tree, runtime.environment) if own else NO_GROUND
    return replace(inventory, ground=ground, builds=read_builds(tree, inventory.environment.distributions))


def _with_settings(
    tree: FileTree, inventory: Inventory, settings: Sequence[Runtime], proof: Proof, anchored: int
) -> Inventory:
    """Return *inventory* with the settings that, besides files, decide what its environment loads."""
    environment = inventory.environment
    if inventory.subject.details.get("is") == "packages":
        return inventory  # the variables and files around it belong to this machine
    try:
        found = tuple(find_settings(tree, environment, settings, proof, anchored))
    except UnreadableError as error:
        problem = Problem(path=error.path, reason=error.reason)
        return replace(inventory, problems=(*inventory.problems, problem))
    if inventory.files is not None:
        found = tuple(with_named_content(tree, each) for each in found)
    return replace(inventory, deviations=tuple(_shortened(_with_origin(tree, each)) for each in found))


def _shortened(setting: Deviation) -> Deviation:
    """Return *setting* with a long value shortened; its digest covers the entire value."""
    value = setting.found or ""
    if len(value) <= _SHOWN:
        return setting
    whole = f"{value}\0{setting.content}".encode("utf-8", "surrogateescape")
    return replace(setting, found=value[:_SHOWN], content=f"sha256:{hashlib.sha256(whole).hexdigest()}")


def _with_origin(tree: FileTree, setting: Deviation) -> Deviation:
    """Return *setting* with the origin of its file; a variable has none."""
    origin = latest_origin(tree, setting.path) if setting.path else None
    time = Times(tree).of(setting.path) if setting.path else None
    return replace(setting, origin=origin.text if origin is not None else setting.origin, time=time)


def _limits(choice: Choice, subject: Subject, *, files: bool) -> tuple[Limit, ...]:
    """Return the limits that come from the choice of the environment and from running processes."""
    limits = Limits()
    for other in choice.others:
        limits.add("other-pythons", other)
    if files and subject.details.get("read-by") == "process-root":
        limits.add("process-memory", subject.name)
    return limits.all()


def _traced(
    tree: FileTree, distributions: Iterable[InstalledDistribution], listed: Mapping[str, Expected]
) -> Iterator[InstalledDistribution]:
    """Yield *distributions*, each with the package that owns it, its origin and its time."""
    times = Times(tree)
    for each in distributions:
        folder = tree.resolve(each.folder)
        described = (f"{folder}/RECORD", f"{folder}/METADATA", f"{folder}/PKG-INFO", folder)
        origin = next((found for path in described if (found := tree.origin(path)) is not None), None)
        text = origin.text if origin is not None else None
        digest = lists_digest(listed, folder) if each.record is None else None  # otherwise RECORD says more
        owner = owner_of(listed, folder)
        yield replace(each, owner=owner, lists_digest=digest, origin=text, time=times.of(folder))


def _chosen(tree: FileTree, subject: Subject, runtime: Runtime, prefix: str | None, proof: Proof) -> Choice:
    """Return the environment to check, and the problems that may hide another choice."""
    alone = subject.details.get("is") == "packages"
    try:
        found = find_environments(tree, runtime) if not alone else FoundEnvironments(environments=())
        chosen = environment_at(tree, prefix, runtime) if prefix is not None else None
        packages = packages_at(tree, prefix, runtime, proof.python) if prefix is not None and chosen is None else None
        unsupported = _unsupported(tree, runtime, found) if prefix is None else None
    except UnreadableError as error:
        raise _unreachable(subject, error.path, error.reason) from error
    if chosen is not None:
        same = next((each for each in found.environments if each.prefix == chosen.prefix), chosen)
        others = tuple(each.prefix for each in found.environments if each.prefix != chosen.prefix)
        settings = tuple(own for owner_prefix, own in found.settings if owner_prefix == chosen.prefix)
        return Choice(environment=same, others=others, settings=settings)
    if packages is not None:
        return _beside(packages, found)
    if unsupported is not None:
        raise UnreachableError(f"{subject}: {unsupported.path}", unsupported.reason, hint=unsupported.hint)
    if prefix is None and found.environments:
        return choose_environment(tree, found, proof.projects)
    if prefix is None and found.problems:
        raise _unreachable(subject, found.problems[0].path, found.problems[0].reason)
    problem, hint = _nothing_found(found, prefix, runtime)
    raise NotFoundError(str(subject), problem, hint=hint)


def _tell_choice(
    environment: PythonEnvironment, others: Sequence[str], runtime: Runtime, progress: Progress, *, named: bool
) -> None:
    """Return which environment is looked at, and why that one."""
    why = "it starts " + " ".join(runtime.command[:2]) if runtime.command else "the first one found"
    beside = f"; others: {', '.join(others)}" if others else ""
    python = f"Python {environment.python_text}"
    tell_fact(progress, f"environment {environment.prefix}: {python}, {'named' if named else why}{beside}")


def _unreachable(subject: Subject, path: str, reason: str) -> LockmlError:
    """Return the error for a tree that cannot be read, or for a Python that is not supported."""
    if not reason.endswith(UNSUPPORTED):
        return UnreachableError(f"{subject}: {path}", reason)
    remedy = f"use an image with CPython, or check a list of its packages with {setting('freeze')}"
    return NotFoundError(f"{subject}: {path}", reason, hint=remedy)


def _unsupported(tree: FileTree, runtime: Runtime, found: FoundEnvironments) -> Unsupported | None:
    known = {each.program for each in found.environments if each.program is not None}
    unsure = not found.running and (bool(found.problems) or not found.environments)
    return find_unsupported(tree, runtime, known, unsure=unsure)


def _beside(packages: PythonEnvironment, found: FoundEnvironments) -> Choice:
    """Return the choice for *packages* without a Python, which a Python of the subject may use."""
    others = tuple(each.prefix for each in found.environments)
    first = next(iter(found.environments), None)
    if first is None:
        return Choice(environment=packages)
    used = replace(packages, python=first.python, machine=first.machine, libc=first.libc)
    settings = tuple(own for owner_prefix, own in found.settings if owner_prefix == first.prefix)
    return Choice(
        environment=used,
        others=others,
        settings=settings,
        remarks=(f"{packages.prefix} has no Python of its own; using that of {first.prefix}",),
    )


def _nothing_found(found: FoundEnvironments, prefix: str | None, runtime: Runtime) -> tuple[str, str]:
    if prefix is None:
        started = f", and it starts {runtime.command[0]}" if runtime.command else ""
        named = f"if it has packages in a folder, name the folder with {setting('environment')}"
        return f"no Python environment was found{started}", named
    known = ", ".join(each.prefix for each in found.environments)
    hint = f"it has these: {known}" if known else "name a folder that has a bin/python3, or the packages themselves"
    return f"no Python environment was found at {prefix!r}, and no packages", hint


def _may_be_owned(tree: FileTree, environment: PythonEnvironment) -> bool:
    """Return whether a package manager may have installed files into the environment's library folders."""
    of_system = any(folder.startswith("/usr/lib") for folder in environment.site_folders)
    return of_system or tree.kind(f"{environment.prefix}/conda-meta") == "folder"


def _surveyed(
    tree: FileTree, environment: PythonEnvironment, listed: Mapping[str, Expected], proof: Proof, anchored: int
) -> FileSurvey:
    from lockml.inventory.integrity.survey import survey_files

    return survey_files(tree, environment, listed, proof, anchored)
