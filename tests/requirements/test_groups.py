import pytest

from lockml.common.errors import InputError
from lockml.requirements.pyproject import read_pyproject

GROUPS = b"""\
[dependency-groups]
Test_All = ["pytest>=8", {include-group = "typing"}]
typing = ["mypy ; python_version>='3.9'"]
one = [{include-group = "two"}]
two = [{include-group = "one"}]
broken = ["a>>1"]
"""


def asked(*groups: str) -> list[str]:
    return [f"{r.origin}: {r}" for r in read_pyproject(GROUPS, "pyproject.toml", (), groups).requirements]


def test_group_is_read_with_what_it_includes() -> None:
    """PEP 735; a project table is not needed."""
    assert asked("test-all") == [
        "pyproject.toml:2: pytest>=8",
        'pyproject.toml:3: mypy ; python_version >= "3.9"',
    ]


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        ("one", "include each other in a circle"),
        ("nope", "'nope' not found"),
        ("broken", "a>>1"),
    ],
)
def test_group_is_refused_with_the_fault(group: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        asked(group)
    assert "its groups: Test_All, broken, one, two, typing" in str(caught.value.hint)
