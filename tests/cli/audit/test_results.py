"""What `audit run` prints of its results."""

from datetime import timedelta

from lockml.audit.findings import Changes, without_acknowledged
from lockml.audit.model import RunResult, Unknown
from lockml.audit.store.runs import Recorded
from lockml.cli.audit.results import FORMATTERS
from tests.audit.made import NOON, make_finding, make_result

PATH = "/opt/venv/lib/python3.11/site-packages/numpy/core.py"
NUMPY = make_finding("numpy", path=PATH, origin="changed after the container was made", fix="build again")


def lines(*results: RunResult, opened: bool = True) -> list[str]:
    done = [
        (each, Recorded(run=7, changes=Changes(opened=each.findings if opened else ()), result=each))
        for each in results
    ]
    return FORMATTERS["text"](done).splitlines()


def test_finding_has_versions_place_and_fix() -> None:
    assert lines(make_result(NUMPY)) == [
        "here  drift          1 error, 1 new",
        "  + error: version numpy 1 -> 2: differs",
        f"      at  {PATH} (changed after the container was made)",
        "      fix build again",
        "1 target: 1 drift",
    ]


def test_fix_of_several_findings_is_printed_once() -> None:
    found = lines(make_result(NUMPY, make_finding("scipy", fix="build again"), make_finding("x", fix="remove it")))
    assert [line.strip() for line in found if "fix" in line] == ["fix build again", "fix remove it"]


def test_findings_beyond_twenty_are_counted_with_the_command_that_lists_them() -> None:
    many = tuple(make_finding(f"p{number:03}", fix="build again") for number in range(851))
    found = lines(make_result(*many))
    assert len(found) == 1 + 20 + 1 + 1 + 1
    assert found[-2] == "    and 831 more: `lockml audit show 7` lists all"


def test_new_errors_come_before_what_was_known_and_notes_are_left_out() -> None:
    warning, note = make_finding("w", severity="warning"), make_finding("n", severity="note")
    found = lines(make_result(warning, note, NUMPY))
    assert [line.split(":")[0].strip() for line in found if "error:" in line or "warning:" in line] == [
        "+ error",
        "+ warning",
    ]
    assert not any(" n " in line for line in found[1:-1])


def test_what_is_accepted_is_counted_where_a_target_is_in_order() -> None:
    result = make_result(NUMPY)
    held = without_acknowledged(result, {NUMPY.fingerprint: "known"})
    assert lines(held) == ["here  in-order       1 accepted", "1 target: 1 in-order"]


def test_long_name_does_not_push_the_others_to_the_right() -> None:
    found = lines(make_result(target="short"), make_result(target="x" * 112, hours=1))
    assert found[0] == f"{'short':<40}  in-order"
    assert found[1:3] == ["x" * 112, f"{'':<40}  in-order"]


def test_reason_of_what_is_unknown_is_printed_once_for_all_targets() -> None:
    unknown = (Unknown(kinds=("vulnerability",), reason="the index has no JSON API"),)
    found = lines(*(make_result(target=f"t{number}", unknown=unknown) for number in range(7)))
    assert found[-2:] == [
        "? unknown: the index has no JSON API (t0, t1, t2, t3, t4 and 2 more)",
        "7 targets: 7 in-order",
    ]


def test_target_that_is_misconfigured_says_why() -> None:
    result = make_result(state="misconfigured", report=None, error="pylock.toml: no such file")
    assert lines(result) == ["here  misconfigured  pylock.toml: no such file", "1 target: 1 misconfigured"]
    assert result.exit_code == 2
    assert result.finished == NOON + timedelta(seconds=1)
