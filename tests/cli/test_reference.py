"""docs/reference.md is what the commands say of themselves."""

import click

from lockml.cli.main import cli
from tests.cli.write_reference import REFERENCE, commands, format_reference


def test_reference_is_what_click_says() -> None:
    """Where it is not: python -m tests.cli.write_reference > docs/reference.md."""
    assert REFERENCE.read_text() == format_reference()


def test_reference_has_every_option_of_every_command() -> None:
    sections = REFERENCE.read_text().split("\n## ")[1:]
    named = {section.partition("\n")[0]: section for section in sections}
    for path, command, _ in commands(cli):
        section = named[" ".join(("lockml", *path))]
        for param in command.params:
            if isinstance(param, click.Option):
                assert [name for name in (*param.opts, *param.secondary_opts) if f"`{name}`" not in section] == []


def test_rows_of_tables_have_their_four_cells() -> None:
    """A bar that is not escaped would make more of them."""
    rows = [line for line in REFERENCE.read_text().splitlines() if line.startswith("|")]
    assert rows
    assert {row.replace("\\|", "").count("|") for row in rows} == {5}
