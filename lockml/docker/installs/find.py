"""Find what a command installs: pip under any name, uv, conda, Poetry and the like."""

import re
from typing import Final

from lockml.docker.installs.model import Install
from lockml.docker.installs.others import parse_conda, parse_project_tool, parse_setup, parse_uv
from lockml.docker.installs.pip import parse_pip
from lockml.docker.shell.model import Argument, Command
from lockml.docker.shell.wrappers import program

__all__ = ["find_install"]

_PIP: Final = re.compile(r"pip(?:-?\d+(?:\.\d+)?)?|\$\{?\w*PIP\w*\}?", re.IGNORECASE)
_PYTHON: Final = re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)?t?)?|\$\{?\w*PY(?:THON)?\w*\}?", re.IGNORECASE)
_CONDA: Final = frozenset({"conda", "mamba", "micromamba"})
_PROJECT_TOOLS: Final = frozenset({"poetry", "pdm", "pipenv", "pipx"})
_MODULES: Final = re.compile(r"pip|uv|poetry|pdm|pipenv|pipx|conda|mamba")


def find_install(command: Command) -> Install | None:
    """Return what *command* installs, None if it installs no Python packages."""
    words = command.words
    name = program(words[0])
    if _PYTHON.fullmatch(name):
        module = _module(words)
        if module is None:
            return None
        words, name = words[module:], words[module].text
        if not _MODULES.fullmatch(name):
            return parse_setup(command, words) if name.endswith("setup.py") else None
    return _of_tool(command, name, words[1:])


def _of_tool(command: Command, name: str, rest: tuple[Argument, ...]) -> Install | None:
    if _PIP.fullmatch(name):
        return parse_pip(command, rest, "pip")
    if name == "uv":
        return parse_uv(command, rest)
    if name in _CONDA:
        return parse_conda(command, rest, name)
    return parse_project_tool(command, rest, name) if name in _PROJECT_TOOLS else None


def _module(words: tuple[Argument, ...]) -> int | None:
    """Return the index of the module in ``python -m MODULE``, or of the script ``setup.py``."""
    position = 1
    while position < len(words):
        text = words[position].text
        if re.fullmatch(r"-[a-zA-Z]*m", text):
            return position + 1 if position + 1 < len(words) else None
        if text in ("-W", "-X"):
            position += 1
        elif not text.startswith("-"):
            return position if text == "setup.py" or text.endswith("/setup.py") else None
        position += 1
    return None
