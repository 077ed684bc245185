"""The image of lockml that the manifests name: built from its Containerfile, proven, and at work."""

import json
import shutil
from pathlib import Path

import pytest

from lockml import __version__
from tests.cli.process import network_variables, run_lockml
from tests.engine.conftest import PROXIES, TARGET, Docker

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
RECIPE = Path("examples", "audit-image")
FLEET = """\
[audit]
store = "sqlite:////var/lib/lockml/audit.db"
[audit.index]
ask = false
[[audit.targets]]
name = "itself"
lock = "pylock.toml"
image = "lockml-test/lockml"
level = "files"
"""


@pytest.fixture(scope="module")
def image(docker: Docker, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    context = tmp_path_factory.mktemp("context")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, context)
    shutil.copytree(ROOT / "lockml", context / "lockml", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / RECIPE, context / RECIPE)
    base = ("--build-arg", f"BASE={base_image}")
    recipe = str(context / RECIPE / "Containerfile")
    docker.run("build", "--network=host", *base, *PROXIES, "-f", recipe, "-t", "lockml-test/lockml", str(context))
    return "lockml-test/lockml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a fleet file and the lock of the image."""
    folder = tmp_path_factory.mktemp("fleet")
    requirements = str(ROOT / RECIPE / "requirements.txt")
    outcome = run_lockml("adopt", requirements, *TARGET, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    (folder / "lockml.toml").write_text(FLEET)
    return folder


def test_image_has_lockml_and_another_user_than_root(docker: Docker, image: str) -> None:
    assert __version__ in docker.run("run", "--rm", "--network=host", image, "--version")
    assert docker.run("run", "--rm", "--network=host", "--entrypoint", "id", image, "-u") == "10001"
    for command in ("run", "serve", "worker", "beat"):
        docker.run("run", "--rm", "--network=host", image, "audit", command, "--help")


def test_image_is_what_was_locked(docker: Docker, image: str, folder: Path) -> None:
    """Lockml itself is the project that the lock was made for, and no drift."""
    variables = {"DOCKER_HOST": docker.host}
    command = ("check", "--image", image, "--lock", "pylock.toml", "--level", "files", "--format", "json")
    outcome = run_lockml(*command, folder=folder, variables=variables)
    report = json.loads(outcome.out)
    assert (outcome.code, report["drifts"], report["complete"]) == (0, [], True)
    (environment,) = report["environments"]
    assert environment["prefix"] == "/opt/lockml"
    assert environment["levels"]["files"]["matched"] == environment["levels"]["files"]["total"] > 50


def test_image_audits_by_the_engine_of_its_host(docker: Docker, image: str, folder: Path) -> None:
    socket = docker.host.removeprefix("unix://")
    mounts = ("-v", f"{socket}:{socket}:ro", "-v", f"{folder}:/fleet:ro", "-e", f"DOCKER_HOST={docker.host}")
    said = docker.run("run", "--rm", "--network=host", "--user", "0:0", *mounts, image, "audit", "run")
    assert said.splitlines()[-1] == "1 target: 1 in-order"
