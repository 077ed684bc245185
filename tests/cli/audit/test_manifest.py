"""``lockml audit manifest`` writes files, and keeps those of its user."""

import stat
from pathlib import Path

import pytest

from lockml.audit.manifests.systems import MANIFESTS
from tests.cli.process import run_lockml

pytestmark = pytest.mark.process

FLEET = """\
[audit]
[[audit.targets]]
name = "api"
lock = "api.toml"
registry = "registry.example/api:1"
[[audit.notify]]
name = "on-call"
urls = ["slack://$SLACK_TOKEN"]
"""


@pytest.mark.parametrize("system", MANIFESTS)
def test_files_are_written_where_they_are_wanted(tmp_path: Path, system: str) -> None:
    printed = run_lockml("audit", "manifest", system, folder=tmp_path)
    assert printed.code == 0
    outcome = run_lockml("audit", "manifest", system, "-o", ".", folder=tmp_path)
    assert outcome.code == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "home" not in path.parts]
    assert all(file.read_text() in printed.out for file in files)
    steps = (tmp_path / "LOCKML-AUDIT.md").read_text()
    assert all(f"`{file.relative_to(tmp_path)}`" in steps for file in files if file.name != "LOCKML-AUDIT.md")


def test_file_of_the_user_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / "README.md").write_text("mine\n")
    outcome = run_lockml("audit", "manifest", "compose", "-o", ".", folder=tmp_path)
    assert (outcome.code, "compose.yaml: exists and differs" in outcome.err, "--force" in outcome.err) == (
        2,
        True,
        True,
    )
    assert (tmp_path / "compose.yaml").read_text() == "services: {}\n"
    assert not (tmp_path / "lockml-audit.env").exists()
    assert run_lockml("audit", "manifest", "compose", "-o", ".", "--force", folder=tmp_path).code == 0
    assert "lockml-audit" in (tmp_path / "compose.yaml").read_text()
    assert (tmp_path / "README.md").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("system", "name"), [("compose", "lockml-audit.env"), ("cron", "lockml-audit.env"), ("kubernetes", "secret.yaml")]
)
def test_secrets_are_private_and_kept_even_by_force(tmp_path: Path, system: str, name: str) -> None:
    (tmp_path / "lockml.toml").write_text(FLEET)
    command = ("audit", "manifest", system, "-o", "out")
    assert run_lockml(*command, folder=tmp_path).code == 0
    secret = tmp_path / "out" / name
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    filled = secret.read_text().replace("''", "'s3cret'")
    secret.write_text(filled)
    (tmp_path / "lockml.toml").write_text(FLEET.replace("$SLACK_TOKEN", "$SLACK_TOKEN/$OTHER_TOKEN"))
    for force in ((), ("--force",)):
        outcome = run_lockml(*command, *force, folder=tmp_path)
        assert (outcome.code, "add OTHER_TOKEN to it" in outcome.err or not force) in ((0, True), (2, True))
        assert secret.read_text() == filled


def test_same_command_twice_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        outcome = run_lockml("audit", "manifest", "systemd", "--serve", "-o", "out", folder=tmp_path)
        assert outcome.code == 0, outcome.err


def test_steps_of_kubernetes_hold_in_the_folder_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "lockml.toml").write_text(FLEET)
    assert run_lockml("audit", "manifest", "kubernetes", "-o", "deploy/k8s", folder=tmp_path).code == 0
    steps = (tmp_path / "deploy" / "k8s" / "LOCKML-AUDIT.md").read_text()
    assert "--from-file=../../lockml.toml --from-file=../../api.toml" in steps
    assert "kubectl apply -f cronjob.yaml -f secret.yaml" in steps


@pytest.mark.parametrize(
    ("arguments", "variables", "problem"),
    [
        (("cron", "--serve"), {}, "use it with compose, kubernetes, systemd"),
        (("cron",), {"DOCKER_HOST": "ssh://x"}, "is not unix:///PATH"),
    ],
)
def test_wrong_usage_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], problem: str
) -> None:
    outcome = run_lockml("audit", "manifest", *arguments, folder=tmp_path, variables=variables)
    assert (outcome.code, problem in outcome.err) == (2, True), outcome.err


@pytest.mark.parametrize(
    ("system", "name", "problem"),
    [
        ("systemd", "a\nExecStartPre=b", "has a line break"),
        ("kubernetes", "a\u2028b", "has a line break"),
        ("cron", "a\udcffb", "has a line break or a control character"),
        ("systemd", "a\\", "has a backslash"),
        ("github", "a ${{ secrets.X }}", "which GitHub replaces"),
    ],
)
def test_folder_that_a_system_reads_as_more_than_a_name_is_refused(
    tmp_path: Path, system: str, name: str, problem: str
) -> None:
    """The fleet's name is harmless, its path is not: it would add lines to a unit, or continue one."""
    (tmp_path / name).mkdir()
    folder, given = (tmp_path, f"{name}/lockml.toml") if system == "github" else (tmp_path / name, "lockml.toml")
    outcome = run_lockml("audit", "manifest", system, "--fleet", given, folder=folder)
    assert (outcome.code, problem in outcome.err) == (2, True), outcome.err


def test_variable_whose_name_another_one_contains_is_lacking(tmp_path: Path) -> None:
    (tmp_path / "lockml.toml").write_text(FLEET)
    (tmp_path / "lockml-audit.env").write_text("export MY_SLACK_TOKEN='s3cret' # SLACK_TOKEN\n")
    outcome = run_lockml("audit", "manifest", "cron", "-o", ".", folder=tmp_path)
    assert (outcome.code, "add SLACK_TOKEN to it" in outcome.err) == (0, True), outcome.err


@pytest.mark.parametrize(("system", "secrets"), [("compose", "lockml-audit.env"), ("kubernetes", "secret.yaml")])
def test_pages_for_other_machines_do_not_start_until_their_token_is_filled_in(
    tmp_path: Path, system: str, secrets: str
) -> None:
    (tmp_path / "lockml.toml").write_text("[audit]\n")
    serve = () if system == "compose" else ("--serve",)
    assert run_lockml("audit", "manifest", system, *serve, "-o", ".", folder=tmp_path).code == 0
    assert "LOCKML_TOKEN" in (tmp_path / secrets).read_text()
    made = "".join(file.read_text() for file in tmp_path.glob("*.yaml"))
    assert "0.0.0.0" in made
    outcome = run_lockml("audit", "serve", "--bind", "0.0.0.0", folder=tmp_path, variables={"LOCKML_TOKEN": ""})
    assert (outcome.code, "no token is set" in outcome.err) == (2, True), outcome.err


@pytest.mark.parametrize("text", ["[audit", '[[audit.targets]]\nname = "a"\n'])
def test_fleet_file_with_a_fault_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "lockml.toml").write_text(text)
    outcome = run_lockml("audit", "manifest", "cron", folder=tmp_path)
    assert (outcome.code, "lockml.toml:1" in outcome.err) == (2, True), outcome.err
    assert run_lockml("audit", "manifest", "monitoring", folder=tmp_path).code == 0, "which needs no fleet"
