"""Refuse denied projects in a lock, and name what requires them."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.settings import setting
from lockml.lock.model import Lock
from lockml.lock.queries.graph import LockGraph

__all__ = ["refuse_denied"]


def refuse_denied(lock: Lock, patterns: Iterable[str]) -> None:
    """Raise NoResolutionError if *lock* has a project that matches one of *patterns*; ``*`` matches any text."""
    normalized = ["*".join(canonicalize_name(part) for part in text.strip().split("*")) for text in patterns]
    names = sorted({package.name for package in lock.pylock.packages})
    denied = [name for name in names if any(fnmatchcase(name, pattern) for pattern in normalized)]
    if denied:
        graph = LockGraph(lock)
        lines = [f"{name} must not be locked ({setting('deny')}){_askers(graph, name)}" for name in denied]
        raise NoResolutionError(
            "\n".join(map(escape, lines)),
            hint=f"remove the requirement, or exclude the project with {setting('exclude')}",
        )


def _askers(graph: LockGraph, name: NormalizedName) -> str:
    texts = list(_chains(graph, name))
    return f": {'; '.join(texts)}" if texts else ""


def _chains(graph: LockGraph, name: NormalizedName) -> Iterator[str]:
    """Yield what requires *name*, each with the chain that leads to it."""
    for chain, asked in graph.chains(name):
        origins = ", ".join(dict.fromkeys(each.origin for each in asked)) or "the inputs"
        between = "".join(f" <- {link}" for link in reversed(chain[:-1]))
        yield f"{name}{between} <- {origins}" if between else f"required by {origins}"
