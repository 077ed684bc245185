import pytest

from lockml.common.errors import InputError
from lockml.common.target import parse_target
from lockml.requirements.python_bound import parse_python_bound, require_pythons


@pytest.mark.parametrize(
    ("bound", "python", "met"),
    [
        (">=3.12", "3.11", False),
        (">=3.11", "3.11", True),
        (">=3.11.4", "3.11", True),  # it stands for every 3.11, and some do
        (">=3.11.4", "3.11.2", False),
        ("!=3.9.0,>=3.9", "3.9", True),
        ("<3.12", "3.12", False),
    ],
)
def test_target_is_held_against_what_the_project_runs_on(bound: str, python: str, met: bool) -> None:
    bounds = parse_python_bound(bound, "pyproject.toml", ["[project]", f'requires-python = "{bound}"'])
    targets = (parse_target(f"{python}-linux/amd64-glibc-2.36"),)
    if met:
        require_pythons(bounds, targets)
        return
    with pytest.raises(InputError, match=r"pyproject\.toml:2: requires-python is .*, and the target is CPython"):
        require_pythons(bounds, targets)


@pytest.mark.parametrize("value", ["3.12 or so", 3.12, ["3.12"]])
def test_bound_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="has an invalid requires-python"):
        parse_python_bound(value, "s.py", [])


def test_nothing_said_bounds_nothing() -> None:
    assert parse_python_bound(None, "s.py", []) == ()
