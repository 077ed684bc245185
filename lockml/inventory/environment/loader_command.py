"""Read a command of the dynamic loader: the program that it starts, and its options as variables.

ld.so(8): ``/lib64/ld-linux-x86-64.so.2 --preload LIST --library-path PATH PROGRAM``; musl's takes nearly the same.
"""

import posixpath
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["behind_loader", "is_loader"]

_LOADER: Final = re.compile(r"ld(?:-linux[\w.-]*|-musl[\w.-]*|-\d[\d.]*|64)?\.so(?:\.\d+)*")
_VARIABLES: Final = {"--preload": "LD_PRELOAD", "--library-path": "LD_LIBRARY_PATH", "--audit": "LD_AUDIT"}
_VALUED: Final = frozenset({"--argv0", "--inhibit-rpath", "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"})


def is_loader(program: str) -> bool:
    """Return whether a *program* has a name of the loader."""
    return _LOADER.fullmatch(posixpath.basename(program)) is not None


def behind_loader(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Return the command that the loader starts with the arguments *words*, and its options as variables."""
    waiting, variables = list(words), dict[str, str]()
    while waiting and waiting[0].startswith("--"):
        option, equals, value = waiting.pop(0).partition("=")
        if not equals and option in (*_VARIABLES, *_VALUED) and waiting:
            value = waiting.pop(0)
        if option in _VARIABLES:
            variables[_VARIABLES[option]] = value
    return waiting, variables
