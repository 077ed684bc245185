import json
import subprocess
from pathlib import Path

import pytest

from lockml.lock.formats.pylock import format_lock
from tests.cli.process import run_lockml
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of

pytestmark = pytest.mark.process


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    index = MemoryIndex()
    index.add("app", "1.0", ["lib"])
    index.add("lib", "1.0")
    (tmp_path / "pylock.toml").write_text(format_lock(lock_of(index, "app")))
    return tmp_path


def test_why_tells_the_chain_and_the_line(folder: Path) -> None:
    outcome = run_lockml("why", "Lib", folder=folder)
    assert (outcome.code, outcome.out) == (0, "lib 1.0\n  lib 1.0 <- app 1.0 <- app (requirements.in)\n")


def test_why_of_what_is_not_locked_exits_2(folder: Path) -> None:
    outcome = run_lockml("why", "nope", folder=folder)
    assert outcome.code == 2
    assert "error: pylock.toml: 'nope' is not locked" in outcome.err


def test_tree_is_shown(folder: Path) -> None:
    assert run_lockml("tree", folder=folder).out == "app 1.0  <- app (requirements.in)\n  lib 1.0\n"


def test_diff_reads_git_revisions(folder: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@x.example")
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "-q")
    git("add", "pylock.toml")
    git("commit", "-q", "-m", "first")
    index = MemoryIndex()
    index.add("app", "2.0")
    (folder / "pylock.toml").write_text(format_lock(lock_of(index, "app")))
    outcome = run_lockml("diff", "HEAD:pylock.toml", folder=folder)
    assert (outcome.code, outcome.out) == (0, "upgraded   app 1.0 -> 2.0\nremoved    lib 1.0\n")
    told = json.loads(run_lockml("diff", "HEAD:pylock.toml", "pylock.toml", "--format", "json", folder=folder).out)
    assert told["changes"][1] == {"kind": "removed", "name": "lib", "before": "1.0", "after": None}
    outcome = run_lockml("diff", "HEAD~7:pylock.toml", folder=folder)
    assert outcome.code == 2
    assert "git has no such file" in outcome.err


def test_lock_diffed_with_itself_has_no_change(folder: Path) -> None:
    assert run_lockml("diff", "pylock.toml", folder=folder).out == "no package changed\n"


def test_lock_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    with (tmp_path / "pylock.toml").open("wb") as file:
        file.write(b'lock-version = "1.0"\n')
        file.truncate(3 << 30)
    outcome = run_lockml("tree", folder=tmp_path)
    assert (outcome.code, outcome.err) == (2, "error: pylock.toml: has more than 64 MiB\n")


def test_name_that_is_too_long_for_a_file_is_an_error(tmp_path: Path) -> None:
    outcome = run_lockml("tree", "--lock", f"HEAD:{'a' * 300}", folder=tmp_path)
    assert (outcome.code, "git has no such file" in outcome.err) == (2, True)
