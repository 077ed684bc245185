import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.audit.made import write_venv
from tests.cli.process import run_lockml

pytestmark = pytest.mark.process


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit", "markdown", "html", "cyclonedx"])
def test_every_format_of_check_tells_what_is_installed(tmp_path: Path, form: str) -> None:
    prefix = write_venv(tmp_path)
    outcome = run_lockml("inventory", f"path:{prefix}", "--format", form, folder=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert "numpy" in outcome.out
    assert "1.26.4" in outcome.out.replace("\\", "")


def test_bill_without_a_lock_is_valid_and_can_be_made_again(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    arguments = ("inventory", f"path:{prefix}", "--format", "cyclonedx")
    one, two = (
        run_lockml(*arguments, folder=tmp_path, variables={"SOURCE_DATE_EPOCH": "1700000000"}) for _ in range(2)
    )
    assert one.out == two.out
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(one.out) is None
    assert json.loads(one.out)["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    outcome = run_lockml(*arguments, folder=tmp_path, variables={"SOURCE_DATE_EPOCH": "tomorrow"})
    assert outcome.code == 2
    assert "SOURCE_DATE_EPOCH 'tomorrow'" in outcome.err


def test_bill_of_a_check_has_hashes_and_who_needs_whom(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    outcome = run_lockml("check", "--path", str(prefix), "--format", "cyclonedx", folder=tmp_path)
    assert outcome.code == 0
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(outcome.out) is None
    document = json.loads(outcome.out)
    assert [len(each["hashes"]) for each in document["components"]] == [1, 1]
    assert len(document["dependencies"]) == 3
