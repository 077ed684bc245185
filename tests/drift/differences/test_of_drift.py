from lockml.drift.differences.model import Difference
from lockml.drift.differences.of_drift import difference_of, reversed_difference
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel


def packages(found: Difference) -> list[tuple[str, str, str | None, str | None]]:
    return [(each.kind, each.name, each.before, each.after) for each in found.packages]


def test_report_in_order_is_no_difference() -> None:
    found = difference_of(report_on(in_order(), level="files"))
    assert (found.different, found.before.name, found.level) == (False, "lock pylock.toml", "files")


def test_projects_are_told_in_the_words_of_diff() -> None:
    other = installed_files(make_wheel("numpy", "2.0.0"), SITE)
    extra = installed_files(make_wheel("six", "1.0"), SITE)
    report = report_on({**without(in_order(), "numpy", "model"), **other, **extra})
    found = difference_of(report)
    assert packages(found) == [
        ("removed", "model", "1.0", None),
        ("upgraded", "numpy", "1.26.4", "2.0.0"),
        ("added", "six", None, "1.0"),
    ]
    assert packages(reversed_difference(found)) == [
        ("added", "model", None, "1.0"),
        ("downgraded", "numpy", "2.0.0", "1.26.4"),
        ("removed", "six", "1.0", None),
    ]
    assert reversed_difference(reversed_difference(found)) == found


def test_files_are_told_by_their_owners_and_make_a_project_differ() -> None:
    files = {**in_order(), f"{SITE}/numpy/core.so": b"other code", f"{SITE}/evil.pth": b"import os\n"}
    report = report_on(files, level="files")
    found = difference_of(report)
    assert packages(found) == [("files", "numpy", "1.26.4", "1.26.4")]
    assert [(each.owner, each.folder, each.total) for each in found.groups] == [("numpy", "", 1), (None, SITE, 1)]
    assert sum(each.total for each in found.groups) == len(report.drifts)
    backwards = reversed_difference(found)
    assert [(each.files.added, each.files.removed, each.files.changed) for each in backwards.groups] == [
        (0, 0, 1),
        (0, 1, 0),
    ]


def test_what_check_could_not_read_is_incomplete_here_too() -> None:
    report = report_on(without(in_order(), "numpy-1.26.4.dist-info/RECORD"))
    assert report.exit_code == 4
    found = difference_of(report)
    assert (found.different, found.problems) == (False, report.problems)
