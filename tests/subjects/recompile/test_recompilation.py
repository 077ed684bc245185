import importlib.util
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lockml.inventory.bytecode.comparison import CompiledModule, Verdict
from lockml.subjects.recompile.recompilation import Recompilation
from tests.made.pythons import body_of, compile_with, other_pythons

pytestmark = pytest.mark.process

MINOR = sys.version_info.minor
RELEASE = platform.python_version()
HEADER = importlib.util.MAGIC_NUMBER + bytes(12)
FINE = "import os\ndef run(a):\n    return os.path.join(a, 'b')\n"
HUGE = b"x = (" + b"a+b, " * 1_000_000 + b")"


def module(
    path: str,
    body: bytes | None = None,
    source: bytes = FINE.encode(),
    *,
    header: bytes = HEADER,
    optimisation: int = 0,
) -> CompiledModule:
    compiled = header + (body_of(FINE, path=path) if body is None else body)
    return CompiledModule(path=path, compiled=compiled, source=source, optimisation=optimisation)


def compare(
    modules: Sequence[CompiledModule], *, release: str | None = RELEASE, seconds: float = 20, folder: Path | None = None
) -> dict[str, Verdict]:
    with Recompilation(MINOR, release, seconds=seconds, folder=folder) as recompilation:
        return {verdict.path: verdict for verdict in recompilation.compare(modules)}


def outcomes(verdicts: dict[str, Verdict]) -> dict[str, str]:
    return {path: verdict.outcome for path, verdict in verdicts.items()}


def test_module_is_the_same_or_different_by_its_code() -> None:
    evil = body_of(FINE.replace("'b'", "'c'"))
    assert outcomes(compare([module("a"), module("b", evil), module("c")])) == {
        "a": "same",
        "b": "different",
        "c": "same",
    }


def test_module_is_compared_at_its_level_of_optimisation() -> None:
    source = b'"""About."""\nassert __debug__\n'
    bodies = [compile_with(sys.executable, [source], optimisation=level)[0] for level in range(3)]
    found = compare([module(str(level), bodies[level], source, optimisation=level) for level in range(3)])
    assert set(outcomes(found).values()) == {"same"}
    assert outcomes(compare([module("a", bodies[1], source, optimisation=2)])) == {"a": "different"}


@pytest.mark.skipif(MINOR < 11, reason="Python had no columns before 3.11")
def test_module_that_was_compiled_without_columns_is_the_same() -> None:
    """Where it has none, the compiler merges code here and there that it would have kept apart (3.11)."""
    source = Path(importlib.util.__file__).read_bytes()
    text = "import marshal, sys; sys.stdout.buffer.write(marshal.dumps(compile(sys.stdin.buffer.read(), 'x', 'exec')))"
    command = (sys.executable, "-S", "-X", "no_debug_ranges", "-c", text)
    body = subprocess.run(command, input=source, capture_output=True, check=True).stdout
    evil = body.replace(b"_resolve_name", b"_resolve_evil")
    assert outcomes(compare([module("a", body, source), module("b", evil, source), module("c")])) == {
        "a": "same",
        "b": "different",
        "c": "same",
    }


@pytest.mark.parametrize("release", ["3.11.99", None])
def test_other_code_of_another_release_is_not_compared(release: str | None) -> None:
    changed = body_of(FINE.replace("a, 'b'", "'b', a"))
    assert outcomes(compare([module("a", changed), module("b")], release=release)) == {"a": "not-compared", "b": "same"}


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [(b"def", "SyntaxError"), (HUGE, "too long"), (b"#" * (9 << 20), "more than 8 MiB"), (b"(" * 100_000, "Error")],
)
def test_source_that_does_not_compile_costs_only_its_own_comparison(hostile: bytes, reason: str) -> None:
    found = compare([module("a"), module("b", source=hostile), module("c")], seconds=2)
    assert outcomes(found) == {"a": "same", "b": "not-compared", "c": "same"}
    assert reason in found["b"].reason


def test_nothing_is_compared_when_no_time_is_given() -> None:
    found = compare([module("a")], seconds=0)
    assert (found["a"].outcome, found["a"].reason) == ("not-compared", "its time limit is 0")


def test_what_is_left_when_the_time_is_over_is_not_compared() -> None:
    many = [module(f"{number}", source=HUGE + b"%d" % number) for number in range(30)]
    found = compare(many, seconds=0.6)
    assert set(outcomes(found).values()) == {"not-compared"}
    assert found["29"].reason == "the time limit was reached"
    assert len(found) == 30


def test_module_of_another_magic_number_is_not_compared() -> None:
    found = compare([module("a", header=b"\0\0\r\n" + bytes(12))])
    assert "magic number" in found["a"].reason


def test_python_that_nobody_knows_is_not_compared() -> None:
    with Recompilation(99, None, seconds=2, folder=None) as recompilation:
        assert [verdict.reason for verdict in recompilation.compare([module("a")])] == [
            "the bytecode format of Python 3.99 is not known"
        ]


def test_python_that_is_not_here_is_not_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A program of that name that is none is not enough, and neither is one in a relative folder."""
    other = 8 if MINOR != 8 else 9
    false = tmp_path / f"python3.{other}"
    false.symlink_to("/bin/false")
    monkeypatch.setenv("PATH", f"{tmp_path}:.:")
    with Recompilation(other, None, seconds=2, folder=None) as recompilation:
        assert [verdict.reason for verdict in recompilation.compare([module("a")])] == [
            f"this machine has no working Python 3.{other}"
        ]


@pytest.mark.parametrize("minor", [minor for minor in other_pythons() if minor != MINOR])
def test_python_on_the_path_compiles_for_its_own_release(
    minor: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = other_pythons()[minor]
    (tmp_path / f"python3.{minor}").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    text = "import importlib.util, sys; sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER)"
    magic = subprocess.run([program, "-c", text], capture_output=True, check=True).stdout
    body = compile_with(program, [FINE.encode()])[0]
    with Recompilation(minor, None, seconds=20, folder=None) as recompilation:
        verdicts = recompilation.compare([module("a", body, header=magic + bytes(12))])
        assert [verdict.outcome for verdict in verdicts] == ["same"]


def test_what_was_the_same_is_kept_and_needs_no_time(tmp_path: Path) -> None:
    evil = module("b", body_of(FINE.replace("'b'", "'c'")))
    compare([module("a")], folder=tmp_path)
    found = compare([module("long", source=HUGE), module("a"), evil], folder=tmp_path, seconds=0.5)
    assert outcomes(found) == {"long": "not-compared", "a": "same", "b": "not-compared"}
    assert outcomes(compare([evil], folder=tmp_path)) == {"b": "different"}


@pytest.mark.parametrize("content", [b"", b"\xff" * 99, b"\x81\xa1a\x01"])
def test_kept_file_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    compare([module("a")], folder=tmp_path)
    (file,) = (tmp_path / "code-1").iterdir()
    file.write_bytes(content)
    assert outcomes(compare([module("a")], folder=tmp_path)) == {"a": "same"}


def test_modules_are_read_as_they_are_needed() -> None:
    read: list[int] = []

    def modules() -> Iterator[CompiledModule]:
        for number in range(1000):
            read.append(number)
            yield module("a", b"", b"a" * 100_000)

    with Recompilation(MINOR, RELEASE, seconds=20, folder=None) as recompilation:
        next(recompilation.compare(modules()))
    assert len(read) < 20
