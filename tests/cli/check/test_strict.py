"""What a check may not know, as a user asks for it: --strict."""

import json
from pathlib import Path

import pytest

from tests.audit.made import OTHER, install, write_venv
from tests.cli.process import Outcome, run_lockml

pytestmark = pytest.mark.process


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Make a virtual environment with what is locked, on the disk."""
    return write_venv(tmp_path)


def check(folder: Path, *arguments: str, **variables: str) -> Outcome:
    given = {"LOCKML_CHECK_BYTECODE_SECONDS": "0", **variables}  # made modules are no compilations
    return run_lockml("check", *arguments, folder=folder, variables=given)


def limited(folder: Path) -> None:
    """Put code of the application's own onto the import path, which is a limit."""
    (folder / "code").mkdir()
    site = folder / "venv" / "lib" / "python3.11" / "site-packages"
    (site / "own.pth").write_text(f"{folder / 'code'}\n")
    rule = '[[ignore]]\nkind = "unattributed-file"\npath = "*/own.pth"\nreason = "our code"\n'
    (folder / "lockml.toml").write_text(rule)


@pytest.mark.parametrize(
    ("strict", "code"),
    [
        ((), 0),
        (("--strict=unlocked-tools,process-memory",), 0),
        (("--strict=application-code",), 4),
        (("--strict=process-memory, application-code",), 4),
        (("--strict",), 4),
        (("--strict=all",), 4),
    ],
)
def test_limit_exits_4_where_it_is_strict(
    tmp_path: Path, environment: Path, strict: tuple[str, ...], code: int
) -> None:
    limited(tmp_path)
    outcome = check(tmp_path, "--path", str(environment), "--level", "files", *strict)
    assert outcome.code == code, outcome.out + outcome.err
    assert "application-code: 1 folder of the application's own code" in outcome.out
    assert ("check incomplete under --strict:" in outcome.out) is (code == 4)


def test_strict_can_be_a_variable(tmp_path: Path, environment: Path) -> None:
    limited(tmp_path)
    arguments = ("--path", str(environment), "--level", "files")
    given = {"LOCKML_CHECK_BYTECODE_SECONDS": "0", "LOCKML_CHECK_STRICT": "application-code"}
    assert check(tmp_path, *arguments, **given).code == 4


def test_strict_in_json_makes_a_report_incomplete_that_keeps_to_its_schema(tmp_path: Path, environment: Path) -> None:
    limited(tmp_path)
    outcome = check(
        tmp_path, "--path", str(environment), "--level", "files", "--strict=application-code", "--format", "json"
    )
    report = json.loads(outcome.out)
    assert (outcome.code, report["complete"]) == (4, False)
    assert "application-code" in [each["code"] for each in report["limits"]]


def test_drift_exits_1_whatever_is_strict(tmp_path: Path, environment: Path) -> None:
    install(environment, OTHER)
    assert check(tmp_path, "--path", str(environment), "--strict").code == 1


@pytest.mark.parametrize("given", ["nope", "bytecode-body,nope", "bytecode_body"])
def test_strict_with_a_code_that_there_is_not_exits_2(tmp_path: Path, environment: Path, given: str) -> None:
    outcome = check(tmp_path, "--path", str(environment), f"--strict={given}")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is not a limit" in outcome.err
    assert "process-memory" in outcome.err
