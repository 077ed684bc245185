"""Every drift of evidence, by every way to look at what drifted.

A container that runs, or is stopped, an image, an archive, a registry, an OCI layout, the root of a file system.
"""

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import network_variables, run_lockml
from tests.engine.conftest import Docker
from tests.engine.drifts import SCENARIOS, SITE, Scenario

pytestmark = pytest.mark.engine

DOCKERFILE = """\
ARG BASE
FROM ${BASE}
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m pip install -q --no-cache-dir --break-system-packages --require-hashes -r /tmp/requirements.txt
CMD ["sleep", "infinity"]
"""
TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")


Found = tuple[int, list[tuple[str, str, str]], Any]


@dataclass(frozen=True, slots=True)
class Subjects:
    """An image that the system's Python is installed into, and a registry for what becomes of it."""

    docker: Docker
    folder: Path
    registry: str

    def found(self, *subject: str, level: str) -> Found:
        """Check *subject*, and return the exit code, the drifts in short, and the whole report."""
        variables = {"DOCKER_HOST": self.docker.host}
        arguments = ("check", *subject, "--level", level, "--format", "json")
        outcome = run_lockml(*arguments, folder=self.folder, variables=variables)
        assert outcome.code in (0, 1), outcome.err
        report = json.loads(outcome.out)
        drifts = [(each["kind"], each["name"], each["path"] or "") for each in report["drifts"]]
        return outcome.code, drifts, report


