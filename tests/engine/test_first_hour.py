"""The first hour of somebody who has never used lockml: each command is one that the step before printed.

The user writes what is needed, and breaks the container; all else is copied from the output.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.process import Outcome, network_variables, run_lockml
from tests.engine.conftest import PROXIES, Docker

pytestmark = pytest.mark.engine

NAME = "first-hour"
BASE = "python:3.11-slim-bookworm"
NEXT = re.compile(r"^Next:?.*\n((?:  \S.*\n)+)", re.MULTILINE)
PYTHON = "/opt/venv/bin/python"


class Shell:
    """A folder in which a user runs what was printed, against the engine of these tests."""

    def __init__(self, folder: Path, docker: Docker) -> None:
        self.folder = folder
        self.docker = docker

    def lockml(self, command: str) -> Outcome:
        """Run a line that starts with ``lockml``."""
        program, *arguments = shlex.split(command)
        assert program == "lockml"
        cache = {"LOCKML_CACHE_DIR": str(self.folder.parent / "cache"), "HOME": str(self.folder.parent)}
        variables = {"DOCKER_HOST": self.docker.host, **cache, **network_variables()}
        return run_lockml(*arguments, folder=self.folder, variables=variables)

    def run(self, command: str) -> str:
        """Run a line that starts with ``docker``: this engine has no network but the host's."""
        program, verb, *arguments = shlex.split(command)
        assert program == "docker"
        network = {"build": ["--network=host", *PROXIES], "run": ["--network=host"]}.get(verb, [])
        if verb == "build":
            assert arguments[-1] == "."
            arguments[-1] = str(self.folder)
        return self.docker.run(verb, *network, *arguments)

    def paste(self, command: str) -> None:
        """Run a line as a shell does, with what it redirects."""
        environment = {**os.environ, "DOCKER_HOST": self.docker.host}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"


def printed(outcome: Outcome, code: int = 0) -> list[str]:
    """Return the commands that come next, as *outcome* prints them."""
    assert outcome.code == code, outcome.out + outcome.err
    found = NEXT.search(outcome.err)
    assert found is not None, outcome.err
    return [line.strip() for line in found[1].splitlines()]


def fixes(outcome: Outcome) -> list[str]:
    """Return the commands of a report that change the container, each once."""
    assert outcome.code == 1, outcome.out + outcome.err
    text = re.sub(r"\s*\n\s+", " ", outcome.out)
    return list(dict.fromkeys(re.findall(r"`(docker exec [^`]+)`", text)))


@pytest.fixture
def shell(docker: Docker, base_image: str, tmp_path: Path) -> Iterator[Shell]:
    """Give an empty folder, and the official image's name to a base that this engine has."""
    docker.run("tag", base_image, BASE)
    folder = tmp_path / NAME
    folder.mkdir()
    yield Shell(folder, docker)
    docker.run("rm", "-f", NAME)
    docker.run("rmi", "-f", NAME, BASE)


def test_first_hour_needs_no_command_that_was_not_printed(shell: Shell) -> None:
    compiling, *_ = printed(shell.lockml(f"lockml init --base-image image:{BASE}"))
    (shell.folder / "requirements.in").write_text("click\nmarkupsafe<3\n")
    (docker_files,) = printed(shell.lockml(compiling))
    build, run, check = printed(shell.lockml(docker_files))
    shell.run(build)
    shell.run(run)
    assert shell.lockml(check).code == 0

    edit = "import click; open(click.__file__, 'a').write('# edited')"
    shell.docker.run("exec", "-u", "0", NAME, PYTHON, "-m", "pip", "install", "-q", "markupsafe==2.1.4")
    shell.docker.run("exec", "-u", "0", NAME, PYTHON, "-c", edit)
    broken = shell.lockml(check)
    assert {"click", "markupsafe"} <= set(re.findall(r"click|markupsafe", broken.out.lower()))
    commands = fixes(broken)
    assert commands
    for fix in commands:
        shell.paste(fix)
    mended = shell.lockml(check)
    assert mended.code == 0, mended.out

    again = shell.lockml("lockml init")
    assert printed(again) == [build, run, check]
    assert "All files exist, nothing was written" in again.err


def test_job_of_ci_passes_on_what_init_wrote_and_fails_on_what_changed(shell: Shell) -> None:
    """All steps but the installation of lockml, which needs an address that a runner can reach."""
    (shell.folder / "requirements.in").write_text("markupsafe<3\n")
    outcome = shell.lockml(f"lockml init --base-image {BASE}")
    printed(outcome)
    assert f"Locking for --base-image image:{BASE}: from the options, read from the engine\n" in outcome.err
    job = yaml.safe_load((shell.folder / ".github/workflows/lockml.yml").read_text())["jobs"]["lock"]
    lock, build, check = [step["run"].strip() for step in job["steps"][-3:]]
    assert shell.lockml(lock).code == 0
    shell.run(build)
    assert shell.lockml(check).code == 0
    with (shell.folder / "Dockerfile").open("a") as file:
        file.write("USER root\nRUN pip install --no-cache-dir six\n")
    shell.run(build)
    assert shell.lockml(check).code == 1
    (shell.folder / "requirements.in").write_text("markupsafe<3\nsix\n")
    assert shell.lockml(lock).code == 1
