"""Manual pages: one for each command, in roff that says what is meant."""

import re
import shutil
import subprocess
from datetime import date
from pathlib import Path

import click
import pytest

from lockml.cli.main import cli
from lockml.cli.shells.man import manual_pages
from tests.audit.services import unavailable
from tests.cli.process import run_lockml

DAY = date(2026, 1, 31)


def test_each_command_has_a_page_with_its_options_and_examples() -> None:
    pages = manual_pages(cli, DAY)
    assert {f"lockml-{name}.1" for name in cli.list_commands(click.Context(cli, **cli.context_settings))} < pages.keys()
    assert {"lockml.1", "lockml-audit-run.1", "lockml-cache-prune.1", "lockml-dockerfile-lint.1"} < pages.keys()
    assert '.TH "LOCKML-CHECK" 1 2026-01-31 "lockml ' in pages["lockml-check.1"]
    for text in (".SS Subject", ".B \\-\\-level", ".SH EXAMPLES", "env var: LOCKML_CHECK_LEVEL", "lockml(1)"):
        assert text in pages["lockml-check.1"]


def test_pages_are_ascii_and_no_text_is_a_request() -> None:
    requests = {".TH", ".SH", ".SS", ".TP", ".PP", ".B"}
    for text in manual_pages(cli, DAY).values():
        assert text.isascii()
        assert {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))} <= requests


@pytest.mark.process
def test_pages_are_written_and_read_without_a_warning(tmp_path: Path) -> None:
    outcome = run_lockml("man", "man1", folder=tmp_path, variables={"SOURCE_DATE_EPOCH": "0"})
    assert outcome.code == 0, outcome.err
    pages = sorted((tmp_path / "man1").iterdir())
    assert '1 1970-01-01 "lockml ' in pages[0].read_text()
    if shutil.which("mandoc") is None:
        unavailable("mandoc is not installed")
    checked = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    shown = subprocess.run(
        ["mandoc", "-T", "ascii", tmp_path / "man1" / "lockml-why.1"], capture_output=True, text=True, check=True
    )
    assert "lockml why [OPTIONS] NAME" in re.sub(".\x08", "", shown.stdout)  # bold, as terminals of paper have it


@pytest.mark.process
def test_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run_lockml("man", "file/man1", folder=tmp_path)
    assert (outcome.code, "file/man1: cannot be written" in outcome.err) == (2, True)
