"""What schedules audits elsewhere, held against the tools and schemas of those systems."""

import shutil
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cronsim import CronSim
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockml.audit.manifests.fleet_facts import FleetEntry, FleetFacts
from lockml.audit.manifests.settings import CONTAINERFILE, INTERVALS, ManifestSettings
from lockml.audit.manifests.steps import environment_file
from lockml.audit.manifests.systems import MANIFESTS, manifest_files
from tests.audit.services import unavailable
from tests.cli.process import run_lockml

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[3]
FLEETS = ("/srv/fleet/lockml.toml", "/srv/my fleet 100%/lock'ml $HOME.toml")


ENGINES = ("", "unix:///run/user/1000/docker.sock", "tcp://10.0.0.7:2376")


def settings(
    fleet: str = FLEETS[0],
    every: str = "1h",
    lockml: str = sys.executable,
    installed: str = "lockml==1.0",
    entries: tuple[FleetEntry, ...] = (),
    store: str | None = None,
    **more: Any,
) -> ManifestSettings:
    return ManifestSettings(
        fleet=fleet,
        given=fleet.rpartition("/")[2],
        facts=FleetFacts(variables=("SLACK_TOKEN",), entries=entries, store=store),
        lockml=lockml,
        every=every,
        image="registry.example/lockml:1",
        installed=installed,
        **more,
    )


def kubernetes(name: str, **more: Any) -> Any:
    """Return the specification of the pod of one object."""
    return yaml.safe_load(MANIFESTS["kubernetes"](settings(**more))[name])["spec"]["template"]["spec"]


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
@pytest.mark.parametrize("serve", [False, True])
@pytest.mark.parametrize("fleet", FLEETS)
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path, fleet: str, serve: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        unavailable("systemd is not installed")
    units = MANIFESTS["systemd"](settings(fleet, serve=serve))
    assert ("lockml-audit.timer" in units) is not serve, "one of both"
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    files = sorted(str(file) for file in tmp_path.iterdir() if file.suffix != ".env")
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("fleet", FLEETS)
def test_line_of_cron_is_a_command_of_the_shell(tmp_path: Path, fleet: str) -> None:
    fleet = f"{tmp_path}{fleet}"
    Path(fleet).parent.mkdir(parents=True)
    program = tmp_path / "lock ml"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$@" >&2\n')
    program.chmod(0o755)
    text = MANIFESTS["cron"](settings(fleet, lockml=str(program)))["lockml-audit"]
    line = text.splitlines()[-1].split(" root ", 1)[1].replace("\\%", "%")  # as cron(8) hands it to the shell
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [str(Path(fleet).parent), "audit", "run", "--fleet", fleet]


