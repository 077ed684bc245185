from datetime import date

import pytest
from msgspec.structs import replace

from lockml.audit.findings import Changes, accept_findings, changes_since, drift_findings, judged, state_now, state_of
from lockml.audit.model import Finding, RunResult, Unknown
from lockml.drift.policy import IgnoreRule
from tests.audit.made import make_finding, make_result
from tests.drift.subjects import in_order, report_on, without


def since(before: list[Finding], result: RunResult) -> Changes:
    return changes_since({each.fingerprint: each for each in before}, result)


NUMPY, PANDAS = make_finding("numpy"), make_finding("pandas")
YANKED = make_finding("torch", kind="yanked", severity="warning")


def test_what_is_new_opens_and_what_is_gone_is_resolved() -> None:
    changes = since([NUMPY], make_result(PANDAS))
    assert (changes.opened, changes.resolved) == ((PANDAS,), (NUMPY,))


def test_other_wording_origin_or_severity_is_the_same_finding() -> None:
    again = make_finding("numpy", detail="other words", severity="warning", origin="a layer", fix="do")
    assert since([NUMPY], make_result(again)) == Changes()


def test_other_version_is_another_finding() -> None:
    assert len(since([NUMPY], make_result(make_finding("numpy", found="3"))).opened) == 1


def test_run_that_could_not_look_resolves_nothing() -> None:
    assert since([NUMPY, YANKED], make_result(state="unreachable", report=None)) == Changes()


def test_run_that_could_not_read_everything_opens_and_resolves_no_drift() -> None:
    changes = since([NUMPY, YANKED], make_result(PANDAS, problems=True))
    assert (changes.opened, changes.resolved) == ((PANDAS,), (YANKED,))


def test_kinds_that_could_not_be_told_stay_open() -> None:
    result = make_result(unknown=(Unknown(kinds=("yanked",), reason="the index does not answer"),))
    assert since([NUMPY, YANKED], result).resolved == (NUMPY,)


def test_unknown_of_one_project_keeps_others_from_nothing() -> None:
    unknown = Unknown(kinds=("version",), reason="no API", names=("pandas",))
    assert since([NUMPY, PANDAS], make_result(unknown=(unknown,))).resolved == (NUMPY,)


def test_state_counts_errors_alone() -> None:
    assert state_of([YANKED], complete=True) == "in-order"
    assert state_of([YANKED, NUMPY], complete=False) == "drift"
    assert state_of([], complete=False) == "incomplete"


@pytest.mark.parametrize(
    ("state", "error", "errors", "now"),
    [
        ("drift", None, True, "drift"),
        ("drift", None, False, "in-order"),
        ("drift", "/x: unreadable", False, "incomplete"),
        ("in-order", None, True, "drift"),
        ("in-order", None, False, "in-order"),
        ("incomplete", "/x: unreadable", True, "drift"),
        ("incomplete", None, False, "incomplete"),
        ("unreachable", "away", True, "unreachable"),
        ("misconfigured", "no lock", True, "misconfigured"),
    ],
)
def test_target_drifts_if_and_only_if_errors_are_open_that_count(
    state: str, error: str | None, errors: bool, now: str
) -> None:
    assert state_now(state, error, errors=errors) == now


def test_severity_is_the_fleets_before_the_usual() -> None:
    kept, ignored = judged([NUMPY, YANKED], {"yanked": "error", "version": "ignore"})
    assert [(each.name, each.severity) for each in kept] == [("torch", "error")]
    assert [(each.finding.name, each.reason) for each in ignored] == [("numpy", "the fleet file ignores version")]
    assert [each.severity for each in judged([make_finding("a", kind="newer-release")], {})[0]] == ["note"]


def test_rule_accepts_what_it_is_about_until_its_day() -> None:
    rule = IgnoreRule(reason="known", stated_in="lockml.toml:3", names=("tor*",), until=date(2026, 12, 31))
    kept, accepted = accept_findings([NUMPY, YANKED], [rule], date(2026, 12, 31))
    assert (kept, [each.reason for each in accepted]) == ([NUMPY], ["known (lockml.toml:3, until 2026-12-31)"])
    assert accept_findings([YANKED], [rule], date(2027, 1, 1)) == ([YANKED], [])


def test_drift_of_several_containers_of_a_service_is_one_finding_that_names_them() -> None:
    """Replicas of one image share its drift; what only some of them have is told with their names."""
    gone = without(in_order(), "numpy")
    reports = [report_on(gone), report_on(gone), report_on(without(gone, "model"))]
    named = [
        replace(report, subject=replace(report.subject, name=f"shop-web-{number}"))
        for number, report in enumerate(reports, 1)
    ]
    found, accepted = drift_findings(named)
    assert accepted == []
    assert {each.name: each.detail for each in found} == {
        "numpy": "it is in no library folder",
        "model": "it is in no library folder (in shop-web-3)",
    }
    assert since(drift_findings(named[:1])[0], make_result(*found)).opened == tuple(
        each for each in found if each.name == "model"
    )
