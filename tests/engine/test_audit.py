"""A fleet of real containers audited as a user has it done."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.audit.serving import receiver, serve, wait_until
from tests.cli.process import network_variables, run_lockml
from tests.engine.conftest import Docker, Trainer

pytestmark = pytest.mark.engine

FLEET = """\
[audit]
store = "sqlite:///audit.db"

[audit.index]
ask = false

[audit.defaults]
every = "1s"
environment = "/opt/venv"

[[audit.discover]]
name = "day"
label = "lockml.test=day"
lock = "pylock.toml"

[[audit.notify]]
name = "hook"
urls = ["{url}"]
"""


@pytest.fixture
def folder(trainer: Trainer, tmp_path: Path) -> Path:
    shutil.copy(trainer.folder / "pylock.toml", tmp_path)
    return tmp_path


def start(docker: Docker, name: str, image: str = "trainer", label: str = "lockml.test=day") -> None:
    docker.run("run", "-d", "--network=host", "--label", label, "--name", name, image, "sleep", "infinity")


@pytest.fixture
def day(trainer: Trainer, docker: Docker) -> Iterator[Docker]:
    names = ("day-1", "day-2", "day-3")
    try:
        for name in names:
            start(docker, name, trainer.image)
        yield docker
    finally:
        docker.run("rm", "-f", *names)


def test_day_in_the_life_of_a_fleet(day: Docker, folder: Path) -> None:
    """One container drifts, is told once, shown, survives a kill of the service, and is told once when it is well."""
    variables = {"DOCKER_HOST": day.host}
    with receiver() as (url, messages), ExitStack() as stack:
        (folder / "lockml.toml").write_text(FLEET.format(url=url))
        service = stack.enter_context(serve(folder, variables=variables))
        names = {f"day/day-{number}@here" for number in (1, 2, 3)}
        wait_until(lambda: service.states() == dict.fromkeys(names, "in-order"), "all are in order")

        with service.held():
            day.run("exec", "day-2", "/opt/venv/bin/pip", "install", "-q", "--no-deps", "cycler==0.11.0")
        wait_until(lambda: messages, "somebody is told")
        assert service.states() == {**dict.fromkeys(names, "in-order"), "day/day-2@here": "drift"}
        assert messages[0]["title"] == "lockml: day/day-2@here: 1 new"
        assert "version cycler 0.12.1 -> 0.11.0" in messages[0]["message"]
        (finding,) = service.api("findings")["findings"]
        assert (finding["target"], finding["kind"], finding["name"]) == ("day/day-2@here", "version", "cycler")
        page = service.get("/targets/day%2Fday-2%40here")
        assert "0.12.1" in page
        assert "0.11.0" in page
        assert "changed after the container was made" in service.get(f"/runs/{finding['opened_by']}")

        service.kill()
        ran = {each["tick"] for each in history(folder)}
        service = stack.enter_context(serve(folder, variables=variables))
        wait_until(lambda: {each["tick"] for each in history(folder)} - ran, "it goes on")
        assert service.api("findings")["findings"][0]["opened_by"] == finding["opened_by"]

        with service.held():
            day.run("rm", "-f", "day-2")
            start(day, "day-2")
        wait_until(lambda: len(messages) > 1, "somebody is told again")
        time.sleep(3)
        assert [each["title"] for each in messages] == [
            "lockml: day/day-2@here: 1 new",
            "lockml: day/day-2@here: 1 resolved",
        ]
        assert service.states() == dict.fromkeys(names, "in-order")
        assert service.api("findings")["findings"] == []
        runs = history(folder)
        assert len({(each["target"], each["tick"]) for each in runs}) == len(runs)
        assert service.end() == 0


def history(folder: Path) -> list[dict[str, Any]]:
    outcome = run_lockml("audit", "export", folder=folder)
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_every_container_of_a_service_is_looked_at(trainer: Trainer, docker: Docker, folder: Path) -> None:
    names = ("shop-web-1", "shop-web-2")
    (folder / "compose.yaml").write_text("name: shop\nservices:\n  web: {image: trainer}\n")
    (folder / "lockml.toml").write_text(
        '[audit]\nstore = "sqlite:///audit.db"\n[audit.index]\nask = false\n'
        '[[audit.targets]]\nname = "web"\nlock = "pylock.toml"\ncompose = "compose.yaml:web"\n'
        'environment = "/opt/venv"\nlevel = "files"\n'
    )
    try:
        for number, name in enumerate(names, 1):
            labels = {"project": "shop", "service": "web", "container-number": number, "oneoff": "False"}
            words = [word for key, value in labels.items() for word in ("--label", f"com.docker.compose.{key}={value}")]
            docker.run("create", "--network=host", "--name", name, *words, trainer.image, "sleep", "1")
        variables = {"DOCKER_HOST": docker.host}
        assert run_lockml("audit", "run", folder=folder, variables=variables).code == 0
        docker.run("cp", str(folder / "compose.yaml"), "shop-web-2:/opt/venv/lib/python3.11/site-packages/late.pth")
        outcome = run_lockml("audit", "run", "--format", "json", folder=folder, variables=variables)
    finally:
        docker.run("rm", "-f", *names)
    assert outcome.code == 1, outcome.err
    assert "shop-web-2" in outcome.out


@pytest.fixture(scope="module")
def many(trainer: Trainer, docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Start twenty containers of as many images."""
    folder = tmp_path_factory.mktemp("variant")
    names = tuple(f"seen-{number}" for number in range(20))
    try:
        for number, name in enumerate(names):
            (folder / "Dockerfile").write_text(f"FROM {trainer.image}\nCOPY Dockerfile /etc/variant-{number}\n")
            docker.run("build", "-q", "-t", f"variant-{number}", str(folder))
            start(docker, name, f"variant-{number}", "lockml.test=many")
        yield names
    finally:
        docker.run("rm", "-f", *names)


