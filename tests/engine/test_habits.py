"""The four habits that make every build another one: found, fixed by `--fix`, built by a real engine, and in order."""

import json
import re
from pathlib import Path

import pytest

from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import PROXIES, TARGET, Docker

pytestmark = pytest.mark.engine

HEAD = """FROM {base}
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /app
"""
TAIL = 'CMD ["python", "main.py"]\n'
HABITS = {
    "ad-hoc": (
        "# what the notebook needed\nRUN pip install click && \\\n    pip install 'markupsafe>=2'\nCOPY main.py ./\n",
        {"LK101": 2, "LK202": 2},
    ),
    "ranges": (
        "COPY requirements.in ./\nRUN pip install --no-cache-dir -r requirements.in\nCOPY main.py ./\n",
        {"LK102": 1},
    ),
    "code-first": (
        "COPY . .\nENV PYTHONUNBUFFERED=1\nRUN pip install --no-cache-dir --require-hashes -r requirements.txt\n",
        {"LK201": 1},
    ),
    "cache": (
        "COPY requirements.txt ./\nRUN pip install \\\n    # quick\n    -r requirements.txt\nCOPY main.py ./\n",
        {"LK202": 1, "LK301": 1},
    ),
}


@pytest.fixture(scope="module")
def folder(docker: Docker, base_image: str, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a lock for a base image that has a digest, and code."""
    name = f"{registry}/base:habits"
    docker.run("tag", base_image, name)
    docker.run("push", "-q", name)
    digests = docker.run("inspect", "-f", "{{.RepoDigests}}", name)
    (digest,) = re.findall(rf"{re.escape(registry)}/base@(sha256:[0-9a-f]{{64}})", digests)
    folder = tmp_path_factory.mktemp("habits")
    (folder / "requirements.in").write_text("click\nmarkupsafe==2.1.5\n")
    (folder / "main.py").write_text("import click, markupsafe\nprint(markupsafe.escape('<'))\n")
    (folder / ".dockerignore").write_text("**/.venv\n**/__pycache__\n.git\n")
    (folder / "base").write_text(name)
    based = ("--base-image", f"image:{name}@{digest}")
    outcome = lockml(folder, docker, "compile", "requirements.in", *based, *TARGET)
    assert outcome.code == 0, outcome.err
    return folder


def lockml(folder: Path, docker: Docker, *arguments: str) -> Outcome:
    return run_lockml(*arguments, folder=folder, variables={"DOCKER_HOST": docker.host, **network_variables()})


@pytest.mark.parametrize("habit", HABITS)
def test_habit_is_found_fixed_and_built_in_order(habit: str, folder: Path, docker: Docker) -> None:
    body, expected = HABITS[habit]
    file = folder / f"{habit}.Dockerfile"
    file.write_text(HEAD.format(base=(folder / "base").read_text()) + body + TAIL)
    found = lockml(folder, docker, "dockerfile", "lint", file.name, "--format", "json")
    codes = [each["code"] for each in json.loads(found.out)["findings"]]
    assert (found.code, {code: codes.count(code) for code in codes}) == (1, {"LK401": 1, **expected})
    fixed = lockml(folder, docker, "dockerfile", "lint", "--fix", file.name)
    assert (fixed.code, fixed.out) == (0, "no findings\n")
    assert body.count("#") == file.read_text().count("#")
    docker.run("build", "-q", "--network=host", *PROXIES, "-t", habit, "-f", str(file), str(folder))
    assert docker.run("run", "--rm", "--network=host", habit) == "&lt;"
    outcome = lockml(folder, docker, "dockerfile", "check", file.name, "--image", habit, "--format", "json")
    report = json.loads(outcome.out)
    assert (outcome.code, report["drifts"], report["complete"], report["level"]) == (0, [], True, "files")
