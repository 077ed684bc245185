"""Compiled modules that real compilers write, of one source at two places and times."""

import marshal
import struct
import sys

import pytest

from lockml.drift.differences.compiled import CompiledPairs
from lockml.drift.differences.walk import Found, Pair
from tests.made.trees import MemoryTree

MAGIC = b"\xa7\x0d\r\n"
PYTHON = f"3.{sys.version_info.minor}.0"


def module(source: str, path: str, *, modified: int = 1, magic: bytes = MAGIC) -> bytes:
    """Return what Python writes for a *source* at *path* (PEP 552)."""
    code = compile(source, path, "exec", dont_inherit=True)
    return magic + struct.pack("<III", 0, modified, len(source)) + marshal.dumps(code)


def same(one: tuple[str, bytes], other: tuple[str, bytes]) -> bool:
    found = []
    for folder, content in (one, other):
        path = f"{folder}/__pycache__/m.cpython-3{sys.version_info.minor}.pyc"
        found.append((MemoryTree({path: content}), Found(path, path, len(content))))
    (tree, before), (others, after) = found
    return CompiledPairs((tree, others), PYTHON).same(Pair(before, after))


SOURCE = "def f(x):\n    return x + 1\n\nclass A:\n    name = 'm'\n"


def test_same_source_compiled_at_another_time_and_place_is_the_same_code() -> None:
    one = ("/usr/lib/a", module(SOURCE, "/usr/lib/a/m.py"))
    other = ("/opt/venv/lib/b", module(SOURCE, "/opt/venv/lib/b/m.py", modified=2))
    assert same(one, other)
    assert same(other, one)


def test_same_code_of_a_path_that_nobody_expects_is_taken_apart() -> None:
    one = ("/usr/lib/a", module(SOURCE, "/build/tmp/m.py"))
    assert same(one, ("/usr/lib/a", module(SOURCE, "/other/build/m.py")))


@pytest.mark.parametrize(
    "other",
    [
        module(SOURCE.replace("+ 1", "+ 2"), "/usr/lib/a/m.py"),
        module(SOURCE + "import os\n", "/usr/lib/a/m.py"),
        module(SOURCE, "/usr/lib/a/m.py", magic=b"\xcb\x0d\r\n"),
        module(SOURCE, "/usr/lib/a/m.py")[:-4],
        MAGIC,
        b"",
    ],
)
def test_other_code_is_not_the_same(other: bytes) -> None:
    assert not same(("/usr/lib/a", module(SOURCE, "/usr/lib/a/m.py")), ("/usr/lib/a", other))


def test_no_path_but_that_of_the_source_may_differ() -> None:
    one = ("/a", module("x = '/c/m.py'\n", "/a/m.py"))
    assert same(one, ("/b", module("x = '/c/m.py'\n", "/b/m.py")))
    assert not same(one, ("/b", module("x = '/d/m.py'\n", "/b/m.py")))


def test_beyond_the_bound_of_what_is_taken_apart_modules_count_as_different(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockml.drift.differences.compiled._MAX_TAKEN_APART", 10)
    one = ("/usr/lib/a", module(SOURCE, "/build/tmp/m.py"))
    assert not same(one, ("/usr/lib/a", module(SOURCE, "/other/build/m.py")))