def test_two_hundred_subjects_of_twenty_images_are_in_order_with_a_cold_and_a_warm_cache(
    many: tuple[str, ...], docker: Docker, folder: Path
) -> None:
    """At the level that proves every file; benchmarks/audit.py says what they cost."""
    text = FLEET.format(url="json://127.0.0.1:9/").partition("[[audit.discover]]")[0]
    for number in range(200):
        text += f'[[audit.targets]]\nname = "t{number}"\nlock = "pylock.toml"\ncontainer = "{many[number % 20]}"\n'
    (folder / "lockml.toml").write_text(text.replace('every = "1s"', 'level = "files"'))
    cold, warm = one_pass(docker, folder), one_pass(docker, folder)
    assert warm == cold == {f"t{number}": "in-order" for number in range(200)}


def test_every_change_of_what_is_imported_is_found_behind_the_kept_inventory_of_an_image(
    many: tuple[str, ...], docker: Docker, folder: Path
) -> None:
    changes = {
        "seen-1": "echo 'import os' > /opt/venv/lib/python3.11/site-packages/new.pth",
        "seen-2": "/opt/venv/bin/pip uninstall -q -y cycler",
        "seen-3": "echo x >> /opt/venv/lib/python3.11/site-packages/numpy/version.py",
        "seen-4": "rm -r /opt/venv/lib/python3.11/site-packages/numpy/linalg",
        "seen-5": "mkdir -p /root/.local/lib/python3.11/site-packages && mkdir /data && echo x > /data/x",
        "seen-6": "echo 'x' >> /usr/lib/python3.11/abc.py",
        "seen-7": "mkdir -p /tmp/a /root/.cache /etc/own && echo > /tmp/a/c && echo > /etc/own/y && echo > /new",
        "seen-8": "mv /opt/venv/lib/python3.11/site-packages/cycler /var/cycler",
        "seen-9": "mv /opt/venv /opt/other",
    }
    found = {"seen-1": "unattributed-file", "seen-2": "missing", "seen-3": "modified", "seen-4": "removed-file"}
    found |= {"seen-6": "modified", "seen-8": "removed-file"}
    text = FLEET.format(url="json://127.0.0.1:9/").replace("test=day", "test=many")
    (folder / "lockml.toml").write_text(text.replace('every = "1s"', 'level = "files"'))
    before = one_pass(docker, folder)
    assert before == {f"day/{name}@here": "in-order" for name in many}
    for name, command in changes.items():
        docker.run("exec", name, "sh", "-ec", command)
    evil = folder / "evil.py"
    evil.write_text("import os\n")
    over = "/opt/venv/lib/python3.11/site-packages/cycler/__init__.py"
    image = ("-v", f"{evil}:{over}:ro", "variant-0")
    docker.run("run", "-d", "--network=host", "--label", "lockml.test=many", "--name", "seen-under", *image)
    try:
        changed = one_pass(docker, folder)
    finally:
        docker.run("rm", "-f", "seen-under")
    found["seen-under"] = "modified"
    assert {name for name, state in changed.items() if state == "drift"} == {f"day/{name}@here" for name in found}
    assert changed["day/seen-9@here"] == "unreachable"
    kinds = {each["target"]: list(each["kinds"]) for each in history(folder)[: len(many) + 1]}
    assert {name: kinds[f"day/{name}@here"] for name in found} == {name: [kind] for name, kind in found.items()}


def test_base_image_that_moved_on_is_told_until_it_is_locked_anew(
    trainer: Trainer, docker: Docker, folder: Path
) -> None:
    variables = {"DOCKER_HOST": docker.host, **network_variables()}
    (folder / "requirements.in").write_text("cycler==0.12.1\n")
    compiled = ("compile", "requirements.in", "--base-image", "image:moving:1")
    docker.run("tag", "lockml-test/base", "moving:1")
    start(docker, "based", trainer.image, "lockml.test=based")
    try:
        outcome = run_lockml(*compiled, folder=folder, variables=variables)
        assert outcome.code == 0, outcome.err
        (folder / "lockml.toml").write_text(
            '[audit]\nstore = "sqlite:///audit.db"\n[audit.index]\nask = false\n[[audit.targets]]\nname = "based"\n'
            'lock = "pylock.toml"\ncontainer = "based"\nlevel = "names"\nbase-image = "image:moving:1"\n'
        )

        def moved(cache: str) -> list[str]:
            told = run_lockml(
                "audit", "run", "--format", "json", "--cache-dir", cache, folder=folder, variables=variables
            )
            (run,) = json.loads(told.out)["runs"]
            assert run["unknown"] == []
            return [each["detail"] for each in run["findings"] if each["kind"] == "base-image-moved"]

        assert moved("first") == []
        docker.run("tag", trainer.image, "moving:1")
        (detail,) = moved("second")
        assert detail.startswith("image:moving:1 has ")
    finally:
        docker.run("rm", "-f", "based")


def one_pass(docker: Docker, folder: Path) -> dict[str, str]:
    """Run one pass and return the state of each target."""
    outcome = run_lockml(
        "audit", "run", "--format", "json", "--host", "here", folder=folder, variables={"DOCKER_HOST": docker.host}
    )
    assert outcome.code in (0, 1), outcome.err
    return {each["target"]: each["state"] for each in json.loads(outcome.out)["runs"]}
