"""Universes of a few projects, made up, and what asks for them."""

from random import Random

from hypothesis import strategies as st

from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files
from tests.made.indexes import MemoryIndex

__all__ = ["NAMES", "asked_by", "index_of", "requirements", "universes"]

NAMES = ("a", "b", "c", "d", "e")
VERSIONS = ("1.0", "1.1", "2.0", "3.0")

requirements = st.builds(
    "{}{}{}".format, st.sampled_from(NAMES), st.sampled_from([">=", "<", "==", "!="]), st.sampled_from(VERSIONS)
)
universes = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VERSIONS)), st.lists(requirements, max_size=2), min_size=6
)


def asked_by(*lines: str, constraints: tuple[str, ...] = ()) -> RequirementSet:
    """Return what *lines* of a file ask for, within *constraints*."""
    files = {"requirements.in": "\n".join(lines).encode(), "limits.txt": "\n".join(constraints).encode()}
    return read_requirement_files(
        ("requirements.in",), read=files.__getitem__, environment={}, constraints=("limits.txt",)
    )


def index_of(universe: dict[tuple[str, str], list[str]], order: Random | None = None) -> MemoryIndex:
    index = MemoryIndex()
    for name in NAMES:
        index.add(name, "0.1")
    items = list(universe.items())
    if order:
        order.shuffle(items)
    for (name, version), requires in items:
        index.add(name, version, requires)
    return index
