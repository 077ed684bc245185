"""What is told of a conflict is true: the lines named conflict, no fewer do, and each change that is told ends it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from lockml.common.errors import NoResolutionError
from lockml.index.model import OtherIndex
from lockml.requirements.model import RequirementSet
from lockml.resolution.model import Policy, Preferences, parse_selection
from lockml.resolution.multi_target import resolve_targets
from lockml.resolution.resolver import resolve
from tests.made.indexes import INDEX_URL, MemoryIndex
from tests.made.targets import make_target
from tests.resolution.universes import asked_by, index_of, requirements, universes


def told(index: MemoryIndex, asked: RequirementSet) -> str | None:
    try:
        resolve_targets(asked, {make_target(): Preferences()}, index, policy=Policy())
    except NoResolutionError as error:
        return error.explanation
    return None


def resolves(index: MemoryIndex, asked: RequirementSet) -> bool:
    try:
        resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())
    except NoResolutionError:
        return False
    return True


def sample() -> MemoryIndex:
    index = MemoryIndex()
    index.add("app", "1.0", ["lib<2"])
    index.add("app", "2.0", ["lib>=2"])
    for version in ("1.0", "2.0", "3.0"):
        index.add("lib", version)
    index.add("other", "1.0", ["lib"])
    return index


def test_only_the_lines_that_conflict_are_told_and_what_would_end_it() -> None:
    explanation = told(sample(), asked_by("other", "app<2", "lib>=2", "lib!=2.5"))
    assert explanation is not None
    assert explanation.splitlines()[-4:] == [
        "  these lines alone conflict: app<2 (requirements.in:2), lib>=2 (requirements.in:3)",
        "  any of these changes makes everything resolve:",
        "    requirements.in:2: change app<2 to allow app 2.0",
        "    requirements.in:3: change lib>=2 to allow lib 1.0",
    ]


def test_constraint_is_told_as_one() -> None:
    explanation = told(sample(), asked_by("app", constraints=("app<2", "lib>=2")))
    assert explanation is not None
    assert "app (requirements.in:1), app<2 (constraint, limits.txt:1), lib>=2 (constraint, limits.txt:2)" in explanation


def test_line_that_nothing_meets_is_told_alone() -> None:
    explanation = told(sample(), asked_by("other", "lib>=9"))
    assert explanation is not None
    assert explanation.splitlines()[-3:] == [
        "  this line alone cannot be met: lib>=9 (requirements.in:2)",
        "  this change would resolve it:",
        "    requirements.in:2: change lib>=9 to allow lib 3.0",
    ]


def test_change_that_ends_one_conflict_of_two_is_told_as_such() -> None:
    explanation = told(sample(), asked_by("app<2", "lib>=2", "other>=9"))
    assert explanation is not None
    assert "  this change would resolve this conflict, but not others:" in explanation


def test_what_is_told_of_more_conflicts_than_are_shown_is_that_there_are_more() -> None:
    index = sample()
    for name in "abcd":
        index.add(name, "1.0")
    explanation = told(index, asked_by("a>1", "b>1", "c>1", "d>1"))
    assert explanation is not None
    lines = explanation.splitlines()
    assert lines.count("  there is another conflict:") == 2
    assert "  other lines conflict too; resolve these first to see them" in lines
    together = lines.index("  everything resolves only with all of these changes:")
    assert lines[together + 1 :] == [
        f"    requirements.in:{number}: change {name}>1 to allow {name} 1.0" for number, name in enumerate("abcd", 1)
    ]
    assert "no change" not in explanation


def test_lead_is_told_and_not_that_nothing_would_do() -> None:
    index, other = MemoryIndex(), MemoryIndex()
    index.add("app", "1.0", ["lib>=2"])
    index.add("lib", "1.0")
    other.add("lib", "2.0")
    page = other.project(canonicalize_name("lib"))
    assert page is not None
    index.others["lib"] = (OtherIndex(project=page, words="--index-only other=lib"),)
    explanation = told(index, asked_by("app"))
    assert explanation is not None
    assert explanation.splitlines()[-3:] == [
        "  this line alone cannot be met: app (requirements.in:1)",
        f"  {INDEX_URL} has lib 2.0, but {INDEX_URL} takes precedence",
        "    to use it: --index-only other=lib",
    ]
    index.others["lib"] = (OtherIndex(project=index.project(canonicalize_name("lib")) or page, words="?"),)
    assert "?" not in (told(index, asked_by("app")) or "?")


@pytest.mark.parametrize(("minors", "nearest"), [((9, 12), 12), ((9, 10, 13), 10), ((10, 12), 12), ((8,), 8)])
def test_nearest_other_python_is_suggested(minors: tuple[int, ...], nearest: int) -> None:
    """Of two that are as near, the newer one."""
    index = MemoryIndex()
    tags = ".".join(f"cp3{minor}" for minor in minors)
    index.add("lib", "1.0", filename=f"lib-1.0-{tags}-none-any.whl")
    explanation = told(index, asked_by("lib"))
    assert explanation is not None
    assert f"    --python 3.{nearest}, or a base image that has it" in explanation.splitlines()


def test_index_of_a_build_that_no_index_lists_is_named() -> None:
    index = MemoryIndex()
    index.add("torch", "2.1.0")
    index.add("torch", "2.1.0+cu121")
    index.add("other", "1.0")
    explanation = told(index, asked_by("torch==2.1.0+cu118"))
    assert explanation is not None
    options = "--index cu118=URL --index-only cu118=torch"
    assert f"  builds of torch with +cu118 come from PyTorch's index 'cu118': {options}" in explanation.splitlines()
    for line in ("torch==2.1.1", "other==1.0+cu118"):
        assert "PyTorch" not in (told(index, asked_by(line)) or "")


def test_index_that_may_not_know_of_a_project_is_named_after_a_refusal() -> None:
    index = sample()
    index.unasked = ("https://public.example/simple",)
    explanation = told(index, asked_by("lib>=9"))
    assert explanation is not None
    told_of = f"  not asked for lib, as its name may be private to {INDEX_URL}: https://public.example/simple"
    assert told_of in explanation.splitlines()


def test_option_that_is_named_and_does_not_do_alone_is_told_as_such() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", ["b>9"])
    policy = Policy(no_binary=parse_selection(["a"]))
    with pytest.raises(NoResolutionError) as caught:
        resolve_targets(asked_by("a"), {make_target(): Preferences()}, index, policy=policy)
    last = caught.value.explanation.splitlines()[-1]
    assert last == "  no change of this line alone would resolve it, nor does any option named above alone"


def test_others_are_asked_once_after_a_refusal_and_never_where_all_resolves() -> None:
    index = sample()
    assert told(index, asked_by("app")) is None
    assert not [name for name in index.asked if name.endswith(" elsewhere")]
    assert told(index, asked_by("lib>=9")) is not None
    assert [name for name in index.asked if name.endswith(" elsewhere")] == ["lib elsewhere"]


def test_many_releases_that_need_the_same_are_told_in_one_line() -> None:
    index = sample()
    for minor in range(40):
        index.add("big", f"1.{minor}", ["lib<2"])
    explanation = told(index, asked_by("big", "lib>=2"))
    assert explanation is not None
    assert "lib<2  (needed by big 1.0 to 1.39 (40 releases) <- big (requirements.in:1))" in explanation
    assert len(explanation.splitlines()) < 12


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(universes, st.lists(requirements, min_size=1, max_size=5))
def test_core_is_minimal_and_changes_are_verified(universe: dict[tuple[str, str], list[str]], lines: list[str]) -> None:
    index = index_of(universe)
    explanation = told(index, asked_by(*lines))
    for conflict in (explanation or "").split("  there is another conflict:"):
        if conflict:
            _verify(index, lines, conflict)


def _verify(index: MemoryIndex, lines: list[str], explanation: str) -> None:
    core = [int(number) - 1 for number in re.findall(r"requirements\.in:(\d+)\)", _core_line(explanation))]
    assert core
    assert not resolves(index, asked_by(*(lines[number] for number in core)))
    for left_out in core:
        assert resolves(index, asked_by(*(lines[number] for number in core if number != left_out)))
    others_remain = "not the only one" in explanation
    alone, _, together = explanation.partition("  only together")
    told = re.compile(r"requirements\.in:(\d+): let (\S+) (\S+) in")
    for changes in [*([change] for change in told.findall(alone)), told.findall(together)]:
        changed = [*lines]
        for number, name, version in changes:
            changed[int(number) - 1] = f"{name}=={version}"
        kept = [changed[place] for place in core] if others_remain and len(changes) == 1 else changed
        assert not changes or resolves(index, asked_by(*kept))


def _core_line(explanation: str) -> str:
    return next(line for line in explanation.splitlines() if "alone" in line)


def test_search_that_is_given_up_is_not_explained() -> None:
    with pytest.raises(NoResolutionError, match="gave up after 1 rounds") as caught:
        resolve_targets(asked_by("app", "other"), {make_target(): Preferences()}, sample(), policy=Policy(max_rounds=1))
    assert caught.value.gave_up


@pytest.mark.slow
def test_lines_that_conflict_are_found_among_very_many_with_few_trials() -> None:
    """The explanation names the suspects, so that what has no part in it is not tried line by line."""
    index = sample()
    for number in range(200):
        index.add(f"part{number}", "1.0")
    trials: list[int] = []
    with pytest.raises(NoResolutionError) as raised:
        resolve_targets(
            asked_by(*(f"part{number}" for number in range(200)), "other", "app<2", "lib>=2"),
            {make_target(): Preferences()},
            index,
            policy=Policy(),
            progress=lambda step: trials.append(step.done) if step.doing == "Looking for the cause" else None,
        )
    assert "  these lines alone conflict: app<2 (requirements.in:202), lib>=2 (requirements.in:203)\n" in str(
        raised.value.explanation
    )
    assert max(trials) < 16


def test_nothing_is_claimed_where_looking_for_it_was_given_up() -> None:
    """Each release of app needs something else that is missing, and there are more than a trial may look at."""
    index = MemoryIndex()
    for number in range(1, 400):
        index.add("app", f"{number}.0", [f"missing{number}"])
    explanation = told(index, asked_by("app==1.0"))
    assert explanation is not None
    assert "  this line alone cannot be met: app==1.0 (requirements.in:1)" in explanation
    assert "no change of one of these lines" not in explanation
    assert len([asked for asked in index.asked if asked.startswith("app-")]) < 250


def test_lines_are_told_where_a_part_of_them_takes_too_much_to_read() -> None:
    index = MemoryIndex()
    index.add("app", "1.0", ["lib<2", "tool", "base>=1"])
    for number in range(200):
        index.add("tool", f"1.{number}", ["base<1"])
    index.add("tool", "0.9")
    for version in ("1.0", "2.0"):
        index.add("lib", version)
        index.add("base", version)
    text = told(index, asked_by("app==1.0", "lib>=2"))
    assert text is not None
    assert "these lines alone conflict: app==1.0 (requirements.in:1), lib>=2 (requirements.in:2)" in text
