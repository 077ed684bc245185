"""Find the packages of a lock that a user names."""

from collections.abc import Iterable

from packaging.utils import NormalizedName, canonicalize_name

from lockml.common.errors import NotFoundError
from lockml.lock.queries.graph import LockGraph

__all__ = ["parse_names"]


def parse_names(names: Iterable[str], graph: LockGraph, lock: str) -> tuple[NormalizedName, ...]:
    """Return the packages *names* of the file *lock*, each once; raises NotFoundError for missing ones."""
    wanted = tuple(dict.fromkeys(map(canonicalize_name, names)))
    missing = ", ".join(repr(str(name)) for name in wanted if name not in graph)
    if missing:
        verb = "are" if ", " in missing else "is"
        raise NotFoundError(lock, f"{missing} {verb} not locked", hint="`lockml tree` lists the locked packages")
    return wanted
