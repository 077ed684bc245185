import pytest

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.conda import read_environment, read_pixi_manifest

ENVIRONMENT = b"""
name: train
channels: [conda-forge]
dependencies:
  - python=3.11
  - cudatoolkit=11.8  # from conda
  - pip
  - pip:
      - torch>=2.0  # the model
      - "scikit-learn[benchmark]==1.3.0 ; sys_platform == 'linux'"
      - -e ./lib
"""


def test_pip_section_is_read_with_its_lines() -> None:
    asked = read_environment(ENVIRONMENT, "environment.yml")
    assert [f"{requirement} {requirement.origin}" for requirement in asked.requirements] == [
        "torch>=2.0 environment.yml:9",
        'scikit-learn[benchmark]==1.3.0 ; sys_platform == "linux" environment.yml:10',
    ]
    assert [str(requirement) for requirement in asked.unnamed] == ["./lib"]


def test_what_conda_installs_is_noted() -> None:
    assert read_environment(ENVIRONMENT, "environment.yml").notes == (
        "environment.yml: cudatoolkit comes from conda and is not locked; only its pip section is",
    )


def test_environment_without_a_pip_section_asks_for_nothing() -> None:
    assert read_environment(b"dependencies: [python]", "environment.yml").requirements == ()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff", "is not UTF-8"),
        (b"a: [", "is not YAML"),
        (b"- a", "is not a conda environment"),
        (b"dependencies: numpy", "is not a conda environment"),
        (b"", "is not a conda environment"),
    ],
)
def test_file_is_refused_when_it_is_no_environment(content: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_environment(content, "environment.yml")


def test_file_that_is_no_yaml_is_not_quoted() -> None:
    """It may be any file of this machine, by a link."""
    with pytest.raises(InputError) as caught:
        read_environment(b"root:x\nhunter2: [secret\nword: }", "environment.yml")
    assert str(caught.value).startswith("environment.yml:2: is not YAML (")
    assert "secret" not in str(caught.value)
    assert "word" not in str(caught.value)


@pytest.mark.parametrize(("file", "filled"), [("environment.yml", "token"), ("https://x.example/e.yml", "${NAME}")])
def test_variables_are_filled_into_a_file_of_this_machine_alone(file: str, filled: str) -> None:
    content = b"dependencies:\n- pip:\n  - six @ https://files.example/${NAME}/six-1.0-py3-none-any.whl\n"
    (asked,) = read_environment(content, file, environment={"NAME": "token"}).requirements
    assert f"/{filled}/" in str(asked.reference)


def test_every_faulty_line_is_told() -> None:
    with pytest.raises(RequirementError) as caught:
        read_environment(b"dependencies:\n- pip:\n  - numpy>>1\n  - -r other.txt\n", "environment.yml")
    assert [place for place, _ in caught.value.faults] == ["environment.yml:3", "environment.yml:4"]


def test_pip_section_is_a_requirement_file_with_options() -> None:
    """conda writes the section to a file and hands that to pip."""
    content = b"""
dependencies:
  - pip:
    - --extra-index-url https://gpu.example/simple
    - -f https://links.example
    - --pre
    - -r more.txt
    - --editable=.
    - torch==${TORCH}  # the model
"""
    found = read_environment(content, "a/e.yml", read={"a/more.txt": b"six"}.__getitem__, environment={"TORCH": "2.1"})
    assert found.options.extra_index_urls == ("https://gpu.example/simple",)
    assert (found.options.find_links, found.options.prereleases) == (("https://links.example",), True)
    assert [f"{each} {each.origin}" for each in found.requirements] == ["six a/more.txt:1", "torch==2.1 a/e.yml:9"]
    assert [str(each) for each in found.unnamed] == ["."]


MANIFEST = b"""
[pypi-dependencies]
six = "*"
requests = { version = ">=2", extras = ["socks"] }
local = { path = "lib", editable = true }
wild = "1.*"
"a b" = "*"
[feature.test.pypi-dependencies]
pytest = ">=8"
[feature.test.target.win-64.pypi-dependencies]
colorama = "~=0.4"
"""


def test_dependencies_features_and_platforms_count() -> None:
    asked = ("six", "requests[socks]>=2", "local", "wild==1.*", "pytest>=8", "colorama~=0.4")
    assert read_pixi_manifest(MANIFEST, "pixi.toml") == asked


def test_dependencies_of_the_project_count_where_pixi_has_a_table() -> None:
    project = b"[project]\ndependencies = ['a>1', '>']\n"
    assert read_pixi_manifest(project, "pyproject.toml") == ()
    with_pixi = project + b"[tool.pixi.pypi-dependencies]\nb = '==1'"
    assert read_pixi_manifest(with_pixi, "pyproject.toml") == ("a>1", "b==1")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[", b"pypi-dependencies = 1\nfeature = [2]", b"tool = 1"])
def test_what_cannot_be_read_asks_for_nothing(content: bytes) -> None:
    assert read_pixi_manifest(content, "pixi.toml") == ()
    assert read_pixi_manifest(content, "pyproject.toml") == ()
