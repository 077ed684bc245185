import tomllib

import pytest

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.other_tools import read_other_tools, with_root

UV = """\
[tool.uv]
constraint-dependencies = ["numpy<2"]
override-dependencies = ["torch==2.1.0+cpu"]
[tool.uv.sources]
torch = { index = "gpu" }
[[tool.uv.index]]
name = "gpu"
url = "https://index.example"
[[tool.poetry.source]]
name = "a"
[[tool.pdm.source]]
name = "b"
"""


def test_constraints_and_overrides_of_uv_count() -> None:
    found = read_other_tools(tomllib.loads(UV), "pyproject.toml", UV.splitlines())
    assert [f"{each.origin}: {each}" for each in found.constraints] == ["pyproject.toml:2: numpy<2"]
    assert [f"{each.origin}: {each}" for each in found.overrides] == ["pyproject.toml:3: torch==2.1.0+cpu"]


def test_table_that_is_not_read_is_noted_once() -> None:
    notes = read_other_tools(tomllib.loads(UV), "pyproject.toml", ()).notes
    assert [note.partition(" is not read;")[0] for note in notes] == [
        "pyproject.toml: [tool.uv] sources (torch)",
        "pyproject.toml: [tool.uv] index",
        "pyproject.toml: [tool.poetry] source",
        "pyproject.toml: [tool.pdm] source",
    ]


@pytest.mark.parametrize("text", ["[tool]\nuv = 1", "tool = 1", "[tool.uv]\nindex = []", ""])
def test_table_of_no_use_is_none(text: str) -> None:
    assert read_other_tools(tomllib.loads(text), "pyproject.toml", ()).notes == ()


def test_faulty_lines_are_told() -> None:
    with pytest.raises(InputError, match="constraint-dependencies is not a list of strings"):
        read_other_tools({"tool": {"uv": {"constraint-dependencies": "a"}}}, "pyproject.toml", ())
    with pytest.raises(RequirementError, match="'a>>1' is not a requirement"):
        read_other_tools({"tool": {"uv": {"override-dependencies": ["a>>1"]}}}, "pyproject.toml", ())


@pytest.mark.parametrize(
    ("text", "file", "told"),
    [
        ("a @ {root:uri}/a.whl", "pyproject.toml", "a @ file:./a.whl"),
        ("a @ {root:parent:uri}/a.whl", "x/my app/pyproject.toml", "a @ file:x/a.whl"),
        ("a @ file:///${PROJECT_ROOT}/a.whl", "my app/pyproject.toml", "a @ file:my%20app/a.whl"),
        ("a @ file:///${OTHER}/a.whl", "pyproject.toml", "a @ file:///${OTHER}/a.whl"),
    ],
)
def test_words_for_the_folder_of_the_project_are_followed(text: str, file: str, told: str) -> None:
    assert with_root(text, file) == told
