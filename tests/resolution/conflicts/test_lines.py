"""A long explanation keeps what a person acts on: details go first, from the longest part, and are counted."""

from hypothesis import given
from hypothesis import strategies as st

from lockml.resolution.conflicts.lines import MOST_LINES, ShownLine, shorten


def part(name: str, count: int) -> list[ShownLine]:
    return [ShownLine(f"    {name} {number}", detail=True) for number in range(count)]


def test_short_explanation_is_told_whole() -> None:
    told = [ShownLine("head"), *part("reason", MOST_LINES - 1)]
    assert shorten(told) == [line.text for line in told]


def test_details_are_left_out_and_remedies_kept() -> None:
    change = ShownLine("  this change would resolve it:")
    told = [ShownLine("head"), *part("a", 60), change, ShownLine("    x"), *part("b", 5)]
    lines = shorten(told)
    assert len(lines) == MOST_LINES
    assert lines[:2] == ["head", "    a 0"]
    assert "  this change would resolve it:" in lines
    assert lines[-5:] == [f"    b {number}" for number in range(5)]
    [rest] = [line for line in lines if "(--full)" in line]
    assert rest == f"    … {60 - lines.index(rest) + 1} more lines (--full)"


def test_many_remedies_are_cut_at_the_end() -> None:
    lines = shorten([ShownLine(f"    {number}") for number in range(100)])
    assert len(lines) == MOST_LINES
    assert lines[-1] == f"  … {100 - MOST_LINES + 1} more lines (--full)"


@given(st.lists(st.booleans(), max_size=120), st.integers(8, 40))
def test_no_more_lines_are_told_than_asked_and_every_one_is_counted(details: list[bool], most: int) -> None:
    told = [ShownLine(f"line {number}", detail=detail) for number, detail in enumerate(details)]
    lines = shorten(told, most)
    assert len(lines) <= most
    left = sum(int(line.split()[1]) for line in lines if "(--full)" in line)
    cut = sum("(--full)" in line for line in lines)
    assert left + len(lines) - cut >= len(told) or lines[-1].startswith("  …")
