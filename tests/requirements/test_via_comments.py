"""Comments of compiled requirement files: who asks for each line."""

import pytest

from lockml.requirements.via_comments import Asker, askers_of

FLASK, FILE = Asker(project="flask"), Asker(file="requirements.in")


@pytest.mark.parametrize(
    ("text", "askers"),
    [
        ("a==1\n    # via flask\n", (FLASK,)),
        ("a==1  # via flask\n", (FLASK,)),
        ("a==1   # via -r requirements.in, Flask\n", (FILE, FLASK)),
        ("a==1 \\\n    --hash=sha256:00\n    # via\n    #   -r requirements.in\n    #   flask\n", (FILE, FLASK)),
        ("a==1\n    # via --requirement=requirements.in\n", (FILE,)),
        ("a==1\n    # via mine (pyproject.toml:dev)\n", (Asker(file="pyproject.toml:dev"),)),
        ("a==1\n    # via flask[async]==3.0\n", (FLASK,)),
        ("a==1\n    # via -c constraints.txt\n", ()),
        ("a==1\n# a word\n# via flask\n", (FLASK,)),
        ("a==1\n    # via\n\n    #   flask\n", ()),
        ("a==1\n--index-url x\n    # via flask\n", ()),
    ],
)
def test_askers_are_those_of_the_comments(text: str, askers: tuple[Asker, ...]) -> None:
    assert askers_of(text, {1}).get(1, ()) == askers


def test_comment_of_the_next_line_is_not_that_of_this_one() -> None:
    assert askers_of("a==1\nb==2\n    # via flask\n", {1, 2}) == {2: (FLASK,)}


def test_comments_before_the_first_line_ask_for_nothing() -> None:
    assert askers_of("# via flask\na==1\n", {2}) == {}
