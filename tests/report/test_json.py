import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from lockml import __version__
from lockml.drift.model import DriftReport
from lockml.report.json import format_json
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "check-report.schema.json").read_text())


def document(report: DriftReport) -> Any:
    loaded = json.loads(format_json([report]))
    jsonschema.Draft202012Validator(SCHEMA).validate(loaded)
    return loaded


REPORTS = {
    "in order": report_on(in_order()),
    "names only": report_on(in_order(), level="names"),
    "missing": report_on(without(in_order(), "numpy")),
    "unexpected": report_on({**in_order(), **installed_files(make_wheel("six", "1.0"), SITE)}),
    "incomplete": report_on(without(in_order(), "numpy-1.26.4.dist-info/RECORD")),
}


@pytest.mark.parametrize("name", REPORTS)
def test_document_keeps_to_its_schema(name: str) -> None:
    assert document(REPORTS[name])["schema"] == "lockml/check/2"


def test_schema_refuses_what_is_not_a_report() -> None:
    loaded = document(REPORTS["missing"])
    del loaded["drifts"][0]["fix"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(loaded)


def test_document_tells_subject_levels_counts_and_drifts() -> None:
    loaded = document(REPORTS["missing"])
    assert loaded["subject"] == {"kind": "container", "name": "trainer", "details": {}}
    assert loaded["level"] == "artifacts"
    (environment,) = loaded["environments"]
    assert environment["levels"] == {
        "names": {"matched": 1, "total": 2},
        "artifacts": {"matched": 1, "total": 2, "verified": 0},
    }
    assert (environment["prefix"], environment["lock"], environment["coverage"]) == ("/opt/venv", "pylock.toml", None)
    counted = {"locked": 2, "installed": 2, "drifts": 1, "accepted": 0, "matched": 1, "verified": 0}
    assert loaded["counts"] == {**counted, "kinds": {"missing": 1}}
    assert loaded["complete"] is True
    assert loaded["drifts"] == [
        {
            "kind": "missing",
            "name": "numpy",
            "locked": "1.26.4",
            "found": None,
            "path": None,
            "detail": "it is in no library folder",
            "origin": None,
            "time": None,
            "environment": "/opt/venv",
            "fix": "recreate the container from its image, or reinstall with `docker exec -i trainer "
            "/opt/venv/bin/python3 -m pip install --require-hashes --force-reinstall --no-deps -r /dev/stdin "
            "< requirements.txt`; if the image has the drift too, rebuild it from the locked requirements.txt",
        }
    ]


def test_document_can_be_filed() -> None:
    based = replace(REPORTS["missing"], started="2026-11-29T10:11:12.000Z", ended="2026-11-29T10:11:13.500Z")
    loaded = document(based)
    assert (loaded["lockml"], loaded["started"], loaded["ended"]) == (__version__, based.started, based.ended)
    (environment,) = loaded["environments"]
    assert environment["base_image"] == {"same": None, "reference": None, "reason": "the lock names none"}
    assert environment["image"] is None
    assert environment["advice"].startswith("recreate the container from its image")


def test_group_has_the_rule_that_accepts_it() -> None:
    (group,) = document(REPORTS["missing"])["groups"]
    assert (group["kind"], group["count"], group["rule"]) == ("missing", 1, {"kind": "missing", "name": "numpy"})
    assert group["members"] == [{"name": "numpy", "count": 1, "example": None}]


def test_incomplete_document_says_what_could_not_be_read() -> None:
    loaded = document(REPORTS["incomplete"])
    assert loaded["complete"] is False
    assert loaded["environments"][0]["problems"] == [
        {"path": f"{SITE}/numpy-1.26.4.dist-info", "reason": "it has no RECORD"}
    ]


def test_document_is_plain_ascii() -> None:
    files = in_order()
    files[f"{SITE}/six-1.0.dist-info/METADATA"] = "Name: six\nVersion: 1.0\u202e\x9b\n".encode()
    assert format_json([report_on(files)]).isascii()
