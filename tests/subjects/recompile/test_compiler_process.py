import platform
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from lockml.subjects.recompile.compiler_process import CompilerError, CompilerProcess
from tests.made.pythons import body_of

pytestmark = pytest.mark.process


def soon(seconds: float = 20) -> float:
    return time.monotonic() + seconds


@contextmanager
def running() -> Iterator[CompilerProcess]:
    with closing(CompilerProcess((sys.executable,), seconds=20, until=soon())) as process:
        yield process


def test_compiler_says_what_it_is() -> None:
    with running() as process:
        assert process.compiler.release == platform.python_version()
        assert process.compiler.build == sys.version


def test_answers_are_those_of_the_sources_in_their_order() -> None:
    with running() as process:
        for _ in range(2):
            process.give([(b"a = 1", 0), (b"a =", 0), (b"b'\\d'; '\\d'", 0), (b"\0", 0), (b"b = 2", 0)], soon())
            answers = [process.take(soon()) for _ in range(5)]
            assert answers[0] == body_of("a = 1", path="<source>")
            assert answers[1] == "SyntaxError"
            assert isinstance(answers[2], bytes)  # it warns
            assert answers[3] in ("ValueError", "SyntaxError")
            assert answers[4] == body_of("b = 2", path="<source>")


def test_optimisation_leaves_out_assertions_and_then_docstrings() -> None:
    source = b'def f():\n    """About."""\n    assert f, "why"\n'
    with running() as process:
        process.give([(source, level) for level in (0, 1, 2)], soon())
        plain, once, twice = (process.take(soon()) for _ in range(3))
    assert isinstance(plain, bytes)
    assert isinstance(once, bytes)
    assert isinstance(twice, bytes)
    assert [b"why" in plain, b"why" in once, b"why" in twice] == [True, False, False]
    assert [b"About" in plain, b"About" in once, b"About" in twice] == [True, True, False]


@pytest.mark.parametrize("codec", ["latin-1", "utf-8", "cp1252", "ascii", "iso-8859-15"])
def test_source_may_state_its_encoding(codec: str) -> None:
    with running() as process:
        process.give([(f"# coding: {codec}\n\u00e9 = 1\n".encode(codec, "replace"), 0)], soon())
        assert isinstance(process.take(soon()), bytes) or codec == "ascii"


def test_source_that_takes_too_long_is_given_up() -> None:
    with running() as process:
        process.give([(b"x = (" + b"a+b, " * 1_000_000 + b")", 0)], soon())
        began = time.monotonic()
        with pytest.raises(CompilerError, match="too long"):
            process.take(soon(0.1))
        assert time.monotonic() - began < 1


def test_source_that_needs_too_much_memory_has_no_code() -> None:
    process = CompilerProcess((sys.executable,), seconds=20, until=soon(), memory=100 << 20)
    with closing(process):
        process.give([(b"x = (" + b"a+b, " * 1_000_000 + b")", 0), (b"a", 0)], soon())
        assert process.take(soon()) == "MemoryError"
        assert isinstance(process.take(soon()), bytes)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/no/such/python",), "does not start"),
        (("/bin/false",), "ended"),
        (("/bin/echo",), "invalid answer"),
        (("/bin/sh", "-c", "sleep 9"), "too long"),
    ],
)
def test_what_is_no_compiler_is_refused(command: tuple[str, ...], reason: str) -> None:
    with pytest.raises(CompilerError, match=reason):
        CompilerProcess(command, seconds=1, until=soon(1))


def test_compiler_that_ended_takes_nothing() -> None:
    says = "import struct; print(end=struct.pack('<BI', 0, 10).decode() + 'mag\\n3.11.7\\n')"
    process = CompilerProcess((sys.executable, "-c", says), seconds=20, until=soon())
    with closing(process), pytest.raises(CompilerError, match="ended"):
        process.give([(b"a" * 1_000_000, 0)], soon())
