import pytest

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.script import read_script

SCRIPT = """\
#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "requests<3",
#   'rich',
# ]
# ///
import requests
"""


def test_dependencies_of_the_block_are_read_with_their_lines() -> None:
    """PEP 723."""
    found = read_script(SCRIPT.encode(), "train.py").requirements
    assert [f"{requirement.origin}: {requirement}" for requirement in found] == [
        "train.py:5: requests<3",
        "train.py:6: rich",
    ]
    assert len(read_script(SCRIPT.replace("\n", "\r\n").encode(), "train.py").requirements) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import os\n", "has no script block"),
        (SCRIPT + SCRIPT, "has 2 script blocks"),
        (SCRIPT.replace("[", "("), "the script block is not TOML"),
        ("# /// script\n# dependencies = 'a'\n# ///\n", "is not a list of strings"),
    ],
)
def test_script_is_refused_without_one_readable_block(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_script(text.encode(), "train.py")


def test_faulty_dependency_is_told_with_its_line() -> None:
    with pytest.raises(RequirementError, match=r"train\.py:5: 'requests<<3' is not a requirement"):
        read_script(SCRIPT.replace("<3", "<<3").encode(), "train.py")
