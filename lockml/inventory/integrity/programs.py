"""List the programs of an environment that no distribution installed; they do not affect what Python imports."""

import posixpath
import re
from collections.abc import Collection
from typing import Final

from lockml.inventory.environment.same_programs import SamePrograms
from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.results import SurveyResults

__all__ = ["PRIVILEGED", "survey_programs"]

PRIVILEGED: Final = "it runs with the rights of its owner or group, not of its user (setuid, setgid)"
_PYTHON: Final = re.compile(r"python(?:3(?:\.\d+t?)?)?")
_USUAL: Final = re.compile(
    r"(?:python|pypy)[\d.]*t?(?:-config)?|(?:de)?activate[\w.]*|Activate\.ps1|pydoc(?:\.bat)?|\.gitignore"
)
_SHOWN: Final = 5


def survey_programs(
    tree: FileTree, environment: PythonEnvironment, results: SurveyResults, owned: Collection[str]
) -> None:
    """Record what the ``bin`` of a virtual environment has besides *owned* files; raises UnreadableError."""
    folders = [f"{environment.prefix}/bin"] if environment.virtual else []
    if environment.program is not None:
        folders.append(posixpath.dirname(environment.program))
    same = SamePrograms(tree, environment.program)
    for folder in dict.fromkeys(map(tree.resolve, folders)):
        more: list[str] = []
        for entry in tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.privileged and (path in owned or path == environment.program):
                results.deviate("modified", path, None, PRIVILEGED)
            if environment.virtual and _PYTHON.fullmatch(entry.name) and not same.is_same(path):
                _tell_other(tree, results, path, environment)
            if entry.kind in ("file", "link") and path not in owned and _USUAL.fullmatch(entry.name) is None:
                more.append(entry.name)
        if more and environment.virtual and folder == tree.resolve(f"{environment.prefix}/bin"):
            shown = ", ".join(more[:_SHOWN]) + (", …" if len(more) > _SHOWN else "")
            programs = "program" if len(more) == 1 else "programs"
            results.remark(f"{len(more)} {programs} in {folder} that no distribution installed: {shown}")


def _tell_other(tree: FileTree, results: SurveyResults, path: str, environment: PythonEnvironment) -> None:
    """Record a python next to the environment's that is a different program."""
    if tree.kind(path) != "file" or not path.startswith(f"{tree.resolve(environment.prefix)}/"):
        return
    origin = tree.origin(path)
    detail = f"it is not the environment's python, {environment.program}, but a different program"
    if origin is not None and origin.late:
        results.deviate("modified", path, "python", detail)
    else:
        results.remark(f"{path}: {detail}")
