"""The main job on real parts: compiled against the real index, built by a real engine, checked in a container."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.engine.conftest import Docker, Trainer
from tests.engine.reports import assert_in_order

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]

REBUILD = """
import base64, csv, glob, hashlib, io, os, subprocess, sys, zipfile
from importlib.metadata import version
pinned = "joblib==" + version("joblib")
subprocess.check_call([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", "/tmp/w", pinned])
(wheel,) = glob.glob("/tmp/w/joblib*.whl")
os.makedirs("/tmp/rebuilt")
with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(f"/tmp/rebuilt/{os.path.basename(wheel)}", "w") as new:
    files = {name: old.read(name) for name in old.namelist()}
    files["joblib/__init__.py"] += b"# built again\\n"
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    rows = list(csv.reader(io.StringIO(files[record].decode())))
    for row in rows:
        if row[0] == "joblib/__init__.py":
            digest = hashlib.sha256(files[row[0]]).digest()
            row[1:] = ["sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), len(files[row[0]])]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    files[record] = out.getvalue().encode()
    for name, content in files.items():
        new.writestr(name, content)
"""
PIP = ("/opt/venv/bin/python", "-m", "pip")
INSTALL = (*PIP, "install", "-q", "--no-deps")


def test_container_in_order_has_every_distribution_proven(trainer: Trainer, docker: Docker) -> None:
    with docker.container(trainer.image, "in-order"):
        outcome = trainer.check("--container", "in-order", "--lock", "pylock.toml")
        assert outcome.code == 0, outcome.out
        report = trainer.report("--container", "in-order")
    assert_in_order(trainer, report)
    assert report["subject"]["details"]["read-by"] == "process-root"
    assert report["environments"][0]["prefix"] == "/opt/venv"
    assert {remark["name"] for remark in report["environments"][0]["told"]} == {"pip", "setuptools"}


@pytest.mark.parametrize(
    ("name", "commands", "drift"),
    [
        ("other-version", [(*INSTALL, "numpy==1.24.4")], ("version", "numpy", "1.25.2", "1.24.4")),
        ("added", [(*INSTALL, "six==1.16.0")], ("unexpected", "six", None, "1.16.0")),
        ("removed", [(*PIP, "uninstall", "-q", "-y", "threadpoolctl")], ("missing", "threadpoolctl", ..., None)),
        (
            "rebuilt",
            [
                ("/opt/venv/bin/python", "-c", REBUILD),
                (*INSTALL, "--force-reinstall", "--no-index", "--find-links", "/tmp/rebuilt", "joblib"),
            ],
            ("artifact", "joblib", ..., ...),
        ),
    ],
)
def test_change_in_a_running_container_is_drift(
    trainer: Trainer,
    docker: Docker,
    name: str,
    commands: list[tuple[str, ...]],
    drift: tuple[str, str, object, object],
) -> None:
    with docker.container(trainer.image, name):
        for command in commands:
            docker.run("exec", name, *command)
        outcome = trainer.check("--container", name)
        report = trainer.report("--container", name)
        docker.run("stop", "-t", "0", name)
        stopped = trainer.report("--container", name)
    assert outcome.code == 1, outcome.out
    (found,) = report["drifts"]
    told = (found["kind"], found["name"], found["locked"], found["found"])
    assert [got for got, wanted in zip(told, drift, strict=True) if wanted is not ... and got != wanted] == []
    assert f"{found['kind']} {found['name']}: " in outcome.out
    assert stopped["drifts"] == report["drifts"]
    assert stopped["subject"]["details"]["read-by"] == "layers"


def test_remedy_that_is_told_mends(trainer: Trainer, docker: Docker) -> None:
    with docker.container(trainer.image, "mended"):
        docker.run("exec", "mended", *INSTALL, "numpy==1.24.4")
        (drift,) = trainer.report("--container", "mended")["drifts"]
        _, command, _ = drift["fix"].split("`")
        assert command.startswith("docker exec -i mended ")
        environment = {**os.environ, "DOCKER_HOST": docker.host}
        subprocess.run(["bash", "-c", command], cwd=trainer.folder, env=environment, check=True, capture_output=True)
        assert trainer.check("--container", "mended").code == 0


def test_check_runs_nothing_inside_and_changes_nothing(trainer: Trainer, docker: Docker) -> None:
    """A paused container can run nothing; its changes against the image stay what they were."""
    with docker.container(trainer.image, "paused"):
        docker.run("exec", "paused", "touch", "/tmp/marker")
        before = docker.changes("paused")
        docker.run("pause", "paused")
        assert_in_order(trainer, trainer.report("--container", "paused"))
        assert docker.changes("paused") == before
        docker.run("unpause", "paused")


def test_container_of_an_engine_elsewhere_is_read_through_its_api(trainer: Trainer, docker: Docker) -> None:
    with docker.container(trainer.image, "elsewhere"):
        report = trainer.report("--container", "elsewhere", host=docker.tcp)
    assert_in_order(trainer, report)
    assert report["subject"]["details"]["read-by"] == "export"


def test_image_is_checked_without_a_container(trainer: Trainer, docker: Docker) -> None:
    assert_in_order(trainer, trainer.report("--image", trainer.image))
    assert_in_order(trainer, trainer.report("--image", trainer.image, host=docker.tcp))


def test_image_with_layers_that_change_what_is_installed_is_drift(
    trainer: Trainer, docker: Docker, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {trainer.image}\nRUN {' '.join(PIP)} uninstall -q -y joblib\nRUN {' '.join(INSTALL)} numpy==1.24.4\n"
    )
    docker.run("build", "-q", "--network=host", "-t", "changed", str(tmp_path))
    drifts = trainer.report("--image", "changed")["drifts"]
    assert [(drift["kind"], drift["name"]) for drift in drifts] == [("missing", "joblib"), ("version", "numpy")]


def test_root_file_system_is_checked_as_a_folder(trainer: Trainer, docker: Docker, tmp_path: Path) -> None:
    with docker.container(trainer.image, "exported"):
        docker.run("export", "-o", str(tmp_path / "root.tar"), "exported")
    (tmp_path / "root").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "root", "-xf", tmp_path / "root.tar"], check=True)
    assert_in_order(trainer, trainer.report("--path", str(tmp_path / "root")))
    shutil.rmtree(tmp_path / "root")


def test_container_and_image_that_are_not_there_exit_2(trainer: Trainer, docker: Docker) -> None:
    for kind, command in (("container", "docker ps -a"), ("image", "docker images")):
        outcome = trainer.check(f"--{kind}", "nope")
        assert outcome.code == 2
        assert f"error: {kind} 'nope': the container engine at {docker.host} has none of that name\n" in outcome.err
        assert command in outcome.err


def test_readme_command_does_the_main_job_on_a_bare_debian(docker: Docker, base_image: str, tmp_path: Path) -> None:
    """The base has Debian's Python 3.11 and nothing of this machine but its certificates and index."""
    readme = (ROOT / "README.md").read_text()
    command = re.search(r"<!-- main job -->\n```console\n(.*?)```", readme, re.DOTALL)
    assert command is not None
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    archive = tmp_path / "source.tar"
    subprocess.run(["tar", "-cf", archive, *filter(None, files.split("\0"))], cwd=ROOT, check=True)
    with docker.container(base_image, "bare", "sleep", "infinity"):
        docker.run("exec", "bare", "mkdir", "/lockml")
        with archive.open("rb") as stream:
            docker.run("cp", "-", "bare:/lockml", stdin=stream)
        script = command[1].removeprefix("$ ")
        docker.run("exec", "-w", "/lockml", "bare", "sh", "-exc", script)
        lock = docker.run("exec", "bare", "cat", "/lockml/examples/classic/pylock.toml")
    assert "numpy" in {package["name"] for package in tomllib.loads(lock)["packages"]}
