"""Describe what a subject starts if it is not a CPython whose packages can be read."""

import posixpath
import re
from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from lockml.common.settings import setting
from lockml.inventory.environment.starts import find_program
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import Runtime

__all__ = ["Unsupported", "find_unsupported"]

_NAMES: Final = re.compile(r"python(?:3(?:\.\d+t?)?)?|pypy3?[\d.]*")
_SCRIPT: Final = 1 << 12
_HEAD: Final = 1 << 20
_ZIP: Final = b"PK\x03\x04"
_ARCHIVES: Final = (
    (re.compile(rb"PEX-INFO|\.bootstrap/pex/"), "a PEX file"),
    (re.compile(rb"_bootstrap/(?:__init__|environment)\.py"), "a shiv archive"),
    (re.compile(rb"__main__\.py"), "a zip archive of Python"),
)
_FROZEN: Final = (
    (re.compile(rb"_MEIPASS|PyInstaller|_PYI_"), "PyInstaller"),
    (re.compile(rb"NUITKA_"), "Nuitka"),
    (re.compile(rb"PyOxidizer|pyembed"), "PyOxidizer"),
)


class Unsupported(Struct, frozen=True):
    """What is started, why it cannot be checked, and what to do."""

    path: str
    reason: str
    hint: str


def find_unsupported(
    tree: FileTree, runtime: Runtime, prefixes: Collection[str], *, unsure: bool
) -> Unsupported | None:
    """Return what the subject starts instead of a CPython, None if there is no sign of it.

    *prefixes* are the programs of CPythons. If it is *unsure* what is started, the first Python of the PATH counts.
    """
    for path in dict.fromkeys((*_commands(tree, runtime), *(_on_path(tree, runtime) if unsure else ()))):
        try:
            found = _named(tree, path) if tree.resolve(path) not in prefixes else None
        except UnreadableError:
            continue
        if found is not None:
            return found
    return None


def _commands(tree: FileTree, runtime: Runtime) -> Iterator[str]:
    """Yield the programs that run or are started first, and the files that they receive."""
    commands = [process.command for process in runtime.processes] or [runtime.command]
    yield from (process.program for process in runtime.processes)
    for command in commands:
        for word in command[:4]:
            try:
                path = find_program(tree, word, runtime) if "/" not in word else None
                candidate = path or posixpath.normpath(posixpath.join(runtime.working_folder or "/", word))
                if not word.startswith("-") and tree.kind(candidate) == "file":
                    yield candidate
            except UnreadableError:
                continue


def _on_path(tree: FileTree, runtime: Runtime) -> Iterator[str]:
    """Yield the Python of each folder of the PATH by the names that people use, up to the first."""
    for folder in runtime.environment.get("PATH", "").split(":"):
        candidate = posixpath.normpath(posixpath.join(runtime.working_folder or "/", folder))
        try:
            names = [name for name in tree.names(candidate) if _NAMES.fullmatch(name)]
        except UnreadableError:
            continue
        for name in sorted(names, key=lambda each: (not each.startswith("python"), each))[:1]:
            yield f"{candidate}/{name}"
            return


def _named(tree: FileTree, path: str) -> Unsupported | None:
    real = tree.resolve(path)
    head = tree.read(real, _SCRIPT) or b""
    if head.startswith(b"#!") and b"pyenv" in head and b" exec " in head:
        return _shim(tree, path, real)
    start = head.find(_ZIP)
    if start == 0 or (start > 0 and head.startswith(b"#!") and b"python" in head[:start]):
        head = tree.read(real, _HEAD) or b""
        kind = next((name for sign, name in _ARCHIVES if sign.search(head)), None)
        if kind is not None:
            reason = f"it is {kind} with its packages inside, which lockml does not read"
            return Unsupported(path, reason, "unpack it when you build the image (`pex-tools FILE venv DIR`, or unzip)")
    if head.startswith(b"\x7fELF"):
        head = tree.read(real, _HEAD) or b""
        tool = next((name for sign, name in _FROZEN if sign.search(head)), None)
        if tool is not None:
            reason = f"it is a program into which {tool} froze Python and its packages, which lockml does not read"
            return Unsupported(path, reason, "check the environment that it is built from, before freezing it")
    return None


def _shim(tree: FileTree, path: str, real: str) -> Unsupported:
    """Return what to do about a program that selects a Python when it is started."""
    versions = f"{posixpath.dirname(posixpath.dirname(real))}/versions"
    names = tree.names(versions)
    hint = (
        f"name one of them: {setting('environment', f'{versions}/{names[0]}')}"
        if names
        else f"name one with {setting('environment')}"
    )
    prefixes = f": {', '.join(names[:8])}" if names else ""
    return Unsupported(path, f"it is a shim of pyenv, which selects a Python when it is started{prefixes}", hint)
