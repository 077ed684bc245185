"""What is acknowledged stays open and does not count, until the end of it; whatever is found later counts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lockml.audit.findings import Changes, group_of
from lockml.audit.model import Finding
from lockml.audit.store import acknowledgements
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.open_findings import FindingFilter
from lockml.audit.store.store import Store
from lockml.common.errors import InputError
from tests.audit.made import NOON, make_finding, make_result, to_first_version

NUMPY = make_finding("numpy")
DAY = timedelta(days=1)


def silent(*_: object) -> tuple[()]:
    return ()


def acknowledge(store: Store, finding: Finding = NUMPY, target: str | None = "here") -> int | None:
    return store.acknowledgements.add(
        FindingScope(group=group_of(finding), target=target), target, "known", NOON, NOON + DAY
    )


def changes(store: Store, *found: Finding, hours: float, target: str = "here") -> Changes:
    recorded = store.runs.record(make_result(*found, hours=hours, target=target), silent)
    assert recorded is not None
    return recorded.changes


def test_acknowledged_finding_is_accepted_by_the_next_run_and_told_nobody(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    assert acknowledge(store) == 1
    told: list[Changes] = []

    def tell(_: object, what: Changes, __: object) -> tuple[()]:
        told.append(what)
        return ()

    recorded = store.runs.record(make_result(NUMPY, hours=1), tell)
    assert recorded is not None
    assert (recorded.result.state, recorded.result.exit_code, told) == ("in-order", 0, [Changes()])
    (run, _) = store.history.runs()
    (accepted,) = store.history.document(run).accepted
    assert (run.state, run.errors) == ("in-order", 0)
    assert accepted.reason == "known (acknowledged until 2026-11-28 12:00 UTC)"
    (row,) = store.history.findings("here")
    assert (row.resolved, row.acknowledged) == (None, 1)


def test_acknowledged_finding_counts_and_is_told_again_when_its_time_is_over(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    acknowledge(store)
    assert changes(store, NUMPY, hours=1) == Changes()
    assert changes(store, NUMPY, hours=25) == Changes(opened=(NUMPY,))
    (row,) = store.history.findings("here", closed=True)
    assert (row.opened_by, row.acknowledged) == (1, None), "it is one finding, open all the time"
    assert changes(store, NUMPY, hours=26) == Changes()


def test_acknowledged_finding_that_is_gone_is_resolved(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    acknowledge(store)
    assert changes(store, hours=1) == Changes(resolved=(NUMPY,))
    assert changes(store, NUMPY, hours=2) == Changes(), "what comes back is still known"


def test_undone_acknowledgement_holds_no_more(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    number = acknowledge(store)
    assert number is not None
    assert store.acknowledgements.undo(number, NOON)
    assert not store.acknowledgements.undo(number, NOON)
    assert store.acknowledgements.holding(NOON) == {}
    assert changes(store, NUMPY, hours=1) == Changes(opened=(NUMPY,))


def test_whatever_is_found_later_counts(store: Store) -> None:
    """Other bytes in the same package, another version, and the next vulnerability are not what somebody saw."""
    file = make_finding("numpy", kind="modified", path="/v/numpy/a.py", found="sha256:1")
    changes(store, file, hours=0)
    acknowledge(store, file)
    other = make_finding("numpy", kind="modified", path="/v/numpy/b.py", found="sha256:2")
    again = make_finding("numpy", kind="modified", path="/v/numpy/a.py", found="sha256:3")
    assert changes(store, file, other, again, hours=1) == Changes(opened=(other, again))


def test_only_what_the_page_showed_is_acknowledged(store: Store) -> None:
    """A page has its group until somebody sends the form; what opens meanwhile nobody has seen."""
    one, two = (make_finding("numpy", kind="modified", path=f"/v/numpy/{x}.py", found=f"sha256:{x}") for x in "ab")
    changes(store, one, hours=0)
    (row,) = store.findings.groups(FindingFilter(), "severity", limit=9).rows
    changes(store, one, two, hours=1)
    seen = FindingScope(group=row.group, target="here", oldest=row.oldest, newest=row.newest, count=row.count)
    assert store.acknowledgements.add(seen, None, "known", NOON, NOON + DAY) == 1
    assert [row.acknowledged for row in store.history.findings("here")] == [None, 1]
    late = replace(seen, newest=None)
    assert store.acknowledgements.add(late, None, "known", NOON, NOON + DAY) == 2, "one counts, as was seen"
    assert store.acknowledgements.undo(1, NOON)
    assert store.acknowledgements.undo(2, NOON)
    with pytest.raises(InputError, match="has more open findings than the page showed"):
        store.acknowledgements.add(late, None, "known", NOON, NOON + DAY)


def test_what_was_seen_on_one_target_is_acknowledged_on_all_and_nothing_else(store: Store) -> None:
    one, two = (make_finding("numpy", kind="modified", path=f"/v/numpy/{x}.py", found=f"sha256:{x}") for x in "ab")
    changes(store, one, hours=0)
    changes(store, one, two, hours=0, target="other")
    store.acknowledgements.add(FindingScope(group=group_of(one), target="here"), None, "known", NOON, NOON + DAY)
    held = {(row.target, row.finding.path): row.acknowledged for row in store.history.findings()}
    assert held == {("here", one.path): 1, ("other", one.path): 1, ("other", two.path): None}


def test_severity_that_was_not_shown_is_not_acknowledged(store: Store) -> None:
    note = make_finding("numpy", severity="note", environment="/other")
    changes(store, NUMPY, note, hours=0)
    store.acknowledgements.add(FindingScope(group=group_of(note), severity="note"), None, "known", NOON, NOON + DAY)
    assert {row.finding.severity: row.acknowledged for row in store.history.findings()} == {"error": None, "note": 1}


def test_file_of_unknown_bytes_is_not_acknowledged(store: Store) -> None:
    """Others may take their place: that is the same finding, and nobody would hear of it; so is it in a baseline."""
    unknown = make_finding("x.so", kind="unattributed-file", path="/v/x.so", locked=None, found=None)
    known = replace(unknown, name="y.so", path="/v/y.so", found="sha256:1")
    changes(store, unknown, hours=0)
    with pytest.raises(InputError, match="only files with unknown bytes"):
        acknowledge(store, unknown)
    changes(store, unknown, known, hours=1)
    acknowledge(store, known)
    assert {row.finding.name: row.acknowledged for row in store.history.findings()} == {"x.so": None, "y.so": 1}
    assert changes(store, unknown, known, hours=2) == Changes()


def test_same_form_that_is_sent_twice_is_one_acknowledgement(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    assert [acknowledge(store), acknowledge(store)] == [1, 1]
    assert len(store.acknowledgements.all()) == 1
    store.acknowledgements.undo(1, NOON)
    assert acknowledge(store) == 2, "what is undone holds no more"


def test_of_several_acknowledgements_the_longest_holds_at_once_and_in_the_next_run(store: Store) -> None:
    def holder() -> int | None:
        (row,) = store.history.findings("here")
        return row.acknowledged

    changes(store, NUMPY, hours=0)
    seen = FindingScope(group=group_of(NUMPY))
    for number, (target, days) in enumerate((("here", 3), (None, 1), (None, 2)), 1):
        assert store.acknowledgements.add(seen, target, f"reason {number}", NOON, NOON + days * DAY) == number
        assert holder() == 1
    assert changes(store, NUMPY, hours=1) == Changes()
    assert holder() == 1
    assert store.acknowledgements.undo(1, NOON + DAY / 12)
    assert holder() == 3, "the pages need not wait for a run"
    assert changes(store, NUMPY, hours=3) == Changes()
    assert holder() == 3
    assert store.acknowledgements.undo(3, NOON + DAY / 6)
    assert store.acknowledgements.undo(2, NOON + DAY / 6)
    assert changes(store, NUMPY, hours=5) == Changes(opened=(NUMPY,))


def test_acknowledgement_of_one_target_is_not_of_another(store: Store) -> None:
    for target in ("here", "other"):
        changes(store, NUMPY, hours=0, target=target)
    acknowledge(store)
    changes(store, NUMPY, hours=1, target="other")
    assert {run.target: run.state for run in store.history.runs(limit=1)} == {"other": "drift"}


def test_acknowledgement_of_all_targets_holds_on_those_that_come_later(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    acknowledge(store, target=None)
    assert changes(store, NUMPY, hours=1, target="new") == Changes()
    (row,) = store.history.findings("new")
    assert row.acknowledged == 1


def test_nothing_is_acknowledged_where_nothing_is_open(store: Store) -> None:
    assert acknowledge(store) is None
    assert store.acknowledgements.all() == []


def test_more_than_one_can_look_at_is_not_acknowledged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acknowledgements, "MOST_FINGERPRINTS", 1)
    files = [make_finding("numpy", kind="modified", path=f"/v/numpy/{name}", found=f"sha256:{name}") for name in "ab"]
    changes(store, *files, hours=0)
    with pytest.raises(InputError, match="more than 1 findings"):
        acknowledge(store, files[0])


def test_old_acknowledgements_are_taken_away(store: Store) -> None:
    changes(store, NUMPY, hours=0)
    acknowledge(store)
    store.runs.prune(NOON + DAY / 2)
    assert len(store.acknowledgements.all()) == 1
    store.runs.prune(NOON + 3 * DAY)
    assert store.acknowledgements.all() == []


def test_request_is_over_with_a_run_of_its_tick_or_a_later_one(store: Store) -> None:
    assert store.requests.add("here", NOON)
    assert not store.requests.add("here", NOON + DAY / 24), "it is asked for already"
    changes(store, hours=-1)
    assert store.requests.all(NOON) == {"here": NOON}
    changes(store, hours=0)
    assert store.requests.all(NOON) == {}
    store.requests.add("here", NOON)
    assert store.requests.all(NOON + 2 * DAY) == {}, "nobody did it for a day"


def test_store_of_an_older_lockml_is_grouped_when_it_is_brought_up_to_date(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    changes(store, NUMPY, hours=0)
    store.close()
    to_first_version(tmp_path / "a.db")
    store = Store("sqlite:///a.db", tmp_path)
    assert acknowledge(store) == 1
    (row,) = store.history.findings()
    assert row.finding == NUMPY
    store.close()
