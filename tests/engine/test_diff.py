"""Images and containers of a real engine held together: what differs, with the layers and the times."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.process import run_lockml
from tests.engine.conftest import Docker, Trainer

pytestmark = pytest.mark.engine

SITE = "/opt/venv/lib/python3.11/site-packages"


def difference(trainer: Trainer, *arguments: str, code: int = 1, host: str | None = None) -> Any:
    """Return what `lockml diff --format json` prints."""
    variables = {"DOCKER_HOST": host or trainer.docker.host}
    command = ("diff", *arguments, "--format", "json", "--exit-code")
    outcome = run_lockml(*command, folder=trainer.folder, variables=variables)
    assert outcome.code == code, outcome
    return json.loads(outcome.out)


@pytest.fixture(scope="module")
def changed(trainer: Trainer, docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build an image on the trainer's, with one file more, one other and one less."""
    folder: Path = tmp_path_factory.mktemp("changed")
    commands = f"echo 'import os' > {SITE}/evil.pth && echo '# more' >> {SITE}/joblib/__init__.py"
    (folder / "Dockerfile").write_text(
        f"FROM {trainer.image}\nRUN {commands} && rm {SITE}/threadpoolctl.py\nENV PYTHONPATH=/app\n"
    )
    docker.run("build", "-q", "--network=host", "-t", "changed-trainer", str(folder))
    yield "changed-trainer"
    docker.run("rmi", "-f", "changed-trainer")


def paths(document: Any) -> set[tuple[str, str]]:
    return {(each["kind"], each["path"]) for group in document["files"] for each in group["changes"]}


def test_image_on_another_differs_in_what_its_layer_did(trainer: Trainer, changed: str) -> None:
    found = difference(trainer, f"image:{trainer.image}", f"image:{changed}")
    assert paths(found) == {
        ("added", f"{SITE}/evil.pth"),
        ("changed", f"{SITE}/joblib/__init__.py"),
        ("removed", f"{SITE}/threadpoolctl.py"),
    }
    assert {each["origin"].partition(" (")[0] for group in found["files"] for each in group["origins"]} == {
        f"layer {found['layers']['shared'] + 1} of {found['layers']['shared'] + 1}"
    }
    assert [each["name"] for each in found["settings"]] == ["variable PYTHONPATH"]
    assert [(each["kind"], each["name"]) for each in found["changes"]] == [
        ("files", "joblib"),
        ("files", "threadpoolctl"),
    ]
    (layer,) = found["layers"]["others"]
    assert layer["kind"] == "added"


def test_images_read_in_other_ways_differ_in_the_same(trainer: Trainer, docker: Docker, changed: str) -> None:
    """Folders of layers, a stream of an engine elsewhere, and an archive."""
    expected = paths(difference(trainer, f"image:{trainer.image}", f"image:{changed}"))
    streamed = difference(trainer, f"image:{trainer.image}", f"image:{changed}", host=docker.tcp)
    assert paths(streamed) == expected
    docker.run("save", "-o", str(trainer.folder / "changed.tar"), changed)
    archived = difference(trainer, f"image:{trainer.image}", "archive:changed.tar")
    assert paths(archived) == expected
    difference(trainer, f"image:{changed}", "archive:changed.tar", code=0)


def test_image_differs_from_its_flattened_self_in_nothing(trainer: Trainer, docker: Docker) -> None:
    """No layer is shared, so every file is hashed."""
    docker.run("create", "--network=host", "--name", "to-flatten", trainer.image)
    docker.run("export", "-o", str(trainer.folder / "flat.tar"), "to-flatten")
    docker.run("rm", "to-flatten")
    arguments = ("--environment", "/opt/venv")
    found = difference(trainer, f"image:{trainer.image}", "archive:flat.tar", *arguments, code=1)
    assert (found["files"], found["changes"]) == ([], [])
    assert {each["name"] for each in found["settings"]} == {"variable PATH"}


@pytest.mark.parametrize("running", [True, False])
def test_container_differs_from_its_image_in_what_it_changed(trainer: Trainer, docker: Docker, running: bool) -> None:
    with docker.container(trainer.image, "to-compare", "sleep", "1000") as name:
        difference(trainer, f"image:{trainer.image}", f"container:{name}", code=0)
        docker.run("exec", name, "sh", "-c", f"echo '# x' >> {SITE}/joblib/__init__.py && rm -r {SITE}/joblib/test")
        if not running:
            docker.run("kill", name)
        found = difference(trainer, f"image:{trainer.image}", f"container:{name}")
        (group,) = found["files"]
        assert group["owner"] == "joblib"
        assert group["files"]["changed"] == 1
        assert group["files"]["removed"] > 1
        changes = {each["path"]: each for each in group["changes"]}
        change = changes[f"{SITE}/joblib/__init__.py"]
        assert change["origin"] == "changed after the container was made"
        assert change["time"] is not None
        assert {each["origin"] for each in group["origins"]} == {"changed after the container was made"}
        turned = difference(trainer, f"container:{name}", f"image:{trainer.image}")
        assert turned["files"][0]["files"] == {**group["files"], "added": group["files"]["removed"], "removed": 0}
