import pytest

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.pyproject import read_pyproject

PROJECT = b"""\
[project]
name = "My.Model"
dependencies = [
    "numpy>=1.24",
    "scipy ; python_version < '3.13'",
]

[project.optional-dependencies]
Train_All = ["torch", "my-model[plots]"]
plots = ["matplotlib"]
"""


def asked(*extras: str, content: bytes = PROJECT) -> list[str]:
    return [f"{r.origin}: {r}" for r in read_pyproject(content, "pyproject.toml", extras).requirements]


def test_dependencies_are_read_with_their_lines() -> None:
    assert asked() == ["pyproject.toml:4: numpy>=1.24", 'pyproject.toml:5: scipy ; python_version < "3.13"']


def test_extra_brings_the_extras_of_the_project_that_it_names() -> None:
    assert asked("train-all")[2:] == ["pyproject.toml:9: torch", "pyproject.toml:10: matplotlib"]


def test_unknown_extra_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        asked("nope")
    assert str(caught.value) == "pyproject.toml: has no extra 'nope'"
    assert caught.value.hint == "its extras: plots, train-all; --no-extra for none"


def test_dynamic_dependencies_are_left_to_the_build_backend() -> None:
    """PEP 621: what is dynamic only the backend knows."""
    content = b"[project]\nname='A_b'\ndynamic=['dependencies']\n[dependency-groups]\ndev=['six']"
    asked = read_pyproject(content, "app/pyproject.toml", extras=("Fast",), groups=("dev",))
    assert [str(requirement) for requirement in asked.requirements] == ["six"]
    (project,) = asked.dynamic
    assert (project.folder, project.name, project.extras) == ("app", "A_b", ("fast",))


def test_project_with_a_backend_and_no_table_is_left_to_it() -> None:
    (project,) = read_pyproject(b"[build-system]\nrequires=['setuptools']", "pyproject.toml").dynamic
    assert (project.folder, project.name) == (".", "")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff", "is not UTF-8"),
        (b"[project", "is not TOML"),
        (b"[tool.x]\n", r"has no \[project\] table"),
        (b"project = 1", r"\[project\] is not a table"),
        (b"[project]\nname='a'\ndependencies='numpy'", "not a list of strings"),
        (b"[project]\nname=1", "name is not a string"),
        (b"[project]\nname='a'\noptional-dependencies=[]", "is not a table"),
    ],
)
def test_file_is_refused_when_it_has_no_static_dependencies(content: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        asked(content=content)


def test_faulty_requirements_are_all_told() -> None:
    with pytest.raises(RequirementError) as caught:
        asked(content=b"[project]\nname='a'\ndependencies=[\n'a>>1',\n'b'\n,'c=1']")
    assert [place for place, _ in caught.value.faults] == ["pyproject.toml:4", "pyproject.toml:6"]


@pytest.mark.parametrize(
    ("content", "projects"),
    [
        (PROJECT, ("my-model",)),
        (b'[project]\nname = "my_model"\ndynamic = ["dependencies"]\n', ("my-model",)),
        (b'[build-system]\nrequires = []\n[tool.poetry]\nname = "My.Model"\n', ("my-model",)),
        (b"[build-system]\nrequires = []\n", ()),
        (b'[project]\nname = "no name"\ndependencies = []\n', ()),
    ],
)
def test_project_is_named_as_far_as_the_file_names_it(content: bytes, projects: tuple[str, ...]) -> None:
    assert read_pyproject(content, "pyproject.toml").projects == projects


SELF = b"""\
[project]
name = "My.Model"
requires-python = ">=3.12"
dependencies = ["my_model"]
[project.optional-dependencies]
base = ["torch ; python_version < '3.13'"]
win = ["my-model[base] ; sys_platform == 'win32'"]
[dependency-groups]
dev = ["MY_MODEL[base]", "six"]
"""


def test_marker_of_an_extra_that_names_the_project_counts() -> None:
    assert asked("win", content=SELF) == [
        'pyproject.toml:6: torch ; (sys_platform == "win32") and (python_version < "3.13")'
    ] or asked("win", content=SELF) == ['pyproject.toml:6: torch ; sys_platform == "win32" and python_version < "3.13"']


def test_group_that_names_the_project_means_it_and_no_other_of_that_name() -> None:
    found = read_pyproject(SELF, "pyproject.toml", groups=("dev",))
    assert sorted(each.name for each in found.requirements) == ["six", "torch"]


def test_pythons_of_the_project_are_read_with_their_line() -> None:
    (bound,) = read_pyproject(SELF, "pyproject.toml").pythons
    assert (str(bound.specifier), str(bound.origin)) == (">=3.12", "pyproject.toml:3")
