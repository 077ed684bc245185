"""Whole explanations of conflicts, byte for byte, each claim of them verified.

``LOCKML_UPDATE_GOLDEN=1`` writes the explanations of now into fixtures/explanations; claims are verified all the same.
"""

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.resolution.claims import verify
from tests.resolution.questions import Question, made_up, questions

UPDATE = os.environ.get("LOCKML_UPDATE_GOLDEN") == "1"
MADE_UP = 300
GOLDEN = re.compile(r"^explanation = '''\n(.*?)'''$", re.DOTALL | re.MULTILINE)


def explained(question: Question) -> str:
    text = question.explanation()
    assert text is not None, "it resolves"
    return text + "\n"


def write(path: Path, number: int, explanation: str) -> None:
    text = path.read_text()
    match = list(GOLDEN.finditer(text))[number]
    path.write_text(text[: match.start(1)] + explanation + text[match.end(1) :])


@pytest.mark.slow
@pytest.mark.parametrize("question", questions(), ids=str)
def test_explanation_is_the_golden_one(question: Question) -> None:
    text = explained(question)
    if UPDATE:
        write(question.path, question.number, text)
        return
    difference = difflib.unified_diff(
        question.expected.splitlines(), text.splitlines(), "golden", "explained now", lineterm=""
    )
    assert text == question.expected, "\n".join(difference)


@pytest.mark.slow
@pytest.mark.parametrize("question", questions(), ids=str)
def test_every_claim_is_true(question: Question) -> None:
    verify(question, explained(question))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [range(start, start + 50) for start in range(0, MADE_UP, 50)], ids=str)
def test_every_claim_of_a_made_up_conflict_is_true(seeds: range) -> None:
    conflicts = 0
    for question in map(made_up, seeds):
        text = question.explanation()
        if text is not None:
            verify(question, text)
            conflicts += 1
    assert conflicts > len(seeds) // 4


def test_older_release_that_does_is_found() -> None:
    """Else a line is blamed that nothing is wrong with: resolvelib 1.2.1 jumps over mlflow 2.13.2 (its issue 206)."""
    universe = {
        "flask 3.0.3": ["werkzeug"],
        "mlflow 2.13.2": [],
        "mlflow 2.14.0": ["flask==3.0.3"],
        "mlflow-kit 1.0": ["mlflow<3"],
        "werkzeug 3.0.3": ["mlflow-kit>=4"],
    }
    question = Question(Path("made-here"), 0, {"asked": ["mlflow-kit"], "universe": universe})
    assert question.resolves(question.files, question.targets[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("CPython 3.11 on", "CPython 3.12 on"),
        ("numpy: no release", "pandas: no release"),
        ("    numpy<2  (base.in:2)\n", ""),
        ("    numpy<2  (base.in:2)", "    numpy<2  (base.in:1)"),
        ("    numpy<2  (base.in:2)", "    numpy<2  (constraint, base.in:2)"),
        ("    numpy<2  (base.in:2)", "    numpy<2.1  (base.in:2)"),
        ("    numpy<2  (base.in:2)", "    numpy<2  (needed by pandas 2.2.2 <- pandas (requirements.in:2))"),
        ("3 releases: 1.24.4", "3 releases: 1.26.4"),
        (
            "conflict: numpy<2 (base.in:2), numpy>=2",
            "conflict: numpy<2 (base.in:2), pandas (requirements.in:2), numpy>=2",
        ),
        ("conflict: numpy<2 (base.in:2), ", "conflict: "),
        ("to allow numpy 2.0.2", "to allow numpy 1.26.4"),
        ("to allow numpy 2.0.2", "to allow numpy 2.0.3"),
        ("requirements.in:3: change", "requirements.in:2: change"),
        ("  any of these changes", "  perhaps one of these changes"),
    ],
)
def test_untrue_claim_is_found(said: str, instead: str) -> None:
    """Else the test above could not fail."""
    question = next(question for question in questions() if str(question) == "own-lines: two own lines, in two files")
    text = explained(question)
    assert said in text
    with pytest.raises((AssertionError, ValueError)):
        verify(question, text.replace(said, instead))


def facts() -> Iterator[Any]:
    for question in questions():
        for fact in question.case.get("told", ()):
            yield pytest.param(question, fact, id=f"{question}: {fact}")


@pytest.mark.slow
@pytest.mark.parametrize(("question", "fact"), list(facts()))
def test_fact_that_a_person_needs_is_told(question: Question, fact: str) -> None:
    assert fact in explained(question)


def test_each_case_has_a_name_of_its_own() -> None:
    names = list(map(str, questions()))
    assert len(set(names)) == len(names) >= 30
