"""An image for CUDA in a real engine: what its variables say, and which driver a running container sees."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import Outcome, run_lockml
from tests.engine.conftest import TARGET, Docker
from tests.made.wheels import make_wheel, wheel_name

pytestmark = pytest.mark.engine

IMAGE = "lockml-test/cuda"
DOCKERFILE = """\
FROM {base}
ENV CUDA_VERSION=12.8.1 NVIDIA_REQUIRE_CUDA="cuda>=12.8" PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
COPY . /build
RUN python3 -m venv /opt/venv && cd /build && pip install --no-index -f wheels --require-hashes -r requirements.txt
"""
LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.575.57.08"


@pytest.fixture(scope="module")
def folder(docker: Docker, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with the lock of a stand-in for a CUDA 13 torch, whose image is built on CUDA 12.8."""
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "wheels").mkdir()
    wheel = make_wheel("torch", "2.9.1+cu130", files={"torch/__init__.py": b""})
    (folder / "wheels" / wheel_name("torch", "2.9.1+cu130")).write_bytes(wheel)
    (folder / "requirements.in").write_text("torch\n")
    (folder / "Dockerfile").write_text(DOCKERFILE.format(base=base_image))
    compiled = run_lockml("compile", "requirements.in", "--no-index", "-f", "wheels", *TARGET, folder=folder)
    assert compiled.code == 0, compiled.err
    docker.run("build", "-q", "--network=host", "-t", IMAGE, str(folder))
    yield folder
    docker.run("rmi", "-f", IMAGE)


def check(folder: Path, docker: Docker, *arguments: str) -> Outcome:
    return run_lockml("check", *arguments, folder=folder, variables={"DOCKER_HOST": docker.host})


def test_image_of_another_cuda_is_told_and_no_drift(folder: Path, docker: Docker) -> None:
    outcome = check(folder, docker, f"image:{IMAGE}")
    assert outcome.code == 0, outcome.out
    assert outcome.out.count("accelerator: the image has CUDA 12.8.1, and torch 2.9.1+cu130 is built for CUDA 13") == 1


def test_container_runs_on_the_driver_that_is_mounted_into_it(folder: Path, docker: Docker) -> None:
    (folder / "empty").touch()
    name = "lockml-cuda"
    docker.run(
        "run", "-d", "--network=host", "--name", name, "-v", f"{folder}/empty:{LIBRARY}:ro", IMAGE, "sleep", "900"
    )
    try:
        outcome = check(folder, docker, f"container:{name}")
        assert outcome.code == 1, outcome.out
        assert "needs driver 580 or newer, and the driver is 575.57.08 (CUDA 12.9)" in outcome.out
        assert check(folder, docker, f"container:{name}", "--driver", "580.82.07").code == 0
    finally:
        docker.run("rm", "-f", name)
