"""What is open over a fleet, by whatever somebody asks for."""

from datetime import timedelta

import pytest

from lockml.audit.findings import Group, group_of
from lockml.audit.model import Finding
from lockml.audit.store.acknowledgements import FindingScope
from lockml.audit.store.open_findings import FindingFilter
from lockml.audit.store.store import Store
from tests.audit.made import NOON, make_finding, make_result

EVERYTHING = FindingFilter()


@pytest.fixture
def fleet(store: Store) -> Store:
    """Give a store with three targets: urllib3 is in all of them, in two versions."""
    old, new = (make_finding("urllib3", locked="2.0", found=version) for version in ("1.23", "1.24"))
    yanked = make_finding("numpy", kind="yanked", severity="warning", locked="1.26.4", found=None)
    files = [make_finding(f"m{number}.py", kind="unattributed-file", path=f"/v/site-packages/x/y/m{number}.py",
                          locked=None, found=f"sha256:{number}") for number in range(7)]  # fmt: skip
    found: dict[str, tuple[Finding, ...]] = {"a": (old, yanked), "b": (old, *files), "c": (new, yanked)}
    for hours, (target, findings) in enumerate(found.items()):
        store.runs.record(make_result(*findings, target=target, hours=hours), lambda *_: ())
    store.runs.record(make_result(target="c", hours=9), lambda *_: ())
    store.runs.record(make_result(new, target="c", hours=10), lambda *_: ())
    return store


def test_groups_count_findings_and_targets_and_the_worst_come_first(fleet: Store) -> None:
    page = fleet.findings.groups(EVERYTHING, "severity", limit=10)
    assert (page.total, page.count) == (4, 11)
    shown = [(row.group.kind, row.group.package, row.group.found, row.targets, row.count) for row in page.rows]
    assert shown == [
        ("version", "urllib3", "1.23", 2, 2),
        ("unattributed-file", "/v/site-packages/x/", None, 1, 7),
        ("version", "urllib3", "1.24", 1, 1),
        ("yanked", "numpy", None, 1, 1),
    ]
    assert page.rows[0].oldest == NOON + timedelta(seconds=1)
    assert page.rows[0].example is not None


def test_pages_show_every_group_once(fleet: Store) -> None:
    pages = [fleet.findings.groups(EVERYTHING, "name", limit=3, offset=offset) for offset in (0, 3)]
    assert [row.group.package for page in pages for row in page.rows] == [
        "/v/site-packages/x/",
        "numpy",
        "urllib3",
        "urllib3",
    ]
    assert fleet.findings.groups(EVERYTHING, "name", limit=3, offset=99).offset == 0, (
        "what is beyond the end is the first"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"words": ("urllib3", "1.23")}, 2),
        ({"words": ("%",)}, 0),
        ({"package": "urllib3", "version": "1.23"}, 2),
        ({"package": "urllib3", "version": "2.0"}, 3),
        ({"kind": "yanked"}, 1),
        ({"severity": "warning"}, 1),
        ({"target": "b"}, 8),
        ({"group": Group(kind="version", package="urllib3", locked="2.0", found="1.24")}, 1),
        ({"after": NOON + timedelta(hours=2)}, 1),
        ({"before": NOON + timedelta(hours=1)}, 2),
    ],
)
def test_what_is_asked_for_is_what_is_shown(fleet: Store, chosen: dict[str, object], count: int) -> None:
    meant = FindingFilter(**chosen)  # type: ignore[arg-type]
    assert fleet.findings.rows(meant, limit=50).total == count
    assert fleet.findings.groups(meant, "severity", limit=50).count == count


def test_by_kind_and_by_target_everything_is_counted_once(fleet: Store) -> None:
    kinds = fleet.findings.groups(EVERYTHING, "count", limit=9, by="kind")
    counted = {row.group.kind: row.count for row in kinds.rows}
    assert list(counted.items()) == [("unattributed-file", 7), ("version", 3), ("yanked", 1)]
    targets = fleet.findings.groups(EVERYTHING, "count", limit=9, by="target")
    assert [(row.target, row.count) for row in targets.rows] == [("b", 8), ("a", 2), ("c", 1)]


def test_ages_are_told_from_when_it_opened(fleet: Store) -> None:
    moments = [NOON + timedelta(hours=hours) for hours in (3, 1, -1)]
    assert fleet.findings.opened(EVERYTHING, moments) == [1, 9, 11]


def test_worst_of_each_target_is_named(fleet: Store) -> None:
    worst = fleet.findings.worst_groups(["a", "b"], EVERYTHING, 1)
    assert {name: ([row.group.kind for row in rows], count) for name, (rows, count) in worst.items()} == {
        "a": (["version"], 2),
        "b": (["unattributed-file"], 2),
    }


def test_what_is_acknowledged_is_counted_apart(fleet: Store) -> None:
    old = make_finding("urllib3", locked="2.0", found="1.23")
    number = fleet.acknowledgements.add(
        FindingScope(group=group_of(old)), None, "known", NOON, NOON + timedelta(days=1)
    )
    assert number is not None
    held = frozenset({number})
    counts = fleet.findings.counts(None, held)
    assert (counts["a"].severities["error"], counts["a"].held) == (0, 1)
    assert (counts["b"].severities["error"], counts["b"].held) == (7, 1)
    assert fleet.findings.counts(["c"], held)["c"].held == 0
    counted = fleet.findings.rows(FindingFilter(acknowledged=held, counted=True), limit=1).total
    assert (counted, fleet.findings.rows(FindingFilter(acknowledged=held, counted=False), limit=1).total) == (9, 2)
