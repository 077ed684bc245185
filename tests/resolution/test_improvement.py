"""No pin is left behind: what a better release would fit is held against trying all releases of all projects."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from random import Random

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import NoResolutionError
from lockml.resolution.model import Policy, Preferences, Resolution, Strategy
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.resolution.universes import NAMES, Universe, asked_by

requirement_of = cache(Requirement)
version_of = cache(Version)


@cache
def admits(line: str, version: str) -> bool:
    return requirement_of(line).specifier.contains(version)


def index_of(universe: Universe) -> MemoryIndex:
    index = MemoryIndex()
    for (name, version), requires in universe.items():
        index.add(name, version, requires)
    return index


def resolved(
    index: MemoryIndex, *lines: str, kept: Mapping[str, str] | None = None, strategy: Strategy = "highest"
) -> Resolution:
    versions = {canonicalize_name(name): Version(version) for name, version in (kept or {}).items()}
    preferences, policy = Preferences(versions=versions), Policy(strategy=strategy, max_rounds=2_000)
    return resolve(asked_by(*lines), make_target(), index, policy=policy, preferences=preferences)


def pins(
    universe: Universe, *lines: str, kept: Mapping[str, str] | None = None, strategy: Strategy = "highest"
) -> dict[str, str]:
    resolution = resolved(index_of(universe), *lines, kept=kept, strategy=strategy)
    return {str(pin.name): str(pin.version) for pin in resolution.pins}


def grown(random: Random) -> tuple[Universe, list[str]]:
    """Return releases that mostly fit each other, and lines: what the search leaves behind shows here, not in ruins."""
    universe: Universe = {}
    names = NAMES[: random.randint(3, 5)]
    for name in names:
        for number in range(1, random.randint(3, 5)):
            bounds = ("", "", f">={number}", f"<{number + 1}", f"=={number}.0", "<3", ">=2", "<2")
            others = [other for other in random.sample(names, random.randint(0, 2)) if other != name]
            universe[name, f"{number}.0"] = [other + random.choice(bounds) for other in others]
    own = ("", "", "", ">=2", "<3")
    return universe, [random.choice(names) + random.choice(own) for _ in range(random.randint(1, 3))]


def needed(universe: Universe, chosen: Mapping[str, str], *names: str) -> set[str]:
    """Return *names* and all that they need in the end."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in chosen and name not in reached:
            reached.add(name)
            waiting += [requirement_of(line).name for line in universe[name, chosen[name]]]
    return reached


def holds(universe: Universe, lines: list[str], chosen: Mapping[str, str]) -> bool:
    """Say whether *chosen* meets *lines* and what it needs itself, and has nothing that is not needed."""
    asked = [*lines, *(line for pin in chosen.items() for line in universe[pin])]
    met = all(requirement_of(line).name in chosen and admits(line, chosen[requirement_of(line).name]) for line in asked)
    return met and needed(universe, chosen, *(requirement_of(line).name for line in lines)) == set(chosen)


def better_ones(
    universe: Universe, lines: list[str], chosen: Mapping[str, str], *, lowest: bool = False, kept: frozenset[str]
) -> Iterator[dict[str, str]]:
    """Yield what is better of one project, worse of none, and changes nothing but what that project needs."""
    offered: list[list[str | None]] = []
    for name in sorted({name for name, _ in universe}):
        versions = [version for other, version in universe if other == name]
        own = chosen.get(name)
        if own is not None:
            ahead = [v for v in versions if (version_of(v) < version_of(own)) is lowest]
            versions = [own, *ahead] if name not in kept else [own]
        offered.append([None, *versions])
    for combination in product(*offered):
        names = sorted({name for name, _ in universe})
        other = {name: version for name, version in zip(names, combination, strict=True) if version is not None}
        changed = {name for name in chosen.keys() & other.keys() if chosen[name] != other[name]}
        if not changed or not holds(universe, lines, other):
            continue
        if any(changed <= needed(universe, chosen, name) | needed(universe, other, name) for name in changed):
            yield other


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["highest", "lowest"])
def test_no_pin_can_be_better_alone_with_what_it_needs(strategy: Strategy) -> None:
    """For each pin: with a better release of it, what it needs free to get better, and all others as they are, no."""
    solved = 0
    for seed in range(1_000):
        universe, lines = grown(Random(seed))
        try:
            chosen = pins(universe, *lines, strategy=strategy)
        except NoResolutionError:
            continue
        solved += 1
        better = next(better_ones(universe, lines, chosen, lowest=strategy == "lowest", kept=frozenset()), None)
        assert better is None, f"seed {seed}: {lines} of {universe} gives {chosen}, and {better} is better"
    assert solved > 900


