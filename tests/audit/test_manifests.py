"""What schedules audits elsewhere, held against the tools and schemas of those systems."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cronsim import CronSim

from lockml.audit.manifests import INTERVALS, MANIFESTS, ManifestSettings
from tests.audit.services import unavailable
from tests.cli.process import run_lockml

pytestmark = pytest.mark.process

FLEETS = ("/srv/fleet/lockml.toml", "/srv/my fleet 100%/lock'ml $HOME.toml")


def settings(
    fleet: str = FLEETS[0], every: str = "1h", lockml: str = sys.executable, installed: str = "lockml==1.0"
) -> ManifestSettings:
    return ManifestSettings(
        fleet=fleet,
        given=fleet.rpartition("/")[2],
        variables=("SLACK_TOKEN",),
        lockml=lockml,
        every=every,
        image="registry.example/lockml:1",
        installed=installed,
    )


@pytest.mark.parametrize("every", INTERVALS)
def test_cron_comes_as_often_as_it_says(every: str) -> None:
    ticks = CronSim(settings(every=every).cron, datetime(2026, 11, 27, tzinfo=UTC))
    first, second, third = (next(ticks) for _ in range(3))
    assert second - first == third - second == INTERVALS[every]


@pytest.mark.engine
@pytest.mark.parametrize("every", INTERVALS)
def test_systemd_understands_the_calendar(every: str) -> None:
    if shutil.which("systemd-analyze") is None:
        unavailable("systemd is not installed")
    calendar = settings(every=every).calendar
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", calendar], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.engine
@pytest.mark.parametrize("fleet", FLEETS)
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path, fleet: str) -> None:
    if shutil.which("systemd-analyze") is None:
        unavailable("systemd is not installed")
    for name, text in MANIFESTS["systemd"](settings(fleet)).items():
        (tmp_path / name).write_text(text)
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("fleet", FLEETS)
def test_line_of_cron_is_a_command_of_the_shell(tmp_path: Path, fleet: str) -> None:
    fleet = f"{tmp_path}{fleet}"
    Path(fleet).parent.mkdir(parents=True)
    program = tmp_path / "lock ml"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" >&2\n')
    program.chmod(0o755)
    (text,) = MANIFESTS["cron"](settings(fleet, lockml=str(program))).values()
    line = text.splitlines()[-1].split(" root ", 1)[1].replace("\\%", "%")  # as cron(8) hands it to the shell
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [str(Path(fleet).parent), "audit", "run", "--fleet", fleet]


def test_kubernetes_takes_the_objects(tmp_path: Path) -> None:
    for name, text in MANIFESTS["kubernetes"](settings()).items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            [Path(sys.executable).parent / "kubernetes-validate", "--strict", str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("system", "schema"), [("github", "vendor.github-workflows"), ("compose", "vendor.compose-spec")]
)
@pytest.mark.parametrize("fleet", FLEETS)
def test_files_fit_the_schema_of_their_system(tmp_path: Path, system: str, schema: str, fleet: str) -> None:
    (text,) = MANIFESTS[system](settings(fleet)).values()
    (tmp_path / "file.yaml").write_text(text)
    command = [
        str(Path(sys.executable).parent / "check-jsonschema"),
        "--builtin-schema",
        schema,
        str(tmp_path / "file.yaml"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_job_installs_lockml_from_where_it_is_to_be_had() -> None:
    """A lockml of this machine alone has an address in a variable of the repository."""
    for installed, variables in (("lockml==1.0", None), ('"lockml @ ${LOCKML:?}"', {"LOCKML": "${{ vars.LOCKML }}"})):
        (text,) = MANIFESTS["github"](settings(installed=installed)).values()
        steps = yaml.safe_load(text)["jobs"]["audit"]["steps"]
        (step,) = (each for each in steps if each.get("run") == f"pip install {installed}")
        assert step.get("env") == variables


def test_commands_in_them_are_those_that_there_are(tmp_path: Path) -> None:
    job = yaml.safe_load(MANIFESTS["kubernetes"](settings())["cronjob.yaml"])
    arguments = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    daemons = yaml.safe_load(MANIFESTS["kubernetes"](settings())["daemonset.yaml"])
    worker = daemons["spec"]["template"]["spec"]["containers"][0]["args"]
    pods = yaml.safe_load(MANIFESTS["kubernetes"](settings())["deployment.yaml"])["spec"]["template"]["spec"]
    beat, pages = (container["args"] for container in pods["containers"])
    service = yaml.safe_load(MANIFESTS["compose"](settings())["compose.yaml"])["services"]["lockml-audit"]["command"]
    for command in (arguments, worker, beat, pages, service):
        outcome = run_lockml(*command, folder=tmp_path)
        assert (outcome.code, "no such file" in outcome.err or "no token" in outcome.err) == (2, True), outcome.err


@pytest.mark.parametrize("system", MANIFESTS)
def test_files_are_written_where_they_are_wanted(tmp_path: Path, system: str) -> None:
    printed = run_lockml("audit", "manifest", system, folder=tmp_path)
    assert printed.code == 0
    outcome = run_lockml("audit", "manifest", system, "-o", "out", folder=tmp_path)
    assert outcome.code == 0
    for file in (path for path in (tmp_path / "out").rglob("*") if path.is_file()):
        assert file.read_text() in printed.out
