"""The label of an image says from which lock it was built; bytes decide whether that is drift."""

from datetime import date

import pytest
from msgspec.structs import replace

from lockml.drift.compare import compare
from lockml.drift.model import DriftReport
from lockml.drift.policy import IgnoreRule, apply_rules
from lockml.inventory.model import LOCK_LABEL
from lockml.lock.select import select_packages, selection_digest
from tests.drift.subjects import in_order, inventory_of, make_lock, without
from tests.made.targets import make_target

OTHER = f"sha256:{'0' * 64}"


def label() -> str:
    lock = make_lock()
    return selection_digest(select_packages(lock, make_target(), "pylock.toml"), make_target())


def report_of(text: str | None, files: dict[str, bytes] | None = None) -> DriftReport:
    inventory = inventory_of(in_order() if files is None else files)
    details = {LOCK_LABEL: text} if text is not None else {}
    inventory = replace(inventory, subject=replace(inventory.subject, details=details))
    return compare(make_lock(), inventory, level="names", file="pylock.toml")


@pytest.mark.parametrize("text", [None, "its own"])
def test_no_label_and_its_own_label_say_nothing(text: str | None) -> None:
    report = report_of(label() if text else None)
    assert report.drifts == ()
    assert [each for each in report.remarks if each.subject == LOCK_LABEL] == []


def test_another_label_is_a_remark_where_the_packages_are_the_locked_ones() -> None:
    report = report_of(OTHER)
    assert report.drifts == ()
    (told,) = (each for each in report.remarks if each.subject == LOCK_LABEL)
    assert f"({OTHER}, not {label()})" in told.text


def test_another_label_is_drift_where_a_package_is_missing_too() -> None:
    report = report_of(OTHER, without(in_order(), "numpy"))
    assert [(each.kind, each.name) for each in report.drifts] == [("missing", "numpy"), ("lock-label", LOCK_LABEL)]
    assert (report.drifts[1].locked, report.drifts[1].found) == (label(), OTHER)


def test_another_label_is_a_remark_where_the_drift_of_the_package_is_accepted() -> None:
    rule = IgnoreRule(kind="missing", names=("numpy",), reason="of the base image", stated_in="lockml.toml: ignore 1")
    report = apply_rules(report_of(OTHER, without(in_order(), "numpy")), [rule], date(2026, 1, 1))
    assert report.exit_code == 0
    assert [each.subject for each in report.remarks if each.subject == LOCK_LABEL] == [LOCK_LABEL]


def test_label_that_is_no_digest_is_a_remark_whatever_else_differs() -> None:
    report = report_of("1.2\x1b[31m", without(in_order(), "numpy"))
    assert [each.kind for each in report.drifts] == ["missing"]
    assert "which is not the digest of a lock" in next(
        each.text for each in report.remarks if each.subject == LOCK_LABEL
    )
