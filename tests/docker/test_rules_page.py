"""The page of the rules is true: what it says fails is found, what passes is not, what is fixed is what --fix makes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockml.docker.analysis import Context
from lockml.docker.compose import lint_compose
from lockml.docker.dockerfile.source import Source
from lockml.docker.lint import Settings
from lockml.docker.rules.registry import RULES
from tests.docker.projects import fixed, lint, project, torch_project

PAGE = (Path(__file__).parents[2] / "docs" / "dockerfile-rules.md").read_text()
SECTION = re.compile(r"^## (LK\d{3}) ([a-z-]+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"<!-- (fails|passes|fixed)(?:: ([^>]*?))? -->\n```(dockerfile|yaml)\n(.*?)```", re.DOTALL)
AUDITED = ("registry.example/team/trainer:1",)


def examples(kind: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield (code, condition, language, text) of each example of *kind*."""
    for code, _, section in SECTION.findall(PAGE):
        for found, condition, language, text in EXAMPLE.findall(section):
            if found == kind:
                yield code, condition, language, text


def context_of(condition: str) -> Context:
    if condition == "without base image":
        return project(based=False)
    if condition == "with torch":
        return torch_project()
    if condition.startswith("ignoring "):
        return project("".join(f"{pattern}\n" for pattern in condition.split()[1:]))
    return project()


def found_in(language: str, text: str, condition: str) -> set[str]:
    if language == "yaml":
        return {f.code for f in lint_compose(Source(name="compose.yaml", text=text), AUDITED, Settings())}
    return {finding.code for finding in lint(text, context_of(condition))}


def test_page_has_a_section_and_examples_for_every_rule() -> None:
    assert [(code, name) for code, name, _ in SECTION.findall(PAGE)] == [(r.code, r.name) for r in RULES.values()]
    assert {code for code, *_ in examples("fails")} == {code for code, *_ in examples("passes")} == set(RULES)


def test_page_says_what_is_fixed() -> None:
    shown = {code for code, *_ in examples("fixed")}
    assert shown == {rule.code for rule in RULES.values() if rule.fixable} - {"LK602"}


@pytest.mark.parametrize(("code", "condition", "language", "text"), list(examples("fails")))
def test_example_that_fails_is_found(code: str, condition: str, language: str, text: str) -> None:
    assert code in found_in(language, text, condition)


@pytest.mark.parametrize(("code", "condition", "language", "text"), list(examples("passes")))
def test_example_that_passes_is_not_found(code: str, condition: str, language: str, text: str) -> None:
    assert code not in found_in(language, text, condition)


@pytest.mark.parametrize("code", [code for code, *_ in examples("fixed")])
def test_fixed_example_is_what_fix_makes(code: str) -> None:
    before = next(text for each, _, _, text in examples("fails") if each == code)
    after = next(text for each, _, _, text in examples("fixed") if each == code)
    assert fixed(before, project()).source.text == after


@pytest.mark.parametrize(("code", "condition", "language", "text"), list(examples("fixed")))
def test_fixed_example_has_no_findings(code: str, condition: str, language: str, text: str) -> None:
    assert found_in(language, text, condition) == set(), code


def test_severities_of_the_page_are_those_of_the_rules() -> None:
    rows = re.findall(r"\| \[(LK\d{3})\]\(#([a-z0-9-]+)\) \| ([a-z-]+) \| (\w+) \| (.*?) ?\|", PAGE)
    assert [(code, name, severity, bool(fix)) for code, _, name, severity, fix in rows] == [
        (rule.code, rule.name, rule.severity, rule.fixable) for rule in RULES.values()
    ]
    assert all(rule.page.endswith(f"#{anchor}") for rule, (_, anchor, *_) in zip(RULES.values(), rows, strict=True))
