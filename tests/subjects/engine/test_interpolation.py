import pytest

from lockml.subjects.engine.interpolation import interpolate, parse_dotenv

VARIABLES = {"A": "a", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("x$A-${A}_$$A", "xa-a_$A"),
        ("${NONE}|${NONE-d}|${NONE:-d}", "|d|d"),
        ("${EMPTY-d}|${EMPTY:-d}", "|d"),
        ("${A+x}|${EMPTY+x}|${EMPTY:+x}|${NONE+x}", "x|x||"),
        ("${NONE:-${EMPTY:-$A}}", "a"),
        ("${A:?x}${EMPTY?x}", "a"),
    ],
)
def test_variables_are_filled_in_as_compose_does(text: str, filled: str) -> None:
    """Compose specification, "Interpolation"."""
    assert interpolate(text, VARIABLES) == filled


@pytest.mark.parametrize(
    "text", ["${", "${A", "$", "$1", "${}", "${A!b}", "${EMPTY:?}", "${NONE?x}", "${N-" * 30 + "}" * 30]
)
def test_what_is_no_variable_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        interpolate(text, VARIABLES)


def test_lines_of_a_dotenv_file_are_read_as_compose_does() -> None:
    content = "A=own\n# B=c\nexport B=$A/x # why\nC='$A'\nD=\"$A y\"\nE: e\nno line\nF=${\n"
    assert parse_dotenv(content, {"A": "outer"}) == {
        "A": "own",
        "B": "outer/x",
        "C": "$A",
        "D": "outer y",
        "E": "e",
        "F": "${",
    }
