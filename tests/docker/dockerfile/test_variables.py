"""Variables of a Dockerfile (Dockerfile reference, "Environment replacement")."""

import pytest

from lockml.docker.dockerfile.variables import assignments, substitute

VALUES = {"x": "3.11-slim.tar.gz", "empty": "", "unknown": None}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("a", "a"),
        ("$x", "3.11-slim.tar.gz"),
        ("python:${x}", "python:3.11-slim.tar.gz"),
        ("'$x'", "$x"),
        ('"$x"', "3.11-slim.tar.gz"),
        (r"\$x", "$x"),
        ("${none:-b}", "b"),
        ("${none:-$x}", "3.11-slim.tar.gz"),
        ("${none:-${none:-c}}", "c"),
        ("${empty:-b}", "b"),
        ("${empty-b}", ""),
        ("${unknown:-b}", "b"),
        ("${x:+b}", "b"),
        ("${none:+b}", ""),
        ("${x%.*}", "3.11-slim.tar"),
        ("${x%%.*}", "3"),
        ("${x#*.}", "11-slim.tar.gz"),
        ("${x##*.}", "gz"),
        ("${x/slim/fat}", "3.11-fat.tar.gz"),
        ("$", "$"),
        ("$none", None),
        ("$unknown", None),
        ("${unknown}b", None),
        ("${x", "3.11-slim.tar.gz"),
    ],
)
def test_word_is_substituted(word: str, value: str | None) -> None:
    assert substitute(word, VALUES) == value


def test_value_that_grows_without_end_is_not_known() -> None:
    values: dict[str, str | None] = {"x": "a" * 100}
    for _ in range(30):
        values["x"] = substitute("$x$x", values)
    assert values["x"] is None


def test_pattern_takes_no_time_that_grows_with_its_stars() -> None:
    assert substitute("${x%" + "*a" * 50 + "}", {"x": "a" * 900}) is None


def test_env_has_two_forms() -> None:
    assert [(name, value) for name, value, _ in assignments('A=b C="d e"', "\\")] == [("A", "b"), ("C", '"d e"')]
    assert [(name, value) for name, value, _ in assignments("A b c", "\\")] == [("A", "b c")]
