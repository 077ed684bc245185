"""The programs of an environment that no distribution brought: told, as they change nothing that Python imports."""

import posixpath
import re
from collections.abc import Collection
from typing import Final

from lockml.inventory.accounts import Accounts
from lockml.inventory.model import PythonEnvironment
from lockml.ports import FileTree

__all__ = ["PRIVILEGED", "survey_programs"]

PRIVILEGED: Final = "it runs with the rights of its owner or group, whoever starts it (set-user-ID, set-group-ID)"
_USUAL: Final = re.compile(r"(?:python|pypy)[\w.-]*|(?:de)?activate[\w.]*|Activate\.ps1|pydoc(?:\.bat)?|\.gitignore")
_SHOWN: Final = 5


def survey_programs(tree: FileTree, environment: PythonEnvironment, accounts: Accounts, owned: Collection[str]) -> None:
    """Take down what the ``bin`` of a virtual environment has beside what is *owned*; raises UnreadableError."""
    folders = [f"{environment.prefix}/bin"] if environment.virtual else []
    if environment.program is not None:
        folders.append(posixpath.dirname(environment.program))
    for folder in dict.fromkeys(map(tree.resolve, folders)):
        more: list[str] = []
        for entry in tree.entries(folder):
            path = f"{folder}/{entry.name}"
            if entry.privileged and (path in owned or path == environment.program):
                accounts.deviate("modified", path, None, PRIVILEGED)
            if entry.kind in ("file", "link") and path not in owned and _USUAL.fullmatch(entry.name) is None:
                more.append(entry.name)
        if more and environment.virtual and folder == tree.resolve(f"{environment.prefix}/bin"):
            shown = ", ".join(more[:_SHOWN]) + (", …" if len(more) > _SHOWN else "")
            accounts.remarks.append(f"{len(more)} programs in {folder} that no distribution brought: {shown}")
