"""Four habits, a file each: an ad-hoc install, ranges for pins, code before dependencies, a cache in the layer."""

from pathlib import Path

import pytest

from tests.docker.projects import fixed, lint, project

HABITS = Path(__file__).with_name("habits")
FOUND = {
    "adhoc": [("LK401", 1), ("LK101", 3), ("LK202", 3), ("LK101", 4), ("LK202", 4)],
    "pins": [("LK401", 1), ("LK102", 5)],
    "order": [("LK401", 1), ("LK201", 9)],
    "cache": [("LK401", 1), ("LK202", 6), ("LK301", 6)],
}


def habit(name: str) -> str:
    return (HABITS / f"{name}.Dockerfile").read_text()


@pytest.mark.parametrize("name", FOUND)
def test_habit_is_found(name: str) -> None:
    findings = lint(habit(name), project())
    assert [(each.code, each.source.position(each.start).line) for each in findings] == FOUND[name]


@pytest.mark.parametrize("name", FOUND)
def test_habit_is_fixed_byte_for_byte(name: str) -> None:
    """The fixed files are there to be built."""
    made = fixed(habit(name), project())
    assert made.source.text == habit(f"{name}.fixed")
    assert made.findings == ()


@pytest.mark.parametrize("name", FOUND)
def test_fixed_habit_stays_as_it_is(name: str) -> None:
    made = fixed(habit(f"{name}.fixed"), project())
    assert (made.count, made.source.text) == (0, habit(f"{name}.fixed"))
