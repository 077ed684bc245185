import json
import subprocess
import sys
from pathlib import Path

import pytest

from lockml.common.errors import UnreachableError
from lockml.inventory.model import Subject
from lockml.subjects.probe import PROBE, read_answer

SUBJECT = Subject(kind="container", name="trainer")


@pytest.mark.process
def test_program_tells_what_is_installed_and_leaves_no_trace(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    site = next((environment / "lib").glob("python3.*/site-packages"))
    (site / "evil.pth").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    before = sorted(tmp_path.rglob("*"))
    command = [str(environment / "bin" / "python"), "-I", "-S", "-B", "-"]
    done = subprocess.run(command, input=PROBE.encode(), capture_output=True, check=True)
    assert sorted(tmp_path.rglob("*")) == before
    inventory = read_answer(done.stdout, SUBJECT)
    assert inventory.environment.prefix == str(environment)
    assert "pip" in {each.name for each in inventory.environment.distributions}
    assert all(each.record for each in inventory.environment.distributions)
    assert inventory.problems == ()


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b'{"prefix": 1}', json.dumps({"prefix": "/", "python": "3.11", "machine": "x"}).encode()]
)
def test_answer_that_is_none_is_told(answer: bytes) -> None:
    with pytest.raises(UnreachableError, match="cannot be read"):
        read_answer(answer, SUBJECT)


def test_files_that_are_no_base64_are_told() -> None:
    facts: dict[str, object] = {"prefix": "/", "python": "3.11.2", "machine": "x86_64", "libc": None, "folders": []}
    with pytest.raises(UnreachableError, match="cannot be read"):
        read_answer(json.dumps({**facts, "files": {"/a": "%"}}).encode(), SUBJECT)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"python": "3.14.2", "flags": "t"}, "3.14.2t"),
        ({"python": "3.14.2", "flags": "d"}, "3.14.2"),
        ({"python": "3.10.14", "implementation": "pypy"}, "pypy3.10.14"),
    ],
)
def test_answer_tells_the_implementation_and_the_build(facts: dict[str, str], text: str) -> None:
    answer = {"prefix": "/", "machine": "s390x", "libc": "glibc-2.36", "folders": [], "files": {}, **facts}
    environment = read_answer(json.dumps(answer).encode(), SUBJECT).environment
    assert (environment.python_text, environment.machine) == (text, "s390x")
