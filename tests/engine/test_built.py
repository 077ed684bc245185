"""A wheel that a builder stage builds, recorded and held against by real engines, pip and uv."""

import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import PROXIES, TARGET, Docker

pytestmark = pytest.mark.engine

PAGE = Path(__file__).parents[2] / "docs" / "built.md"
SETUP = """
import pathlib, time
from setuptools import setup
pathlib.Path("apex/stamp.py").write_text(f"BUILT = {time.time_ns()}\\n")
setup(
    name="apex",
    version="0.1",
    packages=["apex"],
    scripts=["apex-run"],
    entry_points={"console_scripts": ["apex-cli = apex:main"]},
    data_files=[("share/apex", ["table.txt"])],
)
"""
FILES = {
    "setup.py": SETUP,
    "pyproject.toml": '[build-system]\nrequires = ["setuptools<81", "wheel"]\n',
    "PKG-INFO": "Metadata-Version: 2.1\nName: apex\nVersion: 0.1\n",
    "apex/__init__.py": "def main():\n    print('apex')\n",
    "apex-run": "#!/usr/bin/env python\nprint('run')\n",
    "table.txt": "table\n",
}


class Built:
    """A folder with a project that its image builds, and the images."""

    def __init__(self, folder: Path, docker: Docker) -> None:
        self.folder = folder
        self.docker = docker

    def lockml(self, *arguments: str) -> Outcome:
        variables = {**network_variables(), "DOCKER_HOST": self.docker.host}
        return run_lockml(*arguments, folder=self.folder, variables=variables)

    def report(self, subject: str) -> Any:
        outcome = self.lockml("check", subject, "--level", "files", "--format", "json")
        return json.loads(outcome.out)

    def build(self, name: str) -> str:
        """Build the image of the page anew, as the classic builder does."""
        self.docker.run("build", "-q", "--no-cache", "--network=host", *PROXIES, "-t", name, str(self.folder))
        return name

    def derived(self, name: str, of: str, *lines: str) -> str:
        """Build an image *of* another one with further *lines*."""
        folder = self.folder / name.replace(":", "-").replace("/", "-")
        folder.mkdir()
        (folder / "Dockerfile").write_text("\n".join((f"FROM {of}", *lines, "")))
        self.docker.run("build", "-q", "--network=host", *PROXIES, "-t", name, str(folder))
        return name


def source(folder: Path) -> str:
    """Write the source archive, and return its SHA-256."""
    tree = folder / "source" / "apex-0.1"
    for name, text in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    with tarfile.open(folder / "apex-0.1.tar.gz", "w:gz") as archive:
        archive.add(tree, "apex-0.1")
    return hashlib.sha256((folder / "apex-0.1.tar.gz").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def built(docker: Docker, base_image: str, uv_image: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Compile, build by the Dockerfile of the documentation, and record; `rebuilt` is the same built anew."""
    folder = tmp_path_factory.mktemp("built")
    keys = {"name": "apex", "version": "0.1", "source": "./apex-0.1.tar.gz", "sha256": source(folder)}
    table = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    (folder / "lockml.toml").write_text(f"[[built]]\n{table}requires = []\n")
    (folder / "requirements.in").write_text("apex\nsix==1.16.0\n")
    block = re.search(r"<!-- dockerfile -->\n```dockerfile\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    (folder / "Dockerfile").write_text(block[1].replace("python:3.11-slim", base_image))
    made = Built(folder, docker)
    outcome = made.lockml("compile", *TARGET)
    assert outcome.code == 0, outcome.err
    made.build("lockml-built:1")
    made.build("lockml-built:2")
    install = "uv pip install --python /opt/venv --no-deps --no-index /wheels/*.whl"
    again = ("RUN /opt/venv/bin/pip uninstall -q -y apex", f"COPY --from={uv_image} /uv /usr/local/bin/uv")
    made.derived("lockml-built:uv", "lockml-built:1", *again, f"RUN {install}")
    evil = "RUN echo 'evil = 1' >> /opt/venv/lib/python3.11/site-packages/apex/__init__.py"
    made.derived("lockml-built:tampered", "lockml-built:1", evil)
    return made


@pytest.fixture(scope="module")
def recorded(built: Built) -> Built:
    before = built.report("image:lockml-built:1")["environments"][0]["unprovable"]
    assert "lockml record --from SUBJECT apex" in before[0]["text"]
    outcome = built.lockml("record", "--from", "image:lockml-built:1", "apex")
    assert outcome.code == 0, outcome.err + outcome.out
    return built


@pytest.mark.parametrize("image", ["lockml-built:1", "lockml-built:uv"], ids=["pip", "uv"])
def test_recorded_build_is_in_order_at_level_files(recorded: Built, image: str) -> None:
    report = recorded.report(f"image:{image}")
    assert (report["complete"], report["drifts"]) == (True, [])
    (environment,) = report["environments"]
    assert environment["levels"]["files"] == {"matched": 2, "total": 2}
    assert environment["levels"]["artifacts"]["recorded"] == 1
    (told,) = [each["text"] for each in environment["told"] if each["name"] == "apex"]
    assert told.startswith("matches the build recorded from image lockml-built:1 (sha256:")


def test_build_of_the_same_source_with_other_bytes_is_found(recorded: Built) -> None:
    outcome = recorded.lockml("check", "image:lockml-built:2", "--level", "files")
    assert outcome.code == 1
    (drift,) = recorded.report("image:lockml-built:2")["drifts"]
    assert (drift["kind"], drift["name"], drift["locked"], drift["found"]) == ("artifact", "apex", "0.1", "0.1")
    assert drift["detail"].startswith("a different build of the same version")


def test_tampered_builder_is_refused(recorded: Built) -> None:
    before = (recorded.folder / "pylock.toml").read_bytes()
    outcome = recorded.lockml("record", "--from", "image:lockml-built:tampered", "apex")
    assert outcome.code == 1
    assert "apex/__init__.py does not match its RECORD" in outcome.out
    assert (recorded.folder / "pylock.toml").read_bytes() == before


def test_every_kind_of_subject_records_the_same_build(recorded: Built, docker: Docker, tmp_path: Path) -> None:
    before = (recorded.folder / "pylock.toml").read_bytes()
    docker.run("save", "-o", str(tmp_path / "image.tar"), "lockml-built:uv")
    with docker.container("lockml-built:uv", "lockml-built", "sleep", "600"):
        docker.run("export", "-o", str(tmp_path / "root.tar"), "lockml-built")
        (tmp_path / "root").mkdir()
        subprocess.run(["tar", "-C", tmp_path / "root", "-xf", tmp_path / "root.tar", "opt", "usr", "lib"], check=True)
        subjects = ["container:lockml-built", f"archive:{tmp_path}/image.tar", f"archive:{tmp_path}/root.tar"]
        for subject in (*subjects, f"path:{tmp_path}/root"):
            outcome = recorded.lockml("record", "--from", subject, "apex", "--environment", "/opt/venv")
            assert (outcome.code, "unchanged" in outcome.err) == (0, True), (subject, outcome.out, outcome.err)
    assert (recorded.folder / "pylock.toml").read_bytes() == before
