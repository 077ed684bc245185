"""Two environments in memory, compared as `lockml diff` compares two subjects."""

from collections.abc import Mapping
from typing import Any

from lockml.drift.differences.compare import Compared, compare_subjects
from lockml.drift.differences.model import Difference
from lockml.drift.model import Level
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Runtime, Subject
from tests.made.trees import SITE, MemoryTree, venv_files
from tests.made.wheels import installed_files, make_wheel

__all__ = ["compared", "difference", "environment"]

NUMPY = make_wheel("numpy", "1.26.4", files={"numpy/__init__.py": b"one = 1\n", "numpy/core.so": b"machine code"})


def environment(*more: Mapping[str, bytes], site: str = SITE, prefix: str = "/opt/venv") -> dict[str, bytes]:
    """Return the files of a virtual environment with numpy, and *more*."""
    files = {**venv_files(prefix=prefix), **installed_files(NUMPY, site)}
    for each in more:
        files.update(each)
    return files


def compared(
    files: Mapping[str, bytes],
    *,
    name: str = "image-a",
    runtime: Mapping[str, str] | None = None,
    subject: Subject | None = None,
    **tree: Any,
) -> Compared:
    """Return one side of a comparison: an environment of *files*, in a tree with what else *tree* says."""
    made = MemoryTree(files, **tree)
    started = Runtime(environment={"PATH": "/opt/venv/bin", **(runtime or {})})
    inventory = take_inventory(made, subject or Subject(kind="image", name=name), started)
    return Compared(inventory=inventory, runtime=started, tree=made)


def difference(
    before: Mapping[str, bytes] | Compared,
    after: Mapping[str, bytes] | Compared,
    *,
    level: Level = "files",
    full: bool = False,
) -> Difference:
    """Return how *after* differs from *before*."""
    one = before if isinstance(before, Compared) else compared(before)
    other = after if isinstance(after, Compared) else compared(after, name="image-b")
    return compare_subjects(one, other, level=level, full=full)
