"""The classic example against the real index: the pins of uv, stable bytes, and installers that accept the lock."""

import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.process import Outcome, network_variables, run_lockml

pytestmark = pytest.mark.online

EXAMPLE = Path(__file__).parents[2] / "examples" / "classic" / "requirements.in"
TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(EXAMPLE, tmp_path)
    return tmp_path


def compiled(folder: Path, *arguments: str, name: str = "requirements.in") -> Outcome:
    outcome = run_lockml("compile", name, *TARGET, *arguments, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    return outcome


def run(*command: str | Path, folder: Path) -> None:
    environment = {**os.environ, "UV_SYSTEM_CERTS": "1"}  # the certificates that pip trusts
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def pins(path: Path) -> set[str]:
    return set(re.findall(r"^[a-z0-9-]+==[^\s\\]+", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("date", [(), ("--exclude-newer", "2024-06-01")])
def test_pins_are_those_of_uv_at_the_same_date(folder: Path, date: tuple[str, ...]) -> None:
    compiled(folder, *date)
    platform = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_36")
    command = (sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-config", "requirements.in", *platform)
    run(*command, *date, "--no-annotate", "--no-header", "-o", "uv.txt", folder=folder)
    ours = pins(folder / "requirements.txt")
    assert ours == pins(folder / "uv.txt")
    assert {"pandas==2.0.3", "scikit-learn==1.3.0", "numpy==1.25.2", "matplotlib==3.7.2"} <= ours
    assert len(ours) > 10


def test_second_run_and_permuted_lines_give_the_same_bytes(folder: Path) -> None:
    compiled(folder)
    lock = (folder / "pylock.toml").read_bytes()
    assert "pylock.toml (unchanged), requirements.txt (unchanged)" in compiled(folder).err
    lines = EXAMPLE.read_text().splitlines()
    random.Random(7).shuffle(lines)
    assert lines != EXAMPLE.read_text().splitlines()
    (folder / "requirements.in").write_text("\n".join(lines))
    assert "pylock.toml (unchanged), requirements.txt (unchanged)" in compiled(folder, "--upgrade").err
    assert (folder / "pylock.toml").read_bytes() == lock


def test_installers_accept_what_was_written_and_what_they_install_is_proven(folder: Path) -> None:
    """pip with hashes, pip from the lock (26.1 or newer), uv from the lock."""
    assert sys.version_info[:2] == (3, 11), "the example is locked for Python 3.11; run this test with that"
    compiled(folder)
    for name in ("hashes", "lock", "uv"):
        run(sys.executable, "-m", "venv", name, folder=folder)
        pip = (folder / name / "bin" / "python", "-m", "pip", "install", "-q")
        if name == "hashes":
            run(*pip, "--require-hashes", "-r", "requirements.txt", folder=folder)
        elif name == "lock":
            run(*pip, "pip>=26.1", folder=folder)
            run(*pip, "-r", "pylock.toml", folder=folder)
        else:
            python = str(folder / name / "bin" / "python")
            run(sys.executable, "-m", "uv", "pip", "sync", "-q", "--python", python, "pylock.toml", folder=folder)
        outcome = run_lockml("check", "--path", name, folder=folder)
        assert outcome.code == 0, outcome.out
        proven = re.search(r"artifacts  RECORD matches the lock \((\d+)\)", outcome.out)
        assert proven is not None
        assert proven[1] == str(len(pins(folder / "requirements.txt")))


def test_one_lock_for_several_targets_serves_pip_and_uv_on_each(folder: Path) -> None:
    """Python 3.11 and 3.12, two processors, two C libraries; those of this machine are tried."""
    (folder / "requirements.in").write_text("scikit-learn\npandas\ntzlocal ; python_version >= '3.12'\n")
    targets = (
        "old=3.11-linux/amd64-glibc-2.31",
        "new=3.12-linux/amd64-glibc-2.36",
        "arm=3.12-linux/arm64-glibc-2.31",
        "alpine=3.12-linux/amd64-musl-1.2",
    )
    options = [word for target in targets for word in ("--target", target)]
    outcome = run_lockml("compile", *options, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    lock = tomllib.loads((folder / "pylock.toml").read_text())
    versions = [package["name"] for package in lock["packages"]]
    assert len(versions) == len(set(versions)), "one version serves all targets"
    assert {package["name"] for package in lock["packages"] if "marker" in package} == {"tzlocal"}
    pip = (sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed", "--require-hashes")
    run(*pip, "-r", "requirements.txt", folder=folder)
    run(sys.executable, "-m", "venv", "env", folder=folder)
    uv = (sys.executable, "-m", "uv", "pip", "sync", "-q", "--dry-run")
    run(*uv, "--python", str(folder / "env" / "bin" / "python"), "pylock.toml", folder=folder)
