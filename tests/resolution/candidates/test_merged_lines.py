"""Thousands of lines of one project: the same answer in time that grows with their number."""

from collections.abc import Callable

import pytest

from lockml.common.errors import NoResolutionError, RequirementError
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.candidates.merged_lines import merge_lines
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.work import count_calls


def sample() -> MemoryIndex:
    index = MemoryIndex()
    for version in range(1, 9):
        index.add("a", f"{version}.0", extras=[f"x{number}" for number in range(60)])
    index.add("b", "1.0", ["a[" + ",".join(f"y{number}" for number in range(600)) + "]"])
    return index


def resolved(text: str, constraints: str = "") -> Resolution:
    files = {"a.in": text.encode(), "c.txt": constraints.encode()}
    asked = read_requirement_files(
        ("a.in",), constraints=("c.txt",) if constraints else (), read=files.__getitem__, environment={}
    )
    return resolve(asked, make_target(), sample(), policy=Policy(), preferences=Preferences())


KINDS: dict[str, Callable[[int], str]] = {
    "the same": lambda _: "a",
    "another bound": lambda number: f"a>=0.{number}",
    "a version left out": lambda number: f"a!=7.{number}",
    "an extra": lambda number: f"a[x{number % 60}]",
    "a marker": lambda number: f"a; python_version > '3.{number % 10}'",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "constraint"), [(kind, file) for kind in KINDS for file in (False, True) if kind != "an extra" or not file]
)  # a constraint has no extras
def test_work_grows_with_the_number_of_lines_of_one_project(kind: str, *, constraint: bool) -> None:
    def calls(count: int) -> int:
        text = "\n".join(map(KINDS[kind], range(count)))
        return count_calls(lambda: resolved("a", text) if constraint else resolved(text))

    assert calls(2000) < 6 * calls(500)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "version"), [("a>=0.{0}\na<7", "6.0"), ("a[x{1}]\na!=8.{0}", "7.0"), ("a<9.{0}\na==3.0", "3.0")]
)
def test_very_many_lines_choose_what_they_choose_together(text: str, version: str) -> None:
    lines = "\n".join(text.format(number, number % 60) for number in range(200))
    (pin,) = resolved(lines).pins
    assert str(pin.version) == version
    assert len(pin.extras) == (60 if "[" in text else 0)
    assert len(resolved(lines).requirements) == 400


def test_conflict_of_very_many_lines_is_told_by_the_first_of_them() -> None:
    with pytest.raises(NoResolutionError) as caught:
        resolved("\n".join(f"a<0.{number}" for number in range(200)))
    assert "(a.in:1 and 199 more lines)" in caught.value.explanation


def test_few_lines_stay_as_they_are() -> None:
    asked = read_requirement_files(("a.in",), read=lambda _: b"b\na\n" * 50, environment={})
    assert merge_lines(asked.requirements) is asked.requirements


def test_more_extras_than_any_project_has_are_refused() -> None:
    """The search pins each, and looks at all of them for each."""
    extras = ",".join(f"y{number}" for number in range(501))
    with pytest.raises(RequirementError, match="501 extras of a are asked for"):
        resolved(f"a[{extras}]")
    with pytest.raises(NoResolutionError, match="more than 500 extras"):
        resolved("b")


@pytest.mark.slow
def test_more_projects_than_can_be_searched_for_are_refused_at_once() -> None:
    lines = "\n".join(f"p{number}" for number in range(20_000))
    with pytest.raises(RequirementError, match=r"more than 5000 projects are asked for"):
        resolved(lines)
