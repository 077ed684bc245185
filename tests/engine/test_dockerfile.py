"""What `lockml dockerfile init` writes, built by a real engine on real bases, and checked at level files.

The engine of these tests has the old builder: files with a cache mount are parsed by linters alone (tests/online).
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import PROXIES, Docker, require_program

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/train.py"))
BASES = {"bullseye": ("old_base_image", "3.9", "glibc-2.31"), "bookworm": ("base_image", "3.11", "glibc-2.36")}


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a lock and code, the base image that it is for, and what builds it."""

    folder: Path
    base: str
    target: tuple[str, ...]
    docker: Docker
    uv_image: str

    def lockml(self, *arguments: str) -> Outcome:
        variables = {"DOCKER_HOST": self.docker.host, **network_variables()}
        return run_lockml(*arguments, folder=self.folder, variables=variables)

    def compile(self, *lines: str) -> None:
        (self.folder / "requirements.in").write_text("\n".join(lines) + "\n")
        outcome = self.lockml("compile", "requirements.in", *self.target)
        assert outcome.code == 0, outcome.err

    def init(self, *arguments: str) -> None:
        images = ("--base-image", f"image:{self.base}", "--uv-image", f"image:{self.uv_image}")
        command = ("--command", "python main.py")
        outcome = self.lockml("dockerfile", "init", "--force", "--offline", *images, *command, *arguments)
        assert outcome.code == 0, outcome.err

    def build(self, image: str) -> dict[str, bool]:
        """Build the Dockerfile, and return of each instruction whether its layer came from the cache."""
        told = self.docker.run("build", "--network=host", *PROXIES, "-t", image, str(self.folder))
        steps = re.split(r"(?m)^Step \d+/\d+ : ", told)[1:]
        return {step.partition("\n")[0]: "\n ---> Using cache\n" in step for step in steps}

    def check(self, *arguments: str) -> tuple[int, Any]:
        outcome = self.lockml("check", *arguments, "--level", "files", "--format", "json")
        assert outcome.code in (0, 1), outcome.err
        return outcome.code, json.loads(outcome.out)


