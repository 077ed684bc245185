"""Requirement files as the command line reads them."""

from pathlib import Path

import pytest

from lockml.cli.compile.command import command
from lockml.cli.compile.inputs import read_requirements
from lockml.cli.compile.options import compile_options
from lockml.cli.compile.result_cache import Reads
from lockml.common.errors import RequirementError

SECRET = "hunter2 is the password"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of this machine, beside a file that holds a secret."""
    (tmp_path / "secret").write_text(f"# of another user\n{SECRET}\n")
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


def refusal_of(*arguments: str) -> str:
    """Return what is told of the files that *arguments* name."""
    with command.make_context("compile", list(arguments), help_option_names=["-h", "--help"]) as context:
        options = compile_options(context.params).inputs
    with pytest.raises(RequirementError) as caught:
        read_requirements(options, Path(), Reads())
    return str(caught.value)


INCLUDES = ["-r ../secret", "-c ../secret", "-r {outside}/secret", "-r link", "-r folder/secret"]


@pytest.mark.parametrize("line", INCLUDES)
@pytest.mark.parametrize("ending", [".txt", ".in"])
def test_line_of_a_file_outside_the_project_is_not_quoted(project: Path, line: str, ending: str) -> None:
    """A file of the project may name it, as one from another person's branch that a build reads."""
    (project.parent / "secret").rename(project.parent / f"secret{ending}")
    (project / "link").symlink_to(f"../secret{ending}")
    (project / "folder").symlink_to("..")
    included = line.format(outside=project.parent).replace("secret", f"secret{ending}")
    (project / "requirements.in").write_text(f"{included}\nsix>>1\n")
    refusal = refusal_of("requirements.in")
    assert "hunter2" not in refusal
    assert f"secret{ending}:2: is not a line" in refusal.replace("link", f"secret{ending}")
    assert "requirements.in:2: 'six>>1' is not a requirement" in refusal


@pytest.mark.parametrize("line", INCLUDES)
def test_word_of_a_file_that_may_be_a_secret_never_becomes_the_name_of_a_project(project: Path, line: str) -> None:
    """An index would be asked for it."""
    (project.parent / "secret").write_text("hunter2\n")
    (project / "link").symlink_to("../secret")
    (project / "folder").symlink_to("..")
    (project / "requirements.in").write_text(line.format(outside=project.parent))
    refusal = refusal_of("requirements.in")
    assert "hunter2" not in refusal
    assert "is outside the project, and its name does not end in .in or .txt" in refusal


def test_input_that_is_a_link_out_of_the_project_is_not_quoted(project: Path) -> None:
    (project / "requirements.in").symlink_to("../secret")
    assert "hunter2" not in refusal_of("requirements.in")


def test_environment_that_is_a_link_out_of_the_project_is_not_quoted(project: Path) -> None:
    (project.parent / "values.yml").write_text(f"dependencies:\n- pip:\n  - {SECRET}\n")
    (project / "environment.yml").symlink_to("../values.yml")
    assert "hunter2" not in refusal_of("environment.yml")


@pytest.mark.parametrize("name", ["../secret", "../other/secret"])
def test_line_of_a_file_that_the_user_names_is_quoted(project: Path, name: str) -> None:
    (project.parent / "other").mkdir()
    (project.parent / "other" / "secret").write_text(SECRET)
    assert SECRET in refusal_of(name)


def test_line_of_a_file_elsewhere_in_the_repository_is_quoted(project: Path) -> None:
    (project.parent / ".git").mkdir()
    (project / "requirements.in").write_text("-r ../secret\n")
    assert SECRET in refusal_of("requirements.in")
