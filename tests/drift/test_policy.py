import json
from datetime import date

import pytest
from msgspec.structs import replace

from lockml.drift.model import Drift, DriftReport
from lockml.drift.policy import IgnoreRule, accept_known, apply_rules, fingerprint
from lockml.report.json import format_json
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE

TODAY = date(2026, 11, 25)


def report() -> DriftReport:
    """Return a report on numpy missing and a loose module."""
    return report_on({**without(in_order(), "numpy"), f"{SITE}/loose.py": b""}, level="files")


def rule(**fields: object) -> IgnoreRule:
    return IgnoreRule(**{"reason": "agreed", "place": "lockml.toml: ignore 1", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ({"kind": "missing"}, ["numpy"]),
        ({"name": "NumPy"}, ["numpy"]),
        ({"name": "num*", "kind": "version"}, []),
        ({"path": "*/loose.py"}, ["loose.py"]),
        ({"path": "*.pth"}, []),
        ({"kind": "missing", "until": TODAY}, ["numpy"]),
        ({"kind": "missing", "until": date(2026, 11, 24)}, []),
    ],
)
def test_rule_sets_apart_what_it_names(fields: dict[str, object], accepted: list[str]) -> None:
    found = apply_rules(report(), [rule(**fields)], TODAY)
    assert [each.drift.name for each in found.accepted] == accepted
    assert len(found.drifts) + len(found.accepted) == 2
    assert found.exit_code == 1


def test_report_with_nothing_but_accepted_drift_is_in_order() -> None:
    found = apply_rules(report(), [rule(kind="missing"), rule(path="*/loose.py")], TODAY)
    assert (found.exit_code, len(found.accepted)) == (0, 2)


def test_rule_that_is_over_counts_no_more_and_is_told() -> None:
    found = apply_rules(report(), [rule(kind="missing", until=date(2026, 1, 31))], TODAY)
    assert found.told[-1].text == "lockml.toml: ignore 1 allowed this until 2026-01-31: agreed"


def test_baseline_lets_only_new_drift_count() -> None:
    document = json.loads(format_json([report_on(without(in_order(), "numpy"), level="files")]))
    known = frozenset(fingerprint(each, each["environment"]) for each in document["drifts"])
    found = accept_known(report(), known, "old.json")
    assert [drift.name for drift in found.drifts] == ["loose.py"]
    assert [each.reason for each in found.accepted] == ["in the baseline old.json"]


def test_drift_is_the_same_whatever_its_words_and_another_where_it_differs() -> None:
    drift = report().drifts[0]
    again: Drift = replace(drift, detail="other words", fix="other", origin="layer 2")
    assert fingerprint(again, "/opt/venv") == fingerprint(drift, "/opt/venv")
    assert fingerprint(replace(drift, locked="2"), "/opt/venv") != fingerprint(drift, "/opt/venv")
    assert fingerprint(drift, "/usr") != fingerprint(drift, "/opt/venv")
