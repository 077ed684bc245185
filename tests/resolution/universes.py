"""Universes of a few projects, made up, and what asks for them."""

from random import Random

from hypothesis import strategies as st

from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files
from tests.made.indexes import MemoryIndex

__all__ = ["BOUNDS", "NAMES", "Universe", "asked_by", "index_of", "made_up", "requirements", "universes"]

NAMES = ("a", "b", "c", "d", "e")
VERSIONS = ("1.0", "1.1", "2.0", "3.0")
BOUNDS = ("", ">=2", "<2", "<3", ">=3", "==1.0", "==2.0", "==3.0", "!=2.0")

Universe = dict[tuple[str, str], list[str]]
"""What each release, a name and a version, requires."""

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


def index_of(universe: Universe, order: Random | None = None) -> MemoryIndex:
    index = MemoryIndex()
    for name in NAMES:
        index.add(name, "0.1")
    items = list(universe.items())
    if order:
        order.shuffle(items)
    for (name, version), requires in items:
        index.add(name, version, requires)
    return index


def made_up(random: Random) -> tuple[Universe, list[str]]:
    """Return releases that need each other, and lines: circles, contradictions and projects that are not there."""
    universe: Universe = {}
    names = NAMES[: random.randint(2, 5)]
    for name in names:
        for number in range(1, random.randint(2, 5)):
            count = random.choice([0, 0, 1, 1, 2, 3])
            universe[name, f"{number}.0"] = [random.choice(NAMES) + random.choice(BOUNDS) for _ in range(count)]
    return universe, [random.choice(names) + random.choice(BOUNDS) for _ in range(random.randint(1, 4))]
