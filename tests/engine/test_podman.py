"""Podman's engine speaks Docker's API; its containers and images are looked at in the same ways."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Docker, Trainer, require_program
from tests.engine.reports import assert_in_order

pytestmark = pytest.mark.engine

SITE = "/opt/venv/lib/python3.11/site-packages"


@dataclass(frozen=True, slots=True)
class Podman:
    """A podman with a store of its own, and where it listens."""

    folder: Path

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/podman.sock"

    def command(self, *arguments: str) -> list[str]:
        store = ["--root", f"{self.folder}/root", "--runroot", f"{self.folder}/run", "--storage-driver", "overlay"]
        return ["podman", *store, "--cgroup-manager", "cgroupfs", *arguments]

    def run(self, *arguments: str) -> str:
        variables = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}
        done = subprocess.run(
            self.command(*arguments), env=variables, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, f"podman {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()


@pytest.fixture(scope="module")
def podman(trainer: Trainer, docker: Docker) -> Iterator[Podman]:
    require_program("podman")
    engine = Podman(Path(tempfile.mkdtemp(prefix="lockml-podman-")))
    saved = engine.folder / "image.tar"
    docker.run("save", "-o", str(saved), trainer.image)
    with (engine.folder / "log").open("wb") as log:
        command = engine.command("system", "service", "--time=0", engine.address)
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        engine.run("load", "-q", "-i", str(saved))
        saved.unlink()
        limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
        engine.run("run", "-d", "--network=host", *limits, "--name", "trained", trainer.image)
        for _ in range(60):
            if (engine.folder / "podman.sock").exists():
                break
            time.sleep(0.5)
        yield engine
    finally:
        subprocess.run(engine.command("rm", "-f", "trained"), capture_output=True, check=False)
        process.terminate()
        process.wait(30)
        subprocess.run(["umount", "-l", engine.folder / "root" / "overlay"], capture_output=True, check=False)
        shutil.rmtree(engine.folder, ignore_errors=True)


def report(trainer: Trainer, podman: Podman, *subject: str, level: str = "artifacts") -> Any:
    return trainer.report(*subject, "--level", level, host=podman.address)


def test_container_and_image_in_order(trainer: Trainer, podman: Podman) -> None:
    found = report(trainer, podman, "--container", "trained")
    assert_in_order(trainer, found)
    assert found["subject"]["details"]["read-by"] == "process-root"
    assert_in_order(trainer, report(trainer, podman, "--image", f"localhost/{trainer.image}"))


def test_drift_is_told_with_podmans_remedy(trainer: Trainer, podman: Podman) -> None:
    podman.run("exec", "trained", "sh", "-c", f"echo 'x = 1' > {SITE}/late.py")
    (drift,) = report(trainer, podman, "--container", "trained", level="files")["drifts"]
    assert (drift["kind"], drift["origin"]) == ("unattributed-file", "changed after the container was made")
    assert drift["fix"].startswith("recreate the container from its image, or run `podman exec trained rm -r ")
    podman.run("stop", "-t", "0", "trained")
    stopped = report(trainer, podman, "--container", "trained", level="files")
    assert stopped["drifts"] == [drift]
    assert stopped["subject"]["details"]["read-by"] == "layers"
