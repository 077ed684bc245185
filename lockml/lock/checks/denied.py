"""A lock and patterns of projects that may not be in it in; an error that names who asks for each of them out."""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.display import escape
from lockml.common.errors import NoResolutionError
from lockml.common.settings import setting
from lockml.lock.graph import LockGraph
from lockml.lock.model import Lock

__all__ = ["refuse_denied"]


def refuse_denied(lock: Lock, patterns: Iterable[str]) -> None:
    """Raise NoResolutionError where *lock* has a project that one of *patterns* names, ``*`` standing for anything."""
    normalized = ["*".join(canonicalize_name(part) for part in text.strip().split("*")) for text in patterns]
    names = sorted({package.name for package in lock.pylock.packages})
    denied = [name for name in names if any(fnmatchcase(name, pattern) for pattern in normalized)]
    if denied:
        graph = LockGraph(lock)
        lines = [f"{name} may not be locked ({setting('deny')}){_askers(graph, name)}" for name in denied]
        raise NoResolutionError(
            "\n".join(map(escape, lines)), hint=f"take away what asks for it, or leave it out with {setting('exclude')}"
        )


def _askers(graph: LockGraph, name: NormalizedName) -> str:
    texts = list(_chains(graph, name))
    return f": {'; '.join(texts)}" if texts else ""


def _chains(graph: LockGraph, name: NormalizedName) -> Iterator[str]:
    """Yield who asks for *name*, each with the chain that leads to it."""
    for chain, asked in graph.chains(name):
        origins = ", ".join(dict.fromkeys(each.origin for each in asked)) or "the inputs"
        between = "".join(f" <- {link}" for link in reversed(chain[:-1]))
        yield f"{name}{between} <- {origins}" if between else f"asked for by {origins}"
