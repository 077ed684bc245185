"""Mounts on the way to what Python imports are read as they are, by each way of looking at a container."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.conftest import Docker, Trainer

pytestmark = pytest.mark.engine

SITE = "/opt/venv/lib/python3.11/site-packages"
MODIFIED = [("modified", f"{SITE}/threadpoolctl.py")]


@contextmanager
def created(docker: Docker, image: str, *options: str, running: bool = False) -> Iterator[str]:
    """Create a container with *options*, and remove it with its volumes in the end."""
    docker.run("create", "--network=host", "--name", "with-mounts", *options, image, "sleep", "1000")
    try:
        if running:
            docker.run("start", "with-mounts")
        yield "with-mounts"
    finally:
        docker.run("rm", "-f", "-v", "with-mounts")


def found(trainer: Trainer, host: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the drifts with their paths, and the paths of what could not be read."""
    report = trainer.report("--container", "with-mounts", "--level", "files", host=host)
    problems = [each["path"] for environment in report["environments"] for each in environment["problems"]]
    return [(each["kind"], each["path"]) for each in report["drifts"]], problems


@pytest.mark.parametrize("running", [True, False], ids=["running", "created"])
@pytest.mark.parametrize("remote", [True, False], ids=["tcp", "socket"])
@pytest.mark.parametrize("library", ["lib", "lib64"])
def test_mount_over_a_module_is_read(
    trainer: Trainer, docker: Docker, tmp_path: Path, library: str, *, running: bool, remote: bool
) -> None:
    (tmp_path / "x.py").write_text("x = 1\n")
    place = f"{SITE}/threadpoolctl.py".replace("/lib/", f"/{library}/")
    with created(docker, trainer.image, "-v", f"{tmp_path}/x.py:{place}", running=running):
        assert found(trainer, docker.tcp if remote else docker.host) == (MODIFIED, [])


def test_volume_that_the_engine_filled_and_data_are_in_order(trainer: Trainer, docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "six.py").write_text("x = 1\n")
    for running in (True, False):
        with created(docker, trainer.image, "-v", "/opt/venv", "-v", f"{tmp_path}:/data", running=running):
            assert found(trainer, docker.host) == found(trainer, docker.tcp) == ([], [])


def test_tmpfs_is_empty_before_a_start_and_hidden_from_engines_elsewhere(trainer: Trainer, docker: Docker) -> None:
    options = ("--tmpfs", f"{SITE}/joblib")
    with created(docker, trainer.image, *options):
        here, elsewhere = found(trainer, docker.host), found(trainer, docker.tcp)
        assert here == elsewhere
        assert ("removed-file", f"{SITE}/joblib/__init__.py") in here[0]
    with created(docker, trainer.image, *options, running=True):
        assert found(trainer, docker.host) == here
        assert f"{SITE}/joblib" in found(trainer, docker.tcp)[1]
