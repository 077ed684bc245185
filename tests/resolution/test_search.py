"""The search finds pins where there are any, says so where there are none, and ends: held against trying all pins."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockml.common.errors import NoResolutionError
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from lockml.resolution.search import Fact, Nogood, Nogoods
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.resolution.universes import BOUNDS, NAMES, Universe, asked_by, made_up


def satisfiable(universe: Universe, lines: list[str], inner: dict[tuple[str, str], str] | None = None) -> bool:
    """Try all pins; *inner* is what the extra of each release needs, where there are extras."""
    names = sorted({name for name, _ in universe})
    offered = [[None, *(version for other, version in universe if other == name)] for name in names]
    for versions in itertools.product(*offered):
        pins = {name: version for name, version in zip(names, versions, strict=True) if version is not None}
        needed = [*lines, *(line for pin in pins.items() for line in universe[pin])]
        if all(met(line, pins) for line in needed) and extras_are_met(needed, pins, inner or {}):
            return True
    return False


def extras_are_met(needed: list[str], pins: dict[str, str], inner: dict[tuple[str, str], str]) -> bool:
    waiting, seen = [*needed], set[str]()
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.extras and requirement.name not in seen:
            seen.add(requirement.name)
            more = inner[requirement.name, pins[requirement.name]]
            if not met(more, pins):
                return False
            waiting.append(more)
    return True


def met(line: str, pins: dict[str, str]) -> bool:
    requirement = Requirement(line)
    return requirement.name in pins and requirement.specifier.contains(pins[requirement.name])


def index_of(universe: Universe) -> MemoryIndex:
    index = MemoryIndex()
    for (name, version), requires in universe.items():
        index.add(name, version, requires)
    return index


def found(index: MemoryIndex, lines: list[str], rounds: int = 2_000) -> Resolution | None:
    policy = Policy(max_rounds=rounds)
    try:
        return resolve(asked_by(*lines), make_target(), index, policy=policy, preferences=Preferences())
    except NoResolutionError as error:
        if error.gave_up:
            raise
        return None


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 3_000, 500))
def test_search_agrees_with_trying_everything_and_ends(start: int) -> None:
    conflicts = 0
    for seed in range(start, start + 500):
        universe, lines = made_up(Random(seed))
        resolution = found(index_of(universe), lines)
        assert (resolution is not None) == satisfiable(universe, lines), f"{lines} of {universe}"
        conflicts += resolution is None
        pins = {str(pin.name): str(pin.version) for pin in resolution.pins} if resolution is not None else {}
        assert all(met(line, pins) for pin in pins.items() for line in universe[pin])
    assert 50 < conflicts < 450


@pytest.mark.slow
def test_search_agrees_with_trying_everything_where_extras_are_asked_for() -> None:
    """Each release has one extra, that needs one thing more."""
    conflicts = 0
    for seed in range(1_000):
        random = Random(seed)
        universe, lines = made_up(random)
        universe = {pin: [with_extra(line, random) for line in needed] for pin, needed in universe.items()}
        inner = {pin: with_extra(random.choice(NAMES) + random.choice(BOUNDS), random) for pin in universe}
        asked = [with_extra(line, random) for line in lines]
        index = MemoryIndex()
        for (name, version), needed in universe.items():
            index.add(name, version, [*needed, f"{inner[name, version]}; extra == 'x'"], extras=["x"])
        resolution = found(index, asked)
        assert (resolution is not None) == satisfiable(universe, asked, inner), f"{asked} of {universe} and {inner}"
        conflicts += resolution is None
    assert 100 < conflicts < 900


def with_extra(line: str, random: Random) -> str:
    return f"{line[0]}[x]{line[1:]}" if random.random() < 0.3 else line


def test_what_has_no_part_in_a_conflict_is_not_tried_over() -> None:
    """Many releases of much lie between the pin that is at fault and where it shows."""
    index = MemoryIndex()
    for version in range(1, 30):
        index.add("app", f"{version}.0", ["engine>=2" if version > 1 else "engine<2"])
        index.add("engine", f"{version}.0", ["numpy>=2" if version > 1 else "numpy<2"])
        for name in ("between", "beyond", "middle"):
            index.add(name, f"{version}.0", ["numpy"])
    index.add("numpy", "1.0")
    index.add("numpy", "2.0")
    resolution = found(index, ["app", "between", "beyond", "middle", "numpy==1.0"], rounds=20)
    assert resolution is not None
    assert {str(pin.name): str(pin.version) for pin in resolution.pins}["app"] == "1.0"
    assert {str(pin.name): str(pin.version) for pin in resolution.pins}["middle"] == "29.0"


def test_releases_that_ask_the_same_fall_together() -> None:
    """Two lists of releases that exclude each other cost a few pins, not one for each pair."""
    index = MemoryIndex()
    for version in range(1, 60):
        index.add("left", f"{version}.0", ["shared<2" if version > 1 else "shared"])
        index.add("right", f"{version}.0", ["shared>=2" if version > 1 else "shared"])
        index.add("top", f"{version}.0", ["left>1", "right>1"] if version > 1 else [])
    index.add("shared", "1.0")
    index.add("shared", "2.0")
    assert found(index, ["top"], rounds=40) is not None


def test_release_without_the_extra_that_is_asked_for_is_taken_only_where_none_with_it_will_do() -> None:
    index = MemoryIndex()
    index.add("table", "1.0")
    index.add("table", "2.0", ['cloud>=2; extra == "aws"'], extras=["aws"])
    index.add("cloud", "1.0")
    without = found(index, ["table[aws]"])  # nothing else resolves
    assert without is not None
    assert without.warnings == ("table 1.0 has no extra 'aws'",)
    index.add("cloud", "2.0")
    resolution = found(index, ["table[aws]"])
    assert resolution is not None
    assert [(str(pin.name), str(pin.version)) for pin in resolution.pins] == [("cloud", "2.0"), ("table", "2.0")]


def test_extra_that_no_release_has_is_warned_of_and_no_more() -> None:
    index = MemoryIndex()
    index.add("table", "1.0")
    resolution = found(index, ["table[aws]"])
    assert resolution is not None
    assert resolution.warnings == ("table 1.0 has no extra 'aws'",)
    assert resolution.pins[0].name == canonicalize_name("table")


def test_extras_that_a_release_has_are_named_to_a_bound() -> None:
    index = MemoryIndex()
    index.add("table", "1.0", extras=[f"x{number}" for number in range(500)])
    resolution = found(index, ["table[aws]"])
    assert resolution is not None
    assert resolution.warnings == ("table 1.0 has no extra 'aws'; it has x0, x1, x10, x100 and 496 more",)


def test_many_releases_that_nothing_can_use_are_not_read_where_another_project_shows_the_same() -> None:
    """Every nightly needs what is missing, and so does the one release of plain: app 2.0 is out by either."""
    index = MemoryIndex()
    index.add("app", "1.0")
    index.add("app", "2.0", ["nightly", "plain"])
    for number in range(1, 200):
        index.add("nightly", f"{number}.0", ["missing"])
    index.add("plain", "1.0", ["missing"])
    resolution = found(index, ["app"])
    assert resolution is not None
    assert [str(pin.version) for pin in resolution.pins] == ["1.0"]
    assert len([asked for asked in index.asked if asked.startswith("nightly-")]) < 40


def test_project_that_was_put_off_is_chosen_all_the_same() -> None:
    index = MemoryIndex()
    index.add("plain", "1.0")
    index.add("nightly", "0.1")
    for number in range(1, 100):
        index.add("nightly", f"{number}.0", ["missing"])
    resolution = found(index, ["nightly", "plain"])
    assert resolution is not None
    assert {str(pin.name): str(pin.version) for pin in resolution.pins} == {"nightly": "0.1", "plain": "1.0"}


FACTS = st.tuples(st.tuples(st.sampled_from([canonicalize_name(name) for name in NAMES]), st.none()), st.integers(0, 2))
STEPS = st.lists(st.tuples(st.frozensets(FACTS, min_size=1, max_size=4), st.frozensets(FACTS), st.booleans()))


@pytest.mark.slow
@given(STEPS)
def test_nogood_is_found_where_looking_at_all_of_them_finds_one(steps: list[tuple[frozenset[Fact], ...]]) -> None:
    """Each step learns one, and at times pins change; then what one project would add is asked for."""
    pinned: frozenset[Fact] = frozenset()
    nogoods, learned = Nogoods(), list[frozenset[Fact]]()
    for facts, others, changed in steps:
        nogoods.learn(Nogood(facts, ()))
        learned.append(facts)
        if changed:
            pinned = others
            nogoods.change()
        name = next(iter(facts))[0]
        own = {fact: None for fact in (*facts, *others) if fact[0] == name}
        rest = {fact for fact in pinned if fact[0] != name}
        broken = [each for each in learned if each <= own.keys() | rest and not each.isdisjoint(own)]
        found = nogoods.find(own, pinned.__contains__)
        assert (found.facts in broken) if found is not None else not broken
