"""A kind of drift is known wherever kinds are listed: a new one is named until all of them have it."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from lockml.audit import web
from lockml.drift.differences.of_drift import difference_of
from lockml.drift.model import Drift, DriftKind
from lockml.drift.remedies import Remedy
from lockml.report.sarif import HELP, KIND_TEXTS
from tests.drift.subjects import in_order, report_on

ROOT = Path(__file__).parents[2]
KINDS = set(get_args(DriftKind))


def lists_of_kinds(node: Any) -> list[set[str]]:
    """Return each closed list of the schema that has a kind of drift in it."""
    if isinstance(node, list):
        return [found for each in node for found in lists_of_kinds(each)]
    if not isinstance(node, dict):
        return []
    own = [set(node["enum"])] if "unattributed-file" in node.get("enum", ()) else []
    return own + [found for each in node.values() for found in lists_of_kinds(each)]


def test_sarif_has_a_sentence_for_every_kind() -> None:
    assert set(KIND_TEXTS) == KINDS


def test_sarif_has_help_for_every_kind() -> None:
    assert set(HELP) == KINDS


@pytest.mark.parametrize("kind", get_args(DriftKind))
def test_diff_with_a_lock_shows_every_kind(kind: DriftKind) -> None:
    remedy = Remedy(verb="other", about=(), origin=None, text="install it again")
    drift = Drift(kind=kind, name="torch", locked="1", found="2", path="/x.py", detail="differs", remedy=remedy)
    assert difference_of(replace(report_on(in_order()), drifts=(drift,))).different


def test_schema_of_reports_lists_every_kind() -> None:
    lists = lists_of_kinds(json.loads((ROOT / "docs" / "check-report.schema.json").read_text()))
    assert lists
    assert [KINDS - each for each in lists] == [set()] * len(lists)


def test_page_on_checks_names_every_kind_with_its_level() -> None:
    rows = re.findall(r"^\| `(?:names|artifacts|files)` \|.*$", (ROOT / "docs" / "check.md").read_text(), re.MULTILINE)
    assert KINDS - set(re.findall(r"`([a-z-]+)`", "".join(rows))) == set()


def test_pages_of_an_audit_have_a_colour_for_every_kind() -> None:
    style = (Path(web.__file__).parent / "static" / "lockml.css").read_text()
    assert KINDS - set(re.findall(r"\.k-([a-z-]+)", style)) == set()
