"""What holds for every universe: pins satisfy what asked for them, and order decides nothing."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.requirements import Requirement

from lockml.common.errors import NoResolutionError, NotFoundError
from lockml.common.progress import Step
from lockml.requirements.model import RequirementSet
from lockml.resolution.model import Pin, Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.resolution.universes import NAMES, asked_by, index_of, requirements, universes


def resolved(index: MemoryIndex, asked: RequirementSet) -> Resolution:
    return resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())


def answer(index: MemoryIndex, asked: RequirementSet) -> tuple[Pin, ...] | str:
    """Return the pins, or the explanation why there are none."""
    try:
        return resolved(index, asked).pins
    except NoResolutionError as error:
        return error.explanation


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(universes, st.lists(requirements, min_size=1, max_size=4), st.randoms())
def test_answer_does_not_depend_on_order(
    universe: dict[tuple[str, str], list[str]], lines: list[str], random: Random
) -> None:
    asked = asked_by(*lines)
    shuffled = list(asked.requirements)
    random.shuffle(shuffled)
    again = replace(asked, requirements=tuple(shuffled))
    assert answer(index_of(universe), asked) == answer(index_of(universe, random), again)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(universes, st.lists(requirements, min_size=1, max_size=4))
def test_pins_are_what_the_requirements_need_and_nothing_else(
    universe: dict[tuple[str, str], list[str]], lines: list[str]
) -> None:
    pins = answer(index_of(universe), asked_by(*lines))
    if isinstance(pins, str):
        return
    versions: dict[str, str] = {pin.name: str(pin.version) for pin in pins}
    needed: set[str] = set()
    waiting = [Requirement(line) for line in lines]
    while waiting:
        requirement = waiting.pop()
        assert requirement.specifier.contains(versions[requirement.name])
        if requirement.name not in needed:
            needed.add(requirement.name)
            waiting += map(Requirement, universe.get((requirement.name, versions[requirement.name]), ()))
    assert set(versions) == needed


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(universes, st.lists(requirements, min_size=1, max_size=3))
def test_conflict_is_told_only_when_there_is_one(universe: dict[tuple[str, str], list[str]], lines: list[str]) -> None:
    """A brute-force search over all pins agrees that nothing fits."""
    asked = asked_by(*lines)
    try:
        resolved(index_of(universe), asked)
    except NoResolutionError:
        assert not satisfiable({**{(name, "0.1"): [] for name in NAMES}, **universe}, lines)


def satisfiable(universe: dict[tuple[str, str], list[str]], lines: list[str]) -> bool:
    def search(pins: dict[str, str], open_now: list[Requirement]) -> bool:
        if not open_now:
            return True
        first, *rest = open_now
        if first.name in pins:
            return first.specifier.contains(pins[first.name]) and search(pins, rest)
        return any(
            search({**pins, name: version}, [*rest, *map(Requirement, requires)])
            for (name, version), requires in universe.items()
            if name == first.name and first.specifier.contains(version)
        )

    return search({}, [Requirement(line) for line in lines])


def test_unknown_projects_are_told_with_their_lines() -> None:
    index = MemoryIndex()
    index.add("known", "1.0")
    with pytest.raises(NotFoundError) as caught:
        resolved(index, asked_by("known", "nunpy>=1", "pandsa"))
    assert str(caught.value) == (
        "'nunpy' (requirements.in:2), 'pandsa' (requirements.in:3): no index has a project with this name"
    )
    assert caught.value.exit_code == 2


def test_metadata_is_read_only_for_what_is_pinned() -> None:
    index = MemoryIndex()
    for minor in range(50):
        index.add("a", f"1.{minor}")
    resolved(index, asked_by("a"))
    assert [name for name in index.asked if name.endswith(".whl")] == ["a-1.49-py3-none-any.whl"] * len(
        [name for name in index.asked if name.endswith(".whl")]
    )


def test_progress_tells_each_pin() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", ["b"])
    index.add("b", "2.0")
    steps: list[Step] = []
    resolve(asked_by("a"), make_target(), index, policy=Policy(), preferences=Preferences(), progress=steps.append)
    assert [(step.doing, step.subject) for step in steps] == [("Pinned", "a 1.0"), ("Pinned", "b 2.0")]
