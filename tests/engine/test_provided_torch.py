"""A base image with a real CPU torch: lockml leaves it where it is, locks what it lacks, and proves it afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.process import network_variables, run_lockml
from tests.engine.conftest import PROXIES, Docker

pytestmark = pytest.mark.engine

BUILD = "2.13.0+cpu"  # of no release on PyPI
SITE = "/usr/local/lib/python3.11/dist-packages"


def fetch_torch(folder: Path) -> Path:
    """Fetch the wheel of a CPU build: from where this machine's pip finds one, else that of arm64."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    arm = ["--platform", "manylinux_2_28_aarch64", "--python-version", "3.11"]
    for request in (
        [f"torch=={BUILD}", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"],
        [*arm, "torch"],
    ):
        if subprocess.run([*pip, *request], capture_output=True, check=False).returncode == 0:
            break
    (wheel,) = folder.glob("torch-*.whl")
    return wheel


def test_torch_of_the_image_stays_and_is_proven(docker: Docker, base_image: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    wheel = fetch_torch(context)
    version = wheel.name.split("-")[1]
    unpack = f"python3 -m zipfile -e /tmp/{wheel.name} {SITE} && rm /tmp/{wheel.name}"  # pip takes no wheel of arm64
    (context / "Dockerfile").write_text(
        f"FROM {base_image}\nCOPY {wheel.name} /tmp/\nRUN mkdir -p {SITE} && {unpack}\n"
    )
    docker.run("build", "-q", "-t", "lockml-test/torch", str(context))

    def lockml(*arguments: str) -> tuple[int, str]:
        variables = {"DOCKER_HOST": docker.host, **network_variables()}
        outcome = run_lockml(*arguments, folder=tmp_path, variables=variables)
        return outcome.code, outcome.out + outcome.err

    (tmp_path / "requirements.in").write_text("einops\ntorch>=2\n")
    code, told = lockml("compile", "--base-image", "image:lockml-test/torch", "--provided", "torch")
    assert code == 0, told
    locked = (tmp_path / "requirements.txt").read_text()
    assert "\ntorch==" not in locked
    assert all(f"\n{name}==" in locked for name in ("einops", "sympy", "filelock")), locked
    assert f'version = "{version}"' in (tmp_path / "pylock.toml").read_text()
    (tmp_path / "Dockerfile").write_text(
        "FROM lockml-test/torch\nCOPY requirements.txt .\n"
        "RUN pip install --break-system-packages --no-deps --require-hashes -r requirements.txt\n"
    )
    docker.run("build", "-q", "--network=host", *PROXIES, "-t", "lockml-test/torch:app", str(tmp_path))
    code, told = lockml("check", "image:lockml-test/torch:app", "--level", "files", "--format", "json")
    report = json.loads(told)
    assert (code, report["drifts"]) == (0, []), told
    assert "1 of 1 packages that the base image provides" in told
    (tmp_path / "Dockerfile").write_text(
        f"FROM lockml-test/torch:app\nRUN echo '# changed' >> {SITE}/torch/nn/functional.py\n"
    )
    docker.run("build", "-q", "-t", "lockml-test/torch:changed", str(tmp_path))
    code, told = lockml("check", "image:lockml-test/torch:changed", "--level", "files", "--format", "json")
    (drift,) = json.loads(told)["drifts"]
    assert (code, drift["kind"], drift["name"], drift["path"]) == (
        1,
        "modified",
        "torch",
        f"{SITE}/torch/nn/functional.py",
    )
