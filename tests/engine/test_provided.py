"""What a base image has is neither installed again by pip nor by uv, and check holds it: on four kinds of base.

Small wheels stand in for torch and what is around it.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.cli.process import Outcome, run_lockml
from tests.engine.conftest import Docker
from tests.made.wheels import make_wheel, wheel_name

pytestmark = pytest.mark.engine

TORCH = "2.9.0a0+145a3a7"
PIP = "python3 -m pip install -q --no-index --find-links /wheels --no-deps"
SYSTEM = f"RUN {PIP} --break-system-packages torchlike=={TORCH} numpyish==1.26.4"
VENV = (
    f"RUN python3 -m venv /opt/venv && /opt/venv/bin/{PIP} torchlike=={TORCH} numpyish==1.26.4\n"
    "ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin"
)
DEBIAN = (
    "RUN mkdir -p /d/DEBIAN /d/usr/lib/python3/dist-packages/numpyish-1.26.4.egg-info && cd /d"
    " && echo 'v = 1' > usr/lib/python3/dist-packages/numpyish.py"
    " && printf 'Metadata-Version: 2.1\\nName: numpyish\\nVersion: 1.26.4\\n'"
    " > usr/lib/python3/dist-packages/numpyish-1.26.4.egg-info/PKG-INFO"
    " && printf 'Package: python3-numpyish\\nVersion: 1.26.4-1\\nArchitecture: all\\nMaintainer: x\\nDescription: x\\n'"
    " > DEBIAN/control && find usr -type f -exec md5sum {} + > DEBIAN/md5sums"
    " && dpkg-deb -b /d /d.deb && dpkg -i /d.deb"
)
LIMITS = "RUN printf 'other<4\\n' > /etc/limits.txt\nENV PIP_CONSTRAINT=/etc/limits.txt"
BASES = {
    "system": (SYSTEM, "python3", "--break-system-packages"),
    "venv": (VENV, "/opt/venv/bin/python3", ""),
    "limits": (f"{VENV}\n{LIMITS}", "/opt/venv/bin/python3", ""),
    "debian": (f"{DEBIAN}\nRUN {PIP} --break-system-packages torchlike=={TORCH}", "python3", "--break-system-packages"),
}


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with what is asked for, on a base image that has some of it."""

    folder: Path
    base: str
    docker: Docker

    def lockml(self, *arguments: str) -> Outcome:
        return run_lockml(*arguments, folder=self.folder, variables={"DOCKER_HOST": self.docker.host})

    def build(self, image: str, *lines: str) -> str:
        (self.folder / "Dockerfile").write_text("\n".join(lines) + "\n")
        self.docker.run("build", "-q", "--network=none", "-t", image, str(self.folder))
        return image

    def kinds(self, image: str, level: str) -> tuple[int, dict[str, str]]:
        """Return the exit code of a check, and the kind of drift of each name."""
        outcome = self.lockml("check", f"image:{image}", "--level", level, "--format", "json")
        return outcome.code, {each["name"]: each["kind"] for each in json.loads(outcome.out)["drifts"]}


def put(folder: Path, name: str, version: str, *requires: str) -> None:
    wheel = make_wheel(name, version, requires, files={f"{name}/__init__.py": f"v = {version!r}\n".encode()})
    (folder / wheel_name(name, version)).write_bytes(wheel)


@pytest.fixture(params=BASES)
def project(docker: Docker, base_image: str, tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """Build a base, and lock for it a model that needs torch, numpy and another."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    put(wheels, "torchlike", TORCH, "numpyish>=1.20")
    put(wheels, "torchlike", "2.8.0", "numpyish>=1.20")
    put(wheels, "numpyish", "1.26.4")
    put(wheels, "numpyish", "2.1.0")
    put(wheels, "model", "1.0", "torchlike>=2.8", "numpyish", "other")
    put(wheels, "other", "3.0")
    put(wheels, "other", "4.0")
    shutil.copy(find_uv_bin(), tmp_path / "uv")
    name = f"lockml-test/provided-{request.param}"
    project = Project(folder=tmp_path, base=name, docker=docker)
    project.build(name, f"FROM {base_image}", "COPY wheels /wheels", BASES[request.param][0])
    (tmp_path / "requirements.in").write_text("model\n")
    outcome = project.lockml(
        "compile", "--base-image", f"image:{name}", "--provided", "all", "--no-index", "--find-links", "wheels"
    )
    assert outcome.code == 0, outcome.err
    return project


def test_nothing_provided_is_installed_again_and_each_change_of_it_is_found(
    project: Project, request: pytest.FixtureRequest
) -> None:
    kind = request.node.callspec.params["project"]
    _, python, options = BASES[kind]
    locked = (project.folder / "requirements.txt").read_text()
    assert ("other==3.0" in locked, "other==4.0" in locked) == (kind == "limits", kind != "limits")
    assert "torchlike==" not in locked
    assert "numpyish==" not in locked
    install = f"install {options} --no-deps --require-hashes -r requirements.txt"
    head = (f"FROM {project.base}", "WORKDIR /app", "COPY wheels wheels", "COPY uv requirements.txt ./")
    by_pip = project.build(f"{project.base}:pip", *head, f"RUN {python} -m pip {install}")
    by_uv = project.build(
        f"{project.base}:uv", *head, f"RUN ./uv pip {install} {'--system' if options else f'--python {python}'}"
    )
    for image in (by_pip, by_uv):
        for level in ("names", "artifacts", "files"):
            assert project.kinds(image, level) == (0, {}), (image, level)
    where = f"$({python} -c 'import torchlike; print(torchlike.__path__[0])')"
    changed = project.build(f"{project.base}:changed", f"FROM {by_pip}", f"RUN echo 'evil = 1' >> {where}/__init__.py")
    assert project.kinds(changed, "files") == (1, {"torchlike": "modified"})
    other = f"RUN {python} -m pip install -q {options} --no-index --find-links /wheels --no-deps numpyish==2.1.0"
    assert project.kinds(project.build(f"{project.base}:other", f"FROM {by_pip}", other), "names") == (
        1,
        {"numpyish": "version"},
    )
    gone = f"RUN {python} -m pip uninstall -q -y {options} torchlike"
    assert project.kinds(project.build(f"{project.base}:gone", f"FROM {by_pip}", gone), "names") == (
        1,
        {"torchlike": "missing"},
    )
    if kind == "debian":  # the same version with other bytes, its list and all
        forged = project.build(f"{project.base}:forged", f"FROM {by_pip}", DEBIAN.replace("v = 1", "v = 2"))
        assert project.kinds(forged, "artifacts") == (1, {"numpyish": "artifact"})


def test_dockerfile_that_lockml_writes_ends_in_order(project: Project) -> None:
    """On a system's Python with a setuptools of its own too, which the new environment brings again."""
    outcome = project.lockml("dockerfile", "init", "--base-image", f"image:{project.base}", "-q", "--force")
    assert outcome.code == 0, outcome.err
    lines = (project.folder / "Dockerfile").read_text().splitlines()
    image = project.build(f"{project.base}:written", *lines)
    for level in ("names", "artifacts", "files"):
        assert project.kinds(image, level) == (0, {}), level
