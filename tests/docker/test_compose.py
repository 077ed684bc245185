"""Compose files: which images services run, and what remains in the history of what they build."""

import pytest

from lockml.common.errors import InputError
from lockml.docker.compose import lint_compose
from lockml.docker.dockerfile.source import Source, is_compose
from lockml.docker.lint import Settings

AUDITED = ("registry.example/team/trainer:1", "python:3.11")


def found(text: str) -> list[tuple[str, int]]:
    findings = lint_compose(Source(name="compose.yaml", text=text), AUDITED, Settings())
    return [(each.code, each.source.position(each.start).line) for each in findings]


@pytest.mark.parametrize(
    ("image", "wrong"),
    [
        ("registry.example/team/trainer:1", False),
        ("registry.example/team/trainer:2", True),
        ("registry.example/team/trainer", True),
        ("registry.example/team/other:2", False),
        ("docker.io/library/python:3.11", False),
        ("python:3.12", True),
        ("registry.example/team/trainer:${TAG}", False),
    ],
)
def test_image_of_an_audited_repository_is_the_audited_one(image: str, wrong: bool) -> None:
    assert found(f"services:\n  a:\n    image: {image}\n") == ([("LK701", 3)] if wrong else [])


def test_secrets_among_build_arguments_are_found() -> None:
    text = "services:\n  a:\n    build:\n      context: .\n      args:\n        HF_TOKEN: abc\n        N: 1\n"
    assert found(text) == [("LK303", 6)]
    assert found("services:\n  a:\n    build:\n      args: ['U=https://u:p@x', 'N=1']\n") == [("LK303", 4)]


MERGED = """x-base: &base {image: python:3.12}
x-build: &build
  <<: *base
  build: {args: {HF_TOKEN: abc}}
services:
  a: {<<: *build}
  b: {<<: [*build, *base], image: python:3.11}
"""


def test_what_a_service_is_merged_with_counts_where_it_stands() -> None:
    assert found(MERGED) == [("LK701", 1), ("LK303", 4)]


def test_merges_without_end_are_bounded() -> None:
    lines = [f"x{number}: &x{number} {{<<: [*x{number - 1}, *x{number - 1}]}}" for number in range(1, 60)]
    text = "\n".join(
        ["x0: &x0 {image: python:3.12}", *lines, "services: {a: {<<: *x59}, b: &b {<<: *b}, c: {<<: *x5}}"]
    )
    assert found(text) == [("LK701", 1)]


def test_comment_excepts_a_service() -> None:
    comment = "# lockml: ignore[LK701] being moved"
    text = f"services:\n  a:\n    {comment}\n    image: python:3.12\n  b:\n    image: python:3.13\n"
    assert found(text) == [("LK701", 6)]


@pytest.mark.parametrize(
    ("text", "compose"),
    [
        ("services:\n  a: {}\n", True),
        ("name: x\nservices:\n", True),
        ("FROM a\nRUN echo services:\n", False),
        ("FROM a\n", False),
        ("", False),
    ],
)
def test_file_is_known_by_what_stands_in_it(text: str, compose: bool) -> None:
    assert is_compose(Source(name="x", text=text)) is compose


def test_what_is_no_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match=r"compose\.yaml:3: is not YAML"):
        found("services:\n  a: [\n")


def test_names_that_stand_for_each_other_are_no_bomb() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))]
    assert found("\n".join([*lines, "services: {a: {image: python:3.12}}"])) == [("LK701", 31)]
