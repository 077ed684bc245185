"""A fleet file to begin with, and one that is added to."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from lockml.audit.config.parse import parse_fleet
from lockml.cli.audit.init import init
from lockml.common.errors import InputError


def append(folder: Path, text: str) -> str:
    file = folder / "lockml.toml"
    file.write_text(text)
    outcome = CliRunner().invoke(init, ["--append", "--fleet", str(file)], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return file.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[compile]\noutput = "requirements.txt"\n',
        '[audit]\nstore = "sqlite:///x.db"\n',
        '[audit]\nstore = "sqlite:///x.db"\n\n[audit.defaults]\nevery = "1h"\n',
        '[[audit.targets]]\nname = "a"\nlock = "pylock.toml"\ncontainer = "a"\n',
        '[audit.index]\nask = false\n[[audit.discover]]\nname = "x"\nlabel = "y"\nlock = "pylock.toml"',
    ],
)
def test_what_is_missing_is_added_and_what_is_there_stays(tmp_path: Path, text: str) -> None:
    joined = append(tmp_path, text)
    assert joined.startswith(text.strip())
    before, after = tomllib.loads(text), tomllib.loads(joined)
    for key, value in before.get("audit", {}).items():
        assert after["audit"][key] == value
    assert {"defaults", "index", "targets"} <= after["audit"].keys()
    assert parse_fleet(joined, "lockml.toml", {}).targets
    for example in ("[[audit.discover]]", "[[audit.notify]]"):
        assert joined.count(example) == 1
    assert append(tmp_path, joined) == joined


def test_table_that_nothing_can_be_added_to_is_left_alone(tmp_path: Path) -> None:
    text = 'audit = { store = "sqlite:///x.db" }\n'
    with pytest.raises(InputError, match="cannot be extended"):
        append(tmp_path, text)
    assert (tmp_path / "lockml.toml").read_text() == text


def test_file_that_is_there_is_named_with_the_command_that_adds_to_it(tmp_path: Path) -> None:
    file = tmp_path / "lockml.toml"
    file.write_text("[audit]\n")
    with pytest.raises(InputError, match="exists already") as caught:
        CliRunner().invoke(init, ["--fleet", str(file)], catch_exceptions=False)
    assert f"lockml audit init --append --fleet {file}" in str(caught.value.hint)
    assert file.read_text() == "[audit]\n"
