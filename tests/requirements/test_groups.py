import pytest

from lockml.common.errors import InputError, RequirementError
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
        ("nope", "has no dependency group 'nope'"),
        ("broken", "a>>1"),
    ],
)
def test_group_is_refused_with_the_fault(group: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        asked(group)
    assert "its groups: Test_All, broken, one, two, typing" in str(caught.value.hint)


def test_every_faulty_line_of_a_group_and_of_what_it_includes_is_told_with_its_place() -> None:
    project = b'[dependency-groups]\nall = ["a=1", {include-group = "More"}]\nmore = ["b=>1"]\nother = ["c=>1"]\n'
    with pytest.raises(RequirementError) as caught:
        read_pyproject(project, "pyproject.toml", (), ("all",))
    assert [origin for origin, _ in caught.value.faults] == ["pyproject.toml:2", "pyproject.toml:3"]
    assert [problem.rpartition("; ")[2] for _, problem in caught.value.faults] == ["write a==1", "write b>=1"]


@pytest.mark.parametrize("table", ['[project]\nname = "App"\n', '[tool.poetry]\nname = "App"\n'])
def test_group_that_names_its_own_project_asks_no_index_for_it_and_says_so(table: str) -> None:
    """PEP 735 gives such a line no meaning of its own: nothing but the project can be meant."""
    project = f'[dependency-groups]\ndev = ["app", "six"]\n{table}'.encode()
    asked = read_pyproject(project, "pyproject.toml", (), ("dev",))
    assert [str(each) for each in asked.requirements] == ["six"]
    own = "pyproject.toml:2: app is this project itself: no index is asked for it, only for what it needs"
    assert own in asked.notes


def test_every_fault_of_the_groups_is_named_whatever_its_kind() -> None:
    """Neither what is no requirement nor what packaging reads, and lockml does not, hides the rest."""
    project = b"""\
[dependency-groups]
all = ["a=1", {include-group = "gone"}, {include-group = "all"}, 3, {include = "x"}, "b @ hg+https://x.example/b"]
text = "c"
"""
    with pytest.raises(RequirementError) as caught:
        read_pyproject(project, "pyproject.toml", (), ("all", "text", "none"))
    problems = [problem for _, problem in caught.value.faults]
    expected = ["a==1", "'gone'", "all → all", ": 3", "'include': 'x'", "hg repositories", "not a list", "'none'"]
    assert len(problems) == len(expected)
    assert [word for word, problem in zip(expected, problems, strict=True) if word not in problem] == []


def test_groups_that_include_each_other_many_times_are_read_to_a_bound() -> None:
    lines = ["[dependency-groups]", 'g0 = ["a"]']
    twice = "g{} = [{{include-group = 'g{}'}}, {{include-group = 'g{}'}}]"
    lines += [twice.format(at, at - 1, at - 1) for at in range(1, 60)]
    with pytest.raises(RequirementError, match="more than 100000 requirements"):
        read_pyproject("\n".join(lines).encode(), "pyproject.toml", (), ("g59",))
    deep = ["[dependency-groups]", *(f'g{at} = [{{include-group = "g{at + 1}"}}]' for at in range(2000))]
    with pytest.raises(RequirementError, match="more than 100 levels deep"):
        read_pyproject("\n".join(deep).encode(), "pyproject.toml", (), ("g0",))
