import pytest

from lockml.common.errors import InputError
from lockml.common.pythons import parse_python


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("3.11", "3.11"),
        ("3.11.7", "3.11.7"),
        ("cpython3.12", "3.12"),
        ("cpython@3.12", "3.12"),
        ("cp39", "3.9"),
        ("3.13t", "3.13t"),
        ("3.14.0rc1t", "3.14.0rc1t"),
        ("cp314t", "3.14t"),
        ("3.14+freethreaded", "3.14t"),
        ("cpython3.14.2+freethreaded", "3.14.2t"),
        ("pypy3.10", "pypy3.10"),
        ("pypy@3.11", "pypy3.11"),
        ("pp39", "pypy3.9"),
        ("pypy3.10.14", "pypy3.10.14"),
    ],
)
def test_python_may_be_named_as_uv_and_tags_do(text: str, canonical: str) -> None:
    python = parse_python(text)
    assert str(python) == canonical
    assert parse_python(canonical) == python


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("3.12t", "not a free-threaded CPython"),
        ("pypy3.12", "not a PyPy that lockml knows"),
        ("pypy3.7", "not a Python version"),
        ("pypy3.10t", "not a PyPy that lockml knows"),
        ("@3.11", "not a Python version"),
        ("pypy", "not a Python version"),
        ("3.14T", "not a Python version"),
        ("3.1\u0661", "not a Python version"),
        ("graalpy3.11", "not a Python version"),
    ],
)
def test_python_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parse_python(text)
