import pytest
from packaging.markers import Marker

from lockml.lock.formats.poetry.constraints import parse_constraint, python_marker
from tests.made.targets import make_target


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2.3", ["1.2.3", "1.9"], ["1.2.2", "2.0"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0.0", ["0.0.9"], ["0.1"]),
        ("^0", ["0.9"], ["1.0"]),
        ("^2024.1", ["2024.9"], ["2025.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0"]),
        ("~1.2", ["1.2.9"], ["1.3"]),
        ("~1", ["1.9"], ["2.0"]),
        ("1.2.*", ["1.2.9"], ["1.3"]),
        ("1.*", ["1.9"], ["2.0"]),
        ("*", ["0.1", "9"], []),
        ("1.2", ["1.2", "1.2+cu12"], ["1.2.1"]),
        ("=1.2", ["1.2"], ["1.3"]),
        (">=1.2,<2.0,!=1.5", ["1.2", "1.9"], ["1.5", "2.0"]),
        (">=1.2 <2.0", ["1.2"], ["2.0"]),
        (">= 1.2, < 2.0", ["1.2"], ["2.0"]),
        (">=2.7, !=3.0.*, !=3.1.*", ["2.7", "3.2"], ["3.0.1", "3.1"]),
        ("^1.2 || ^3.4", ["1.5", "3.9"], ["2.0", "4.0"]),
        ("<1 | >=2", ["0.5", "2"], ["1.5"]),
        ("~=1.4.2", ["1.4.9"], ["1.5"]),
    ],
)
def test_constraint_allows_what_poetry_says(text: str, inside: list[str], outside: list[str]) -> None:
    alternatives = parse_constraint(text)
    assert all(any(each.contains(version) for each in alternatives) for version in inside)
    assert not any(each.contains(version) for each in alternatives for version in outside)


@pytest.mark.parametrize("text", ["", "^", "||", "one", "^1 ||", "1.2.3.x.y", ">" * 2000])
def test_what_is_no_constraint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"constraint|Invalid"):
        parse_constraint(text)


@pytest.mark.parametrize(
    ("text", "holds"), [("^3.8", True), ("<3.11", False), ("~2.7 || ^3.6", True), (">=3.12", False), ("*", True)]
)
def test_python_of_a_constraint_is_a_marker(text: str, *, holds: bool) -> None:
    marker = python_marker(text)
    assert (not marker or Marker(marker).evaluate(dict(make_target("3.11").environment))) is holds
