from pathlib import Path

import pytest

from lockml.cli.compile.notes import Note, in_brief, print_notes
from lockml.cli.main import cli
from lockml.common.errors import InputError, NoResolutionError, NotFoundError, RequirementError


def told(capsys: pytest.CaptureFixture[str], *texts: str, full: bool = False) -> list[str]:
    print_notes([Note("warning", text) for text in texts], full=full)
    return capsys.readouterr().err.splitlines()


def test_warnings_that_differ_in_a_release_alone_are_one_with_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [f"pkg{number} 1.{number} was yanked: no reason given" for number in range(18)]
    assert told(capsys, "first", *texts, "last") == [
        "warning: first",
        "warning: pkg0 1.0 was yanked: no reason given; likewise 17 others: pkg1 1.1, pkg2 1.2, pkg3 1.3 and 14 more",
        "warning: last",
    ]
    assert len(told(capsys, *texts, full=True)) == 18


def test_few_warnings_alike_and_others_are_told_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["a 1 was yanked", "b 1 was yanked", "c 1 was yanked", "d 1 has no extra 'x'", "a 1 was yanked"]
    assert told(capsys, *texts) == [f"warning: {text}" for text in texts[:4]]


def test_long_refusal_is_cut_to_forty_lines_and_says_how_many_are_left() -> None:
    error = in_brief(NoResolutionError("\n".join(map(str, range(100))), hint="what to do"))
    assert isinstance(error, NoResolutionError)
    lines = error.explanation.splitlines()
    assert (len(lines), lines[-1], error.hint) == (38, "  … 63 more lines (--full)", "what to do")


def test_brief_text_is_told_where_there_is_one() -> None:
    assert str(in_brief(NoResolutionError("long", brief="short"))) == "short"


def test_many_faulty_lines_are_cut_and_counted() -> None:
    error = in_brief(RequirementError(tuple((f"a.in:{number}", "is wrong") for number in range(50))))
    assert len(str(error).splitlines()) == 38
    assert error.hint == "12 more lines are wrong (--full)"


def test_other_error_stays_as_it_is() -> None:
    error = NotFoundError("a", "is not there")
    assert in_brief(error) is error


def test_error_that_stays_as_it_is_has_no_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no FILE") as raised:
        cli.main(["compile"], standalone_mode=False)
    assert raised.value.__cause__ is None
