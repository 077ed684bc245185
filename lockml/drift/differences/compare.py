"""Compare two subjects by their inventories and file trees (→ `Difference`)."""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from lockml.drift.differences.files import ComparedFiles, compare_files
from lockml.drift.differences.model import Difference, FileGroup, LayerChange, PackageChange, Side
from lockml.drift.differences.packages import compare_packages
from lockml.drift.differences.settings import compare_settings
from lockml.drift.differences.walk import Alike, NothingAlike
from lockml.drift.model import Level
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import Inventory, Problem, Runtime, Subject

__all__ = ["Compared", "compare_subjects", "side_of"]


class Compared(Struct, frozen=True, kw_only=True):
    """One of the two subjects: its *inventory*, how it starts, and its *tree*, None for a list of packages."""

    inventory: Inventory
    runtime: Runtime
    tree: FileTree | None


def compare_subjects(
    before: Compared, after: Compared, *, level: Level, alike: Alike | None = None, full: bool = False
) -> Difference:
    """Return how *after* differs from *before*, up to *level*.

    Files that *alike* knows to be equal are not read; *full* keeps every file that differs.
    """
    inventories = (before.inventory, after.inventory)
    one, other = (each.environment.distributions for each in inventories)
    packages = compare_packages(one, other, after.tree, artifacts=level != "names")
    files = None
    if level == "files" and before.tree is not None and after.tree is not None:
        files = _files((before.tree, after.tree), inventories, alike or NothingAlike(), full=full)
    groups = files.groups if files is not None else ()
    return Difference(
        before=side_of(before.inventory),
        after=side_of(after.inventory),
        level=level,
        settings=tuple(compare_settings(inventories, (before.runtime, after.runtime))),
        packages=_with_files({each.name: each for each in packages}, groups, after.inventory),
        groups=groups,
        layers=tuple(_layers(before.inventory.subject, after.inventory.subject)),
        shared_layers=_shared(before.inventory.subject.layers, after.inventory.subject.layers),
        compared=files.compared if files is not None else 0,
        recompiled=files.recompiled if files is not None else 0,
        notes=(*_notes(inventories), *(files.notes if files is not None else ())),
        problems=(*_problems(inventories), *(files.problems if files is not None else ())),
    )


def side_of(inventory: Inventory) -> Side:
    """Return what a difference says about the subject of an *inventory*."""
    subject, environment = inventory.subject, inventory.environment
    return Side(
        name=str(subject),
        subject=subject,
        prefix=environment.prefix,
        python=environment.python_text,
        layers=len(subject.layers),
    )


def _files(
    trees: tuple[FileTree, FileTree], inventories: tuple[Inventory, Inventory], alike: Alike, *, full: bool
) -> ComparedFiles:
    environments = (inventories[0].environment, inventories[1].environment)
    names = (str(inventories[0].subject), str(inventories[1].subject))
    return compare_files(trees, environments, names, alike, full=full)


def _with_files(
    changes: dict[str, PackageChange], groups: tuple[FileGroup, ...], after: Inventory
) -> tuple[PackageChange, ...]:
    """Return *changes* with the projects added of which only files differ."""
    installed = {str(each.name): each for each in after.environment.distributions}
    for group in groups:
        found = installed.get(group.owner or "")
        if found is None or found.name in changes or group.files.total == group.installers:
            continue
        changes[found.name] = PackageChange(
            kind="files",
            name=found.name,
            before=found.version,
            after=found.version,
            detail="its RECORD is the same",
            path=found.folder,
            origin=(next(iter(group.origins)) or None) if len(group.origins) == 1 else None,
            time=max((each.time for each in group.changes if each.time is not None), default=None),
        )
    return tuple(changes[name] for name in sorted(changes))


def _shared(before: tuple[str, ...], after: tuple[str, ...]) -> int:
    """Return how many of the lowest layers are equal."""
    return next(
        (n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )


def _layers(before: Subject, after: Subject) -> Iterator[LayerChange]:
    """Yield the layers that only one of the two has, with the steps that made them."""
    kinds: tuple[tuple[Literal["added", "removed"], Subject, Subject], ...] = (
        ("removed", before, after),
        ("added", after, before),
    )
    for kind, mine, theirs in kinds:
        steps = {step.layer: step.created_by for step in mine.history if step.layer is not None}
        count = len(mine.layers)
        for number, digest in enumerate(mine.layers, 1):
            if theirs.layers and digest not in theirs.layers:
                yield LayerChange(kind=kind, number=number, count=count, step=steps.get(number, ""))


def _notes(inventories: tuple[Inventory, Inventory]) -> Iterator[str]:
    for each in inventories:
        yield from (f"{each.subject}: {remark}" for remark in each.remarks)
        if each.others:
            yield f"{each.subject} has other environments that were not compared: {', '.join(each.others)}"


def _problems(inventories: tuple[Inventory, Inventory]) -> Iterator[Problem]:
    for each in inventories:
        yield from (replace(problem, path=f"{each.subject}: {problem.path}") for problem in each.problems)