@pytest.fixture(scope="module")
def project(
    request: pytest.FixtureRequest, docker: Docker, uv_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    fixture, python, libc = BASES[request.param]
    target = ("--python", python, "--platform", "linux/amd64", "--libc", libc)
    folder = tmp_path_factory.mktemp(request.param)
    return _with_code(Project(folder, request.getfixturevalue(fixture), target, docker, uv_image))


@pytest.fixture
def newer(docker: Docker, base_image: str, uv_image: str, tmp_path: Path) -> Project:
    """Give a project for the newer base alone."""
    _, python, libc = BASES["bookworm"]
    target = ("--python", python, "--platform", "linux/amd64", "--libc", libc)
    return _with_code(Project(tmp_path, base_image, target, docker, uv_image))


def _with_code(project: Project) -> Project:
    project.compile("click", "markupsafe==2.1.5")
    code = "import os, click, markupsafe\nprint(markupsafe.escape('<'), os.getuid())\n"
    (project.folder / "main.py").write_text(code)
    return project


# each base with each installer, each of both with one stage and with two
@pytest.mark.parametrize(
    ("project", "installer", "stages"),
    [
        ("bullseye", "pip", ()),
        ("bullseye", "uv", ("--multi-stage",)),
        ("bookworm", "pip", ("--multi-stage",)),
        ("bookworm", "uv", ()),
    ],
    indirect=["project"],
    ids=["bullseye-pip-one-stage", "bullseye-uv-two-stages", "bookworm-pip-two-stages", "bookworm-uv-one-stage"],
)
def test_what_init_writes_builds_and_is_in_order(
    project: Project, docker: Docker, installer: str, stages: tuple[str, ...]
) -> None:
    project.init("--installer", installer, *stages)
    project.build("written")
    assert docker.run("run", "--rm", "--network=host", "written") == "&lt; 10001"
    code, report = project.check("--image", "written")
    assert (code, report["drifts"], report["complete"]) == (0, [], True)
    (environment,) = report["environments"]
    assert environment["prefix"] == "/opt/venv"
    assert environment["levels"]["files"] == {"matched": 2, "total": 2}
    assert [each for each in environment["told"] if each["name"] == "lockml.lock"] == []
    with docker.container("written", "written", "sleep", "infinity"):
        assert docker.run("exec", "written", "python", "main.py") == "&lt; 10001"
        assert project.check("--container", "written")[0] == 0
    kept = docker.run("run", "--rm", "--network=host", "written", "sh", "-c", "ls /usr/local/bin")
    assert ("uv" in kept) is (installer == "uv" and not stages)


@pytest.mark.parametrize("stages", [(), ("--multi-stage",)], ids=["one-stage", "two-stages"])
def test_change_of_the_code_installs_nothing_again_and_change_of_the_lock_does(
    newer: Project, stages: tuple[str, ...]
) -> None:
    newer.init(*stages)
    newer.build("cached")
    (newer.folder / "main.py").write_text((newer.folder / "main.py").read_text() + "# changed\n")
    steps = newer.build("cached")
    (install,) = (step for step in steps if "--require-hashes" in step)
    assert steps[install]
    assert not steps["COPY . ."]
    newer.compile("click", "markupsafe==2.1.4")
    newer.init(*stages)
    assert not newer.build("cached")[install]


def test_label_of_another_lock_is_drift_only_where_packages_differ(newer: Project) -> None:
    newer.init()
    dockerfile = newer.folder / "Dockerfile"
    other = f"sha256:{'0' * 64}"
    dockerfile.write_text(re.sub(r"sha256:[0-9a-f]{64}", other, dockerfile.read_text()))
    newer.build("labelled")
    code, report = newer.check("--image", "labelled")
    assert (code, report["drifts"]) == (0, [])
    assert report["subject"]["details"]["lockml.lock"] == other
    assert "lockml.lock" in [each["name"] for each in report["environments"][0]["told"]]
    newer.compile("click", "markupsafe==2.1.4")
    code, report = newer.check("--image", "labelled")
    assert (code, [each["kind"] for each in report["drifts"]]) == (1, ["version", "lock-label"])


SITE = "/opt/venv/lib/python3.11/site-packages"
BAD = """FROM {base} AS build
RUN python3 -m venv /opt/venv
COPY requirements.txt ./
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt && \\
    /opt/venv/bin/pip install --no-cache-dir \\
        # older than what is locked
        "markupsafe==2.1.4"
RUN /opt/venv/bin/pip install --no-cache-dir itsdangerous

FROM {base}
ENV PATH=/opt/venv/bin:$PATH
COPY --from=build /opt/venv /opt/venv
ARG WHAT=core.py
RUN echo "X = 1" >> {site}/click/$WHAT
COPY main.py {site}/usercustomize.py
CMD ["sleep", "infinity"]
"""


def test_drifts_of_a_bad_file_are_traced_to_its_steps(newer: Project, docker: Docker) -> None:
    (newer.folder / "Dockerfile").write_text(BAD.format(base=newer.base, site=SITE))
    newer.build("bad")
    expected = {
        ("unexpected", "itsdangerous"): ([8], [12], ["LK104"], None),
        ("version", "MarkupSafe"): ([4], [12], ["LK104"], None),
        ("modified", "core.py"): ([14], [], [], "no rule covers what this step does"),
        ("unattributed-file", "usercustomize.py"): ([15], [], [], "no rule covers what this step does"),
    }
    assert _traced(newer, "--image", "bad") == expected
    with docker.container("bad", "bad"):
        docker.run("exec", "bad", "sh", "-c", f"echo Y >> {SITE}/click/types.py")
        live: tuple[list[int], list[int], list[str], str] = (
            [],
            [],
            [],
            "no step: changed after the container was made",
        )
        assert _traced(newer, "--container", "bad") == {**expected, ("modified", "types.py"): live}


def _traced(project: Project, *subject: str) -> dict[tuple[str, str], tuple[list[int], list[int], list[str], str]]:
    """Return of each drift the lines of its steps, the lines that it came through, the rules, and the reason."""
    outcome = project.lockml("dockerfile", "check", *subject, "--format", "json")
    assert outcome.code == 1, outcome.err
    return {
        (each["kind"], each["path"].rpartition("/")[2].partition("-")[0]): (
            [step["line"] for step in each["steps"]],
            [step["line"] for step in each["through"]],
            [rule["code"] for rule in each["rules"]],
            each["reason"],
        )
        for each in json.loads(outcome.out)["drifts"]
    }


@pytest.mark.parametrize("kind", ["image", "registry"])
def test_base_is_named_by_the_digest_that_engine_or_registry_has(
    newer: Project, docker: Docker, registry: str, kind: str
) -> None:
    name = f"{registry}/base:1"
    docker.run("tag", newer.base, name)
    docker.run("push", "-q", name)
    (digest,) = re.findall(
        rf"{re.escape(registry)}/base@(sha256:[0-9a-f]{{64}})", docker.run("inspect", "-f", "{{.RepoDigests}}", name)
    )
    outcome = newer.lockml("dockerfile", "init", "--base-image", f"{kind}:{name}", "-o", "-")
    assert outcome.code == 0, outcome.err
    assert f"\nFROM {name}@{digest}\n" in outcome.out
    assert "no digest" not in outcome.err
    (newer.folder / "Dockerfile").write_text(outcome.out)
    newer.build("by-digest")
    assert newer.check("--image", "by-digest")[0] == 0


@pytest.fixture
def public_names(docker: Docker, base_image: str, uv_image: str) -> Iterator[None]:
    """Give the images of this machine the names that the examples use: this engine reaches no public registry."""
    names = {"python:3.11-slim-bookworm": base_image, "ghcr.io/astral-sh/uv:0.13.9": uv_image}
    for name, image in names.items():
        docker.run("tag", image, name)
    yield
    docker.run("rmi", *names)


@pytest.mark.usefixtures("public_names")
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_built_and_in_order(name: str, docker: Docker, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / name, tmp_path, dirs_exist_ok=True)
    target = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")
    locked = run_lockml("compile", "requirements.in", *target, folder=tmp_path, variables=network_variables())
    assert locked.code == 0, locked.err
    if (tmp_path / "compose.yaml").exists():
        image = "lockml-example"
        _compose(docker, tmp_path, "build")
        assert "slope 3.00, intercept 1.00" in _compose(docker, tmp_path, "run --rm app")
    else:
        image = "example"
        docker.run("build", "-q", "--network=host", *PROXIES, "-t", image, str(tmp_path))
        assert docker.run("run", "--rm", "--network=host", image) == "slope 3.00, intercept 1.00"
    variables = {"DOCKER_HOST": docker.host}
    outcome = run_lockml("check", "--image", image, "--level", "files", folder=tmp_path, variables=variables)
    assert outcome.code == 0, outcome.out


def _compose(docker: Docker, folder: Path, command: str) -> str:
    """Run docker-compose on the example, with the network of this machine as the engine of these tests has no other."""
    arguments = dict(word.split("=", 1) for word in PROXIES if "=" in word)
    service = {"network_mode": "host", "build": {"network": "host", "args": arguments}}
    (folder / "host.json").write_text(json.dumps({"services": {"app": service}}))
    done = subprocess.run(
        [require_program("docker-compose"), "-f", "compose.yaml", "-f", "host.json", *shlex.split(command)],
        cwd=folder,
        env={**os.environ, "DOCKER_HOST": docker.host, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