@pytest.mark.parametrize("serve", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_kubernetes_takes_the_objects(tmp_path: Path, serve: bool, engine: str) -> None:
    for name, text in MANIFESTS["kubernetes"](settings(serve=serve, engine=engine)).items():
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
    text = next(iter(MANIFESTS[system](settings(fleet)).values()))
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
    worker = kubernetes("daemonset.yaml", serve=True)["containers"][0]["args"]
    beat, pages = (container["args"] for container in kubernetes("deployment.yaml", serve=True)["containers"])
    service = yaml.safe_load(MANIFESTS["compose"](settings())["compose.yaml"])["services"]["lockml-audit"]["command"]
    for command in (arguments, worker, beat, pages, service):
        outcome = run_lockml(*command, folder=tmp_path)
        assert (outcome.code, "no such file" in outcome.err or "no token" in outcome.err) == (2, True), outcome.err


def test_service_leads_to_the_pages_and_probes_ask_them() -> None:
    files = MANIFESTS["kubernetes"](settings(serve=True))
    service, deployment = (yaml.safe_load(files[name])["spec"] for name in ("service.yaml", "deployment.yaml"))
    assert service["selector"].items() <= deployment["template"]["metadata"]["labels"].items()
    (pages,) = (each for each in deployment["template"]["spec"]["containers"] if each["name"] == "pages")
    assert [port["name"] for port in pages["ports"]] == [service["ports"][0]["targetPort"]]
    assert pages["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert "livenessProbe" in pages


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_of_this_machine_is_asked_everywhere(engine: str) -> None:
    asked = engine or "unix:///var/run/docker.sock"
    pod = kubernetes("daemonset.yaml", serve=True, engine=engine)
    assert {"name": "DOCKER_HOST", "value": asked} in pod["containers"][0]["env"]
    mounts = [each["mountPath"] for each in pod["containers"][0]["volumeMounts"]]
    assert (asked.removeprefix("unix://") in mounts) is asked.startswith("unix://")
    assert ("nodeSelector" in pod) is asked.startswith("unix://"), "a node without that socket gets no worker"
    service = yaml.safe_load(MANIFESTS["compose"](settings(engine=engine))["compose.yaml"])["services"]["lockml-audit"]
    assert service["environment"]["DOCKER_HOST"] == asked
    for system in ("systemd", "cron"):
        lines = MANIFESTS[system](settings(engine=engine))["lockml-audit.env"].splitlines()
        assert (f"DOCKER_HOST={engine}" in lines) is bool(engine)


@pytest.mark.parametrize("system", ["systemd", "cron", "compose"])
def test_secrets_stand_in_a_file_of_their_own_and_in_no_other(system: str) -> None:
    files = MANIFESTS[system](settings())
    assert "SLACK_TOKEN=''" in files["lockml-audit.env"].splitlines()
    assert all("SLACK_TOKEN" not in text for name, text in files.items() if name != "lockml-audit.env")
    assert any("lockml-audit.env" in text for name, text in files.items() if name != "lockml-audit.env")


def test_secrets_of_kubernetes_are_those_that_its_pods_read() -> None:
    files = MANIFESTS["kubernetes"](settings(serve=True))
    secret = yaml.safe_load(files["secret.yaml"])
    assert secret["stringData"].keys() == {"LOCKML_TOKEN", "SLACK_TOKEN"}
    (source,) = kubernetes("daemonset.yaml", serve=True)["containers"][0]["envFrom"]
    assert source["secretRef"] == {"name": secret["metadata"]["name"], "optional": False}


def test_cron_hands_the_variables_of_the_file_on(tmp_path: Path) -> None:
    text = MANIFESTS["cron"](settings())["lockml-audit"].splitlines()[-1].split(" root ", 1)[1]
    given = tmp_path / "given.env"
    given.write_text(environment_file(["SLACK_TOKEN"], "").replace("''", "'a b; $HOME #'"))
    line = f"{text.replace('/etc/lockml/lockml-audit.env', str(given)).partition('; cd ')[0]}; env"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert "SLACK_TOKEN=a b; $HOME #" in done.stdout.splitlines()


ENTRIES = tuple(
    FleetEntry(name=kind, kind=kind, subject="x", lock="pylock.toml")
    for kind in ("container", "registry", "path", "compose", "pid")
)


@pytest.mark.parametrize(
    ("system", "serve", "missing"),
    [
        ("kubernetes", False, ["container", "path", "compose", "pid"]),
        ("kubernetes", True, ["path", "compose"]),
        ("github", False, ["container", "path", "compose", "pid"]),
        ("compose", False, []),
        ("systemd", False, []),
        ("cron", False, []),
    ],
)
def test_targets_that_do_not_exist_there_are_named(system: str, serve: bool, missing: list[str]) -> None:
    files, told = manifest_files(system, settings(serve=serve, entries=ENTRIES))
    assert [line.split("'")[1] for line in told] == missing
    assert all(line in files["LOCKML-AUDIT.md"] for line in told)


@pytest.mark.parametrize(
    ("system", "subject", "lock", "count"),
    [
        ("compose", "../out", "pylock.toml", 1),
        ("compose", "/opt/venv", "../pylock.toml", 2),
        ("compose", "venv/../x", "locks/pylock.toml", 0),
        ("kubernetes", "x", "locks/pylock.toml", 1),
        ("systemd", "../out", "../pylock.toml", 0),
    ],
)
def test_files_outside_the_folder_of_the_fleet_are_named(system: str, subject: str, lock: str, count: int) -> None:
    kind = "freeze" if system == "kubernetes" else "path"
    entry = FleetEntry(name="a", kind=kind, subject=subject, lock=lock)
    assert len(manifest_files(system, settings(entries=(entry,)))[1]) == count


def test_locks_of_the_fleet_are_those_of_the_config_map() -> None:
    entries = (FleetEntry(name="a", kind="registry", subject="x", lock="a b.toml"),)
    text = manifest_files("kubernetes", settings("/srv/fleet/lockml.toml", entries=entries))[0]["LOCKML-AUDIT.md"]
    assert "--from-file=lockml.toml --from-file='a b.toml'" in text


def test_store_of_compose_is_in_a_volume_and_the_fleet_is_read_only() -> None:
    """The service is root without the right to write to other users' folders."""
    service = yaml.safe_load(MANIFESTS["compose"](settings(store="lockml-audit.db"))["compose.yaml"])["services"][
        "lockml-audit"
    ]
    assert service["command"][-2:] == ["--store", "sqlite:////var/lib/lockml/lockml-audit.db"]
    assert "/srv/fleet:/fleet:ro" in service["volumes"]
    server = yaml.safe_load(MANIFESTS["compose"](settings())["compose.yaml"])["services"]["lockml-audit"]
    assert "--store" not in server["command"]


def test_folder_with_a_colon_or_a_dollar_is_the_one_that_is_mounted_and_written_to() -> None:
    made = MANIFESTS["compose"](settings("/srv/a: $b/lockml.toml"))["compose.yaml"]
    volumes = yaml.safe_load(made)["services"]["lockml-audit"]["volumes"]
    assert volumes[0] == {"type": "bind", "source": "/srv/a: $$b", "target": "/fleet", "read_only": True}
    unit = MANIFESTS["systemd"](settings("/srv/a: $b/lockml.toml"))["lockml-audit.service"]
    assert 'ReadWritePaths="/srv/a: $b"' in unit
    assert '"/srv/a: $$b/lockml.toml"' in unit


def test_dollar_in_a_name_is_no_variable_of_kubernetes_or_compose() -> None:
    fleet, engine = "/srv/$(LOCKML_TOKEN).toml", "unix:///run/$A:b.sock"
    pod = kubernetes("daemonset.yaml", fleet=fleet, engine=engine, serve=True)
    assert pod["containers"][0]["args"][-1] == "/fleet/$$(LOCKML_TOKEN).toml"
    assert {"name": "DOCKER_HOST", "value": "unix:///run/$$A:b.sock"} in pod["containers"][0]["env"]
    made = yaml.safe_load(MANIFESTS["compose"](settings(fleet, engine=engine))["compose.yaml"])
    service = made["services"]["lockml-audit"]
    assert "/fleet/$$(LOCKML_TOKEN).toml" in service["command"]
    assert service["environment"]["DOCKER_HOST"] == "unix:///run/$$A:b.sock"
    socket = "/run/$$A:b.sock"
    assert {"type": "bind", "source": socket, "target": socket, "read_only": True} in service["volumes"]


def test_token_that_the_fleet_file_names_too_is_one_variable() -> None:
    made = settings(serve=True)
    both = replace(made, facts=FleetFacts(variables=("LOCKML_TOKEN", "SLACK_TOKEN")))
    assert both.secrets == ("LOCKML_TOKEN", "SLACK_TOKEN")


@pytest.mark.parametrize(("system", "count"), [("kubernetes", 1), ("compose", 0), ("systemd", 0)])
def test_store_that_a_pod_would_lose_is_named(system: str, count: int) -> None:
    assert len(manifest_files(system, settings(store="lockml-audit.db"))[1]) == count


@pytest.mark.parametrize("system", ["kubernetes", "compose", "github"])
def test_recipe_of_the_image_is_named_and_is_there(system: str) -> None:
    files, _ = manifest_files(system, settings())
    assert any(CONTAINERFILE in text for text in files.values())
    assert (ROOT / CONTAINERFILE).is_file()


@pytest.mark.parametrize(
    ("store", "folders"),
    [
        (None, ["/srv/fleet"]),
        ("lockml-audit.db", ["/srv/fleet"]),
        ("db/audit.db", ["/srv/fleet"]),
        ("../data/audit.db", ["/srv/fleet", "/srv/data"]),
        ("/var/lib/audits/audit.db", ["/srv/fleet", "/var/lib/audits"]),
        ("/srv/fleet2/audit.db", ["/srv/fleet", "/srv/fleet2"]),
    ],
)
def test_unit_may_write_to_the_folder_of_the_store(store: str | None, folders: list[str]) -> None:
    unit = MANIFESTS["systemd"](settings(store=store))["lockml-audit.service"]
    assert f"ReadWritePaths={' '.join(folders)}\n" in unit


def test_temporary_files_have_a_folder_that_is_writable() -> None:
    """Processes of a pool meet at a socket there; /tmp is read-only in these pods, and by ProtectSystem=strict."""
    for container in kubernetes("deployment.yaml", serve=True)["containers"]:
        (folder,) = (each["value"] for each in container["env"] if each["name"] == "TMPDIR")
        assert folder in [each["mountPath"] for each in container["volumeMounts"]]
    unit = MANIFESTS["systemd"](settings())["lockml-audit.service"]
    assert "TMPDIR=/var/lib/lockml\n" in unit
    assert "StateDirectory=lockml\n" in unit


@pytest.mark.parametrize("serve", [False, True])
def test_kubectl_applies_the_files_of_the_manifest_and_no_others(serve: bool) -> None:
    """A folder may hold other objects of its user, which `apply -f .` would apply too."""
    files, _ = manifest_files("kubernetes", settings(serve=serve))
    applied = [f"-f {name}" for name in files if name.endswith(".yaml")]
    (line,) = (each for each in files["LOCKML-AUDIT.md"].splitlines() if "kubectl apply" in each)
    assert sorted(line.split("apply ")[1].replace("-f ", "-f@").split()) == sorted(
        each.replace("-f ", "-f@") for each in applied
    )


def test_worker_of_a_new_pod_or_container_has_the_name_of_the_last_one() -> None:
    containers = kubernetes("deployment.yaml", serve=True)["containers"]
    assert all({"name": "LOCKML_HOST", "value": "lockml-audit"} in each["env"] for each in containers)
    files = MANIFESTS["compose"](settings())
    assert yaml.safe_load(files["compose.yaml"])["services"]["lockml-audit"]["uts"] == "host"
    assert "LOCKML_HOST" not in files["lockml-audit.env"], "a person need not fill it in"


def test_image_has_every_dependency_of_lockml_pinned() -> None:
    """A dependency that is added is locked for the image too: README.md beside its Containerfile says how."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [
        Requirement(each) for each in (*project["dependencies"], *extras["audit"], *extras["fleet"], *extras["fast"])
    ]
    lines = (ROOT / CONTAINERFILE).with_name("requirements.txt").read_text().splitlines()
    pins = {each.name: each for each in (Requirement(line.split(" \\")[0]) for line in lines if line[:1].isalpha())}
    for each in asked:
        if canonicalize_name(each.name) != "lockml":
            (pin,) = pins[canonicalize_name(each.name)].specifier
            assert each.specifier.contains(pin.version), each
