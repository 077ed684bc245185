"""An environment in, the modules that hide an installed project's from further up its import path out."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.inventory.model import InstalledDistribution, PythonEnvironment
from lockml.ports import FileTree

__all__ = ["Shadow", "find_shadows", "startup_files"]

_MODULE: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\.py|\.pyc|(?:\.[\w-]+)?\.so)")
_STARTUP: Final = ("sitecustomize", "usercustomize")

Shadow = tuple[str, InstalledDistribution]


def find_shadows(tree: FileTree, environment: PythonEnvironment) -> Iterator[Shadow]:
    """Yield the path of each module that hides one of an installed distribution, and that; raises UnreadableError.

    A project's other copies are not told here: they are distributions themselves.
    """
    folders = environment.site_folders
    brought = [(each, frozenset(_modules(each))) for each in environment.distributions]
    owners: dict[str, InstalledDistribution] = {}
    for distribution, names in brought:
        for name in names:
            owners.setdefault(name, distribution)
    for position, folder in enumerate(folders):
        if position == len(folders) - 1:
            return  # nothing comes after it
        here = {name for each, names in brought if each.site_folder == folder for name in names}
        for name, path in _found(tree, folder):
            owner = owners.get(name)
            if owner is not None and name not in here and folders.index(owner.site_folder) > position:
                yield path, owner


def startup_files(tree: FileTree, environment: PythonEnvironment) -> Iterator[str]:
    """Yield what Python runs at every start from folders that nothing else is said of: those of PYTHONPATH."""
    for folder in environment.path_folders:
        yield from (path for name, path in _found(tree, folder) if name in _STARTUP)


def _found(tree: FileTree, folder: str) -> Iterator[tuple[str, str]]:
    """Yield the modules in *folder* by name; a folder without an __init__ hides nothing (PEP 420)."""
    for name in tree.names(folder):
        match = _MODULE.fullmatch(name)
        path = f"{folder}/{name}"
        if match is not None:
            yield match["name"], path
        elif name.isidentifier() and any(_is_init(each) for each in tree.names(path)):
            yield name, path


def _is_init(name: str) -> bool:
    match = _MODULE.fullmatch(name)
    return match is not None and match["name"] == "__init__"


def _modules(distribution: InstalledDistribution) -> Iterator[str]:
    """Yield the names that the distribution's RECORD brings to import."""
    tops = {row.path.partition("/")[:2] for row in distribution.record or ()}
    for top, slash in tops:
        if slash and top.isidentifier():
            yield top
        elif not slash and (match := _MODULE.fullmatch(top)) is not None:
            yield match["name"]