@pytest.mark.slow
def test_what_a_lock_has_stays_and_all_else_is_as_good_as_it_can_be_beside_it() -> None:
    for seed in range(1_000):
        random = Random(seed)
        universe, lines = grown(random)
        names = sorted({name for name, _ in universe})
        locked = {name: random.choice([v for other, v in universe if other == name]) for name in names}
        locked = {name: version for name, version in locked.items() if random.random() < 0.4}
        try:
            chosen = pins(universe, *lines, kept=locked)
        except NoResolutionError:
            continue
        kept = frozenset(name for name, version in locked.items() if chosen.get(name) == version)
        better = next(better_ones(universe, lines, chosen, kept=kept), None)
        assert better is None, f"seed {seed}: {lines} of {universe}, {locked} gives {chosen}, and {better} is better"


def test_pin_that_a_conflict_left_behind_is_raised() -> None:
    """c 3.0 needs b, which excludes it; that b is gone in the end, and so is what it asks of c."""
    universe = {("b", "0.1"): ["c<2"], ("c", "1.0"): [], ("c", "2.0"): [], ("c", "3.0"): ["b<2"]}
    assert pins(universe, "c") == {"c": "2.0"}


def test_pin_that_needs_more_than_before_brings_it_in() -> None:
    universe: Universe = {("a", "3.0"): [], ("a", "4.0"): ["b>0.1"], ("b", "1.0"): [], ("b", "3.0"): ["a==3.0"]}
    assert pins(universe, "a>=2") == {"a": "4.0", "b": "1.0"}


def test_pins_that_only_fit_together_are_raised_together() -> None:
    universe = {
        ("b", "0.1"): ["c<2"],
        ("c", "1.0"): ["d<2"],
        ("c", "2.0"): ["d>=2"],
        ("c", "3.0"): ["b<2"],
        ("d", "1.0"): [],
        ("d", "2.0"): [],
    }
    assert pins(universe, "c") == {"c": "2.0", "d": "2.0"}
    assert pins(universe, "c", "d<2") == {"c": "1.0", "d": "1.0"}
    assert pins(universe, "c", kept={"d": "1.0"}) == {"c": "1.0", "d": "1.0"}


LEFT_BEHIND: Universe = {("b", "0.1"): ["c<2"], ("c", "1.0"): [], ("c", "3.0"): ["b<2"]}
"""What makes c 1.0 the answer of the search, whatever lies between 1.0 and 3.0."""


def test_what_a_lock_has_is_not_raised() -> None:
    universe = {**LEFT_BEHIND, ("c", "2.0"): []}
    assert pins(universe, "c", kept={"c": "1.0"}) == {"c": "1.0"}


@pytest.mark.parametrize(("version", "entry"), [("2.0b1", {}), ("2.0", {"yanked": "broken"})])
def test_nothing_is_raised_to_what_may_not_be_chosen(version: str, entry: dict[str, str]) -> None:
    index = index_of(LEFT_BEHIND)
    index.add("c", version, **entry)
    (pin,) = resolved(index, "c").pins
    assert pin.version == Version("1.0")


def test_nothing_is_read_where_the_pins_exclude_it() -> None:
    """A release that a pin rules out is not looked at: that would be a request for each."""
    index = index_of({("a", "1.0"): ["b<2"], ("b", "1.0"): [], ("b", "2.0"): []})
    resolved(index, "a", "b")
    assert not [asked for asked in index.asked if asked.startswith("b-2.0")]


def test_releases_left_untried_are_told() -> None:
    index = index_of(LEFT_BEHIND)
    for number in range(20):
        index.add("c", f"2.{number}", ["b>5"])
    resolution = resolved(index, "c")
    assert [str(pin.version) for pin in resolution.pins] == ["1.0"]
    assert resolution.warnings == ("c may have newer releases that fit: there are too many to try",)
    assert len([asked for asked in index.asked if asked.startswith("c-2.")]) < 20


def test_releases_left_untried_are_older_ones_where_the_oldest_comes_first() -> None:
    mirrored: Universe = {("b", "0.1"): ["c>=3"], ("c", "3.0"): [], ("c", "1.0"): ["b<2"]}
    index = index_of(mirrored)
    for number in range(20):
        index.add("c", f"2.{number}", ["b>5"])
    resolution = resolved(index, "c", strategy="lowest")
    assert [str(pin.version) for pin in resolution.pins] == ["3.0"]
    assert resolution.warnings == ("c may have older releases that fit: there are too many to try",)


def test_pre_release_goes_where_what_asked_for_it_is_raised() -> None:
    """c 1.0, which is left behind, is the only one to name d 2.0b1."""
    universe = {
        **LEFT_BEHIND,
        ("c", "1.0"): ["d>=2.0b1"],
        ("c", "2.0"): ["d"],
        ("d", "1.0"): [],
        ("d", "2.0b1"): [],
    }
    assert pins(universe, "c") == {"c": "2.0", "d": "1.0"}
