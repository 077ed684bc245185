"""Many compiles on one cache, some of them killed at any moment: what is left is right."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cli.process import TARGET, run_lockml
from tests.made.indexes import Served

pytestmark = [pytest.mark.loopback, pytest.mark.slow]

_FILES = ("pylock.toml", "requirements.txt")
_PROCESSES = 8


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in _FILES if (folder / name).exists()}


def start(folder: Path, url: str, cache: Path) -> subprocess.Popen[bytes]:
    folder.mkdir()
    (folder / "requirements.in").write_text("p0\nmodel[all]\n")
    environment: Mapping[str, str] = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "LOCKML_CACHE_DIR": str(cache),
    }
    words = [sys.executable, "-m", "lockml", "compile", *TARGET, "--index-url", url]
    return subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.DEVNULL)


def test_eight_processes_on_one_cache_leave_what_is_right_though_some_are_killed(
    tmp_path: Path, served: Served, url: str
) -> None:
    for number in range(30):
        served.wheel(f"p{number}", "1.0", [f"p{number + 1}"])
    served.wheel("p30", "1.0")
    served.wheel("extra-bits", "1.0")
    alone, cache = tmp_path / "alone", tmp_path / "cache"
    assert start(alone, url, tmp_path / "own-cache").wait(120) == 0
    right = outputs(alone)
    assert set(right) == set(_FILES)
    for turn in range(2):
        folders = [tmp_path / f"{turn}-{number}" for number in range(_PROCESSES)]
        processes = [start(folder, url, cache) for folder in folders]
        for process in processes[::2]:
            time.sleep(0.2 + 0.15 * turn)
            process.kill()
        codes = [process.wait(120) for process in processes]
        for folder, code in zip(folders, codes, strict=True):
            left = outputs(folder)
            assert code in (0, -9)
            assert left == right if code == 0 else left.items() <= right.items()
        assert codes[1::2] == [0] * (_PROCESSES // 2)
        for file in cache.rglob("*.sqlite"):
            with sqlite3.connect(file) as database:
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for option in ((), ("--offline",)):
        for name in _FILES:
            (alone / name).unlink()
        variables = {"LOCKML_CACHE_DIR": str(cache)}
        outcome = run_lockml("compile", *TARGET, "--index-url", url, *option, folder=alone, variables=variables)
        assert outcome.code == 0, outcome.err
        assert outputs(alone) == right
