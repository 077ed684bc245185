from pathlib import Path

import click
import pytest

from lockml.cli.common.config import configured_options
from lockml.cli.compile.command import command
from lockml.common.errors import InputError
from tests.cli.process import run_lockml


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def configured(text: str, file: str = "lockml.toml") -> dict[str, object]:
    Path(file).write_text(text)
    return configured_options(command, "compile")


def test_options_are_read_by_their_long_names() -> None:
    text = 'python = "3.11"\nupgrade-package = ["a"]\nextra = "x"\nartifact-identity = false\npre = true\n'
    expected = {
        "python": "3.11",
        "upgrade_package": ["a"],
        "extra": ["x"],
        "artifact_identity": False,
        "pre": True,
    }
    assert configured(f"[compile]\n{text}") == expected
    Path("lockml.toml").unlink()
    assert configured(f"[tool.lockml.compile]\n{text}", "pyproject.toml") == expected


def test_folder_without_configuration_has_no_options() -> None:
    assert configured("[project]\nname = 'a'\n", "pyproject.toml") == {}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[compile", "is not TOML"),
        ("compile = 1", "is not a table of options"),
        ("[complie]\npython = '3.11'", "lockml reads no table 'complie'"),
        ("[cache]\ndir = '/tmp'", "lockml reads no table 'cache'"),
        ("[compile]\npyton = '3.11'", "lockml compile has no option 'pyton'"),
        ("[compile]\npython = 3.11", "python: is not a string"),
        ("[compile]\npre = 'yes'", "pre: is not true or false"),
        ("[compile]\nextra = [1]", "extra: is not a list of strings"),
    ],
)
def test_configuration_is_refused_with_the_option(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        configured(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[complie]\n", "did you mean 'compile'?"),
        ("[compile]\npyton = '3.11'", "did you mean 'python'?"),
        ("[compile]\nzzz = '3.11'", "options: accelerator, "),
        ("[tool.lockml.compile]\npython = '3.11'", "write [compile] for [tool.lockml.compile]"),
    ],
)
def test_unknown_name_comes_with_the_name_that_is_meant(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        configured(text)
    assert hint in (caught.value.hint or "")


@pytest.mark.process
def test_command_line_and_variables_win(tmp_path: Path) -> None:
    (tmp_path / "lockml.toml").write_text("[check]\nlock = 'from-file.toml'\n")
    for arguments, variables, expected in (
        ((), {}, "from-file.toml"),
        ((), {"LOCKML_CHECK_LOCK": "from-variable.toml"}, "from-variable.toml"),
        (("--lock", "from-option.toml"), {"LOCKML_CHECK_LOCK": "from-variable.toml"}, "from-option.toml"),
    ):
        outcome = run_lockml("check", "--path", ".", *arguments, folder=tmp_path, variables=variables)
        assert outcome.err.startswith(f"error: {expected}: no such file")
    assert isinstance(command, click.Command)


@pytest.mark.process
def test_fleet_in_lockml_toml_hides_no_options_of_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.lockml.compile]\n[tool.lockml.check]\nlevel = 'nonsense'\n")
    (tmp_path / "lockml.toml").write_text('[audit]\nstore = "sqlite:///a.db"\n')
    outcome = run_lockml("check", "--path", ".", folder=tmp_path)
    assert (outcome.code, "nonsense" in outcome.err) == (2, True)
