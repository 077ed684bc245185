"""What .dockerignore leaves out (Dockerfile reference, ".dockerignore file")."""

import pytest

from lockml.docker.context.dockerignore import parse_dockerignore


@pytest.mark.parametrize(
    ("text", "path", "ignored"),
    [
        ("a.txt\n", "a.txt", True),
        ("a.txt\n", "b/a.txt", False),
        ("/a.txt\n", "a.txt", True),
        ("*.txt\n", "a.txt", True),
        ("*/a.txt\n", "b/a.txt", True),
        ("**/a.txt\n", "a.txt", True),
        ("**/a.txt\n", "b/c/a.txt", True),
        ("b\n", "b/c/a.txt", True),
        ("b/\n", "b/a.txt", True),
        ("**/*.py[co]\n", "b/a.pyc", True),
        ("?.txt\n", "a.txt", True),
        ("*\n!a.txt\n", "a.txt", False),
        ("!a.txt\n*\n", "a.txt", True),
        ("# a.txt\n", "a.txt", False),
        ("a.txt\r\n", "a.txt", True),
        ("\n\n", "a.txt", False),
        ("[\n", "a.txt", False),
        ("a/**/z\n", "a/b/c/z", True),
    ],
)
def test_last_pattern_that_fits_decides(text: str, path: str, ignored: bool) -> None:
    assert (parse_dockerignore(text).ignored(path) is not None) is ignored


def test_pattern_with_many_stars_takes_no_time() -> None:
    assert parse_dockerignore("*a" * 200 + "b\n").ignored("a" * 2000) is None


def test_place_is_that_of_the_pattern() -> None:
    assert parse_dockerignore("x\n*.txt\n").ignored("a.txt") == (2, 7)
