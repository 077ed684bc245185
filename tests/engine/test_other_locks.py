"""An image that uv filled from a uv.lock, before and after somebody installed more, and the lock adopted."""

import json
import subprocess
from pathlib import Path

import pytest
from uv import find_uv_bin

from lockml.index.http.pip_config import default_index_url
from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import PROXIES, Docker

pytestmark = pytest.mark.engine

PROJECT = """\
[project]
name = "app"
version = "0.1"
requires-python = ">=3.11,<3.12"
dependencies = ["packaging", "click", "six"]
[dependency-groups]
dev = ["iniconfig"]
"""
LATER = ("attrs", "idna", "toolz", "pyparsing", "zipp", "pytz")
DOCKERFILE = """\
FROM lockml-test/base
COPY --from=lockml-test/uv:1 /uv /usr/local/bin/uv
COPY pyproject.toml uv.lock /srv/
WORKDIR /srv
ENV UV_PROJECT_ENVIRONMENT=/opt/venv PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
RUN uv sync --frozen --no-dev --no-cache --python /usr/bin/python3
CMD ["python3"]
"""
MORE = f"FROM lockml-test/uv-locked\nRUN uv pip install --no-cache --no-deps --python /opt/venv {' '.join(LATER)}\n"


@pytest.fixture(scope="module")
def folder(docker: Docker, base_image: str, uv_image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that uv locked; images of it as uv installs it, and with six packages more."""
    assert (base_image, uv_image) == ("lockml-test/base", "lockml-test/uv:1")
    folder = tmp_path_factory.mktemp("uv-locked")
    (folder / "pyproject.toml").write_text(PROJECT)
    lock = [find_uv_bin(), "lock", "-q", "--default-index", default_index_url()]
    subprocess.run(lock, cwd=folder, check=True)
    for name, text in (("uv-locked", DOCKERFILE), ("uv-more", MORE)):
        (folder / "Dockerfile").write_text(text)
        docker.run("build", "-q", "--network=host", *PROXIES, "-t", f"lockml-test/{name}", str(folder))
    return folder


def check(docker: Docker, folder: Path, image: str, *arguments: str) -> Outcome:
    variables = {"DOCKER_HOST": docker.host}
    return run_lockml("check", "--image", f"lockml-test/{image}", *arguments, folder=folder, variables=variables)


def test_image_of_a_uv_lock_is_in_order(docker: Docker, folder: Path) -> None:
    outcome = check(docker, folder, "uv-locked", "--lock", "uv.lock", "--no-group", "dev")
    assert outcome.code == 0, outcome.out + outcome.err
    assert "only versions and sources are compared" in outcome.out


def test_six_later_installs_are_exactly_what_is_found(docker: Docker, folder: Path) -> None:
    outcome = check(docker, folder, "uv-more", "--lock", "uv.lock", "--no-group", "dev", "--format", "json")
    drifts = json.loads(outcome.out)["drifts"]
    assert sorted((drift["kind"], drift["name"]) for drift in drifts) == sorted(("unexpected", name) for name in LATER)


def test_adopted_lock_proves_the_bytes_of_the_image(docker: Docker, folder: Path) -> None:
    target = ("--target", "3.11-linux/amd64-glibc-2.36", "--no-group", "dev")
    adopted = run_lockml("adopt", "uv.lock", *target, folder=folder, variables=network_variables())
    assert adopted.code == 0, adopted.err
    outcome = check(docker, folder, "uv-locked", "--level", "files")
    assert outcome.code == 0, outcome.out + outcome.err
