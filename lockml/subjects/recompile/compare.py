"""Create the comparison of compiled modules with their sources, with a time limit and a cache."""

import secrets
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from lockml.inventory.bytecode.comparison import CompiledModule, Verdict
from lockml.inventory.bytecode.compiled_modules import CompareCode

__all__ = ["SECONDS", "comparing", "new_salt"]

SECONDS = 2.0
"""The default time limit of the comparison, in seconds."""


def new_salt() -> bytes:
    """Return unpredictable bytes, which decide an order."""
    return secrets.token_bytes(16)


def comparing(seconds: float, cache: Path | None) -> CompareCode:
    """Return a comparison limited to *seconds* for each subject, with its results in *cache*, None for no cache."""

    def compare_code(python: str, modules: Iterable[CompiledModule]) -> Iterator[Verdict]:
        waiting = iter(modules)
        first = next(waiting, None)
        if first is None:
            return
        from lockml.subjects.recompile.recompilation import Recompilation

        release = python if python.count(".") > 1 else None
        with Recompilation(int(python.split(".")[1]), release, seconds=seconds, folder=cache) as recompilation:
            yield from recompilation.compare(chain((first,), waiting))

    return compare_code