@pytest.fixture(scope="module")
def subjects(docker: Docker, base_image: str, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    folder = tmp_path_factory.mktemp("drifts")
    (folder / "requirements.in").write_text("click==8.1.7\nsix==1.17.0\nmarkupsafe==2.1.5\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    outcome = run_lockml("compile", "requirements.in", *TARGET, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    proxies = [word for name in os.environ if "proxy" in name.lower() for word in ("--build-arg", name)]
    build = (
        "build",
        "-q",
        "--network=host",
        "--build-arg",
        f"BASE={base_image}",
        *proxies,
        "-t",
        "drifts",
        str(folder),
    )
    docker.run(*build)
    return Subjects(docker, folder, registry)


def exported(docker: Docker, name: str, folder: Path) -> Path:
    """Return *folder* with the files of a container, and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    docker.run("export", "-o", f"{folder}.tar", name)
    subprocess.run(["tar", "-C", str(folder), "-xf", f"{folder}.tar"], check=True)
    return folder


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_drift_is_caught_in_every_kind_of_subject(subjects: Subjects, scenario: Scenario) -> None:
    docker, folder, name = subjects.docker, subjects.folder, f"drift-{scenario.name}"
    image, archive, remote = f"drifted:{scenario.name}", folder / "saved.tar", f"{subjects.registry}/{scenario.name}:1"
    with docker.container("drifts", name):
        docker.run("exec", name, "sh", "-ec", scenario.script)
        every = {"container": subjects.found("--container", name, level="files")}
        lower = subjects.found("--container", name, level=scenario.level)
        docker.run("stop", "-t", "0", name)
        every["stopped"] = subjects.found("--container", name, level="files")
        every["root"] = subjects.found("--path", str(exported(docker, name, folder / "root")), level="files")
        docker.run("commit", name, image)
    layout = f"{folder / 'layout'}:{scenario.name}"

    def pushed() -> Found:
        docker.run("tag", image, remote)
        docker.run("push", "-q", remote)
        return subjects.found("--registry", remote, level="files")

    with ThreadPoolExecutor(2) as pool:
        registry = pool.submit(pushed)
        docker.run("save", "-o", str(archive), image)
        every["image"] = subjects.found("--image", image, level="files")
        every["archive"] = subjects.found("--archive", str(archive), level="files")
        subprocess.run(["skopeo", "copy", "-q", f"docker-archive:{archive}", f"oci:{layout}"], check=True)
        every["layout"] = subjects.found("--oci", layout, level="files")
        every["registry"] = registry.result()
    for subject, (code, drifts, report) in every.items():
        told = [(kind, about) for kind, about, _ in drifts]
        assert told == [(kind, about) for kind, about, _ in scenario.drifts], (subject, report["drifts"])
        assert all(path.endswith(end) for (*_, path), (*_, end) in zip(drifts, scenario.drifts, strict=True))
        assert code == (1 if scenario.drifts else 0)
        assert report["complete"] is True, (subject, report["problems"])
    assert [each[:2] for each in lower[1]] == [each[:2] for each in scenario.drifts]


def test_report_tells_what_brought_a_drift(subjects: Subjects) -> None:
    """In a container what was changed after the start, in an image the layer with its step of the Dockerfile."""
    with subjects.docker.container("drifts", "told"):
        subjects.docker.run("exec", "told", "sh", "-c", f"echo 'x = 1' > {SITE}/late.py")
        _, _, report = subjects.found("--container", "told", level="files")
        subjects.docker.run("stop", "-t", "0", "told")
        _, _, stopped = subjects.found("--container", "told", level="files")
    (drift,) = report["drifts"]
    assert drift["origin"] == "changed after the container was made"
    assert stopped["drifts"] == report["drifts"]
    (subjects.folder / "late").mkdir()
    (subjects.folder / "late" / "Dockerfile").write_text(f"FROM drifts\nRUN echo 'x = 1' > {SITE}/late.py\n")
    subjects.docker.run("build", "-q", "-t", "late", str(subjects.folder / "late"))
    _, _, built = subjects.found("--image", "late", level="files")
    (drift,) = built["drifts"]
    assert drift["origin"].endswith(f"(RUN echo 'x = 1' > {SITE}/late.py)")


REMOVE = f"find {SITE}/click -name globals.py -delete"


def test_report_tells_what_removed_a_file_and_a_project(subjects: Subjects) -> None:
    """In a container the change after the start, in an image the step of the Dockerfile, by every way to look."""
    docker, folder = subjects.docker, subjects.folder
    uninstall = "python3 -m pip uninstall -q -y --break-system-packages six"
    with docker.container("drifts", "gone"):
        docker.run("exec", "gone", "sh", "-c", f"{REMOVE}; {uninstall}")
        _, _, running = subjects.found("--container", "gone", level="files")
        docker.run("stop", "-t", "0", "gone")
        _, _, stopped = subjects.found("--container", "gone", level="files")
    told = {each["kind"]: each["origin"] for each in running["drifts"]}
    assert told == dict.fromkeys(("missing", "removed-file"), "changed after the container was made")
    assert all(
        each["fix"].startswith("recreate the container from its image, or reinstall") for each in running["drifts"]
    )
    assert stopped["drifts"] == running["drifts"]
    (folder / "gone").mkdir()
    (folder / "gone" / "Dockerfile").write_text(f"FROM drifts\nRUN {REMOVE}\nRUN rm -r {SITE}/six*\n")
    docker.run("build", "-q", "-t", "gone", str(folder / "gone"))
    docker.run("save", "-o", str(folder / "gone.tar"), "gone")
    subprocess.run(
        ["skopeo", "copy", "-q", f"docker-archive:{folder}/gone.tar", f"oci:{folder}/gone-layout:1"], check=True
    )
    with docker.container("gone", "gone-late"):
        ways = (
            ("--image", "gone"),
            ("--archive", str(folder / "gone.tar")),
            ("--oci", f"{folder}/gone-layout:1"),
            ("--container", "gone-late"),
        )
        for way in ways:
            _, _, report = subjects.found(*way, level="files")
            told = {each["kind"]: each["origin"] for each in report["drifts"]}
            assert told["removed-file"].endswith(f"(RUN {REMOVE})"), way
            assert told["missing"].endswith(f"(RUN rm -r {SITE}/six*)"), way
            assert all(
                each["fix"].startswith("rebuild the image from the locked requirements.txt")
                for each in report["drifts"]
            )


def test_check_of_files_leaves_no_trace(subjects: Subjects) -> None:
    docker = subjects.docker
    with docker.container("drifts", "watched"):
        docker.run("exec", "watched", "touch", "/tmp/marker")
        listing = ("exec", "watched", "find", "/usr", "/etc", "/root", "/tmp", "-printf", "%p %T@ %C@ %s\n")
        before = docker.changes("watched"), docker.run("top", "watched", "-eo", "pid,args"), docker.run(*listing)
        for level in ("names", "artifacts", "files"):
            subjects.found("--container", "watched", level=level)
        after = docker.changes("watched"), docker.run("top", "watched", "-eo", "pid,args"), docker.run(*listing)
    assert after == before


def test_container_of_an_engine_elsewhere_is_exported_and_held_against_its_image(subjects: Subjects) -> None:
    """A file of the same size and time is no change to Docker, and is one to lockml."""
    docker = subjects.docker
    with docker.container("drifts", "elsewhere"):
        same = "touch -r types.py /tmp/t; sed -i s/import/IMPORT/ types.py; touch -r /tmp/t types.py"
        for change in ("echo 'x = 1' > ../late.py; rm globals.py", same):
            docker.run("exec", "-w", f"{SITE}/click", "elsewhere", "sh", "-c", change)
        variables = {"DOCKER_HOST": docker.tcp}
        arguments = ("check", "--container", "elsewhere", "--level", "files", "--format", "json")
        found = [json.loads(run_lockml(*arguments, folder=subjects.folder, variables=variables).out) for _ in range(2)]
    first, again = ({**each, "started": None, "ended": None} for each in found)
    assert first == again
    assert found[0]["subject"]["details"]["read-by"] == "export"
    told = [(drift["kind"], drift["name"], drift["origin"]) for drift in found[0]["drifts"]]
    assert told == [
        ("removed-file", "click", "changed after the container was made"),
        ("modified", "click", "changed after the container was made"),
        ("unattributed-file", "late.py", "changed after the container was made"),
    ]


def test_compose_service_and_process_are_the_same_container(subjects: Subjects) -> None:
    docker = subjects.docker
    (subjects.folder / "shop").mkdir()
    (subjects.folder / "shop" / "compose.yaml").write_text("services:\n  web:\n    image: drifts\n")
    labels = {"project": "shop", "service": "web", "container-number": "1"}
    words = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
    docker.run("run", "-d", "--network=host", "--name", "shop-web-1", *words, "drifts")
    try:
        docker.run("exec", "shop-web-1", "sh", "-c", f"echo 'x = 1' > {SITE}/late.py")
        pid = docker.run("inspect", "-f", "{{.State.Pid}}", "shop-web-1")
        found = [
            subjects.found(*subject, level="files")[1]
            for subject in (("--compose", "shop/compose.yaml:web"), ("--pid", pid), ("--container", "shop-web-1"))
        ]
    finally:
        docker.run("rm", "-f", "shop-web-1")
    assert found[0] == found[1] == found[2] == [("unattributed-file", "late.py", f"{SITE}/late.py")]


def test_volume_over_the_import_path_is_read_and_named(subjects: Subjects) -> None:
    """`docker diff` tells nothing of what is in a volume."""
    docker = subjects.docker
    module = subjects.folder / "globals.py"
    module.write_text("x = 1\n")
    mount = f"{module}:{SITE}/click/globals.py:ro"
    docker.run("run", "-d", "--network=host", "--name", "mounted", "-v", mount, "drifts")
    try:
        _, drifts, report = subjects.found("--container", "mounted", level="files")
        docker.run("stop", "-t", "0", "mounted")
        stopped = subjects.found("--container", "mounted", level="files")[1]
    finally:
        docker.run("rm", "-f", "mounted")
    assert drifts == stopped == [("modified", "click", f"{SITE}/click/globals.py")]
    assert report["drifts"][0]["origin"].startswith(f"mounted at {SITE}/click/globals.py")


def test_several_environments_are_checked_against_a_lock_each(subjects: Subjects) -> None:
    docker, folder = subjects.docker, subjects.folder
    (folder / "other.in").write_text("six==1.17.0\n")
    arguments = ("compile", "other.in", "-o", "other.txt", "--lock", "other.toml", *TARGET)
    assert run_lockml(*arguments, folder=folder, variables=network_variables()).code == 0
    with docker.container("drifts", "several"):
        install = "/opt/other/bin/pip install -q six==1.17.0 colorama==0.4.6"
        docker.run("exec", "several", "sh", "-ec", f"python3 -m venv /opt/other && {install}")
        locks = ("--lock", "/usr=pylock.toml", "--lock", "/opt/other=other.toml")
        code, drifts, report = subjects.found("--container", "several", *locks, level="files")
    assert (code, [(kind, name) for kind, name, _ in drifts]) == (1, [("unexpected", "colorama")])
    assert [(each["prefix"], each["lock"]) for each in report["environments"]] == [
        ("/usr", "pylock.toml"),
        ("/opt/other", "other.toml"),
    ]
    assert report["drifts"][0]["environment"] == "/opt/other"
    assert report["unchecked"] == []


def test_program_in_the_container_is_run_only_when_asked_and_the_report_says_so(subjects: Subjects) -> None:
    docker = subjects.docker
    with docker.container("drifts", "told-by-exec"):
        docker.run("exec", "told-by-exec", "sh", "-ec", "python3 -m pip uninstall -q -y --break-system-packages six")
        before = docker.changes("told-by-exec")
        _, drifts, report = subjects.found("--container", "told-by-exec", "--exec", "python3", level="artifacts")
        assert docker.changes("told-by-exec") == before
    assert [(kind, name) for kind, name, _ in drifts] == [("missing", "six")]
    assert report["subject"]["details"]["read-by"] == "exec"
    assert "says what the container wants it to say" in report["environments"][0]["told"][0]["text"]
