"""pylock.toml of other tools: what lockml takes of it is what the tool exports."""

import pytest

from lockml.lock.model import Choice
from tests.made.foreign_locks import Case, cases, read_foreign, selected

CASES = [case for case in cases("uv", "pylock.toml") if case.choice == Choice()]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_selection_is_what_uv_exports(case: Case) -> None:
    assert read_foreign(case.file).format == "pylock.toml"
    assert selected(case) == list(case.pins)
