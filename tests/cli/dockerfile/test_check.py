"""`lockml dockerfile check` on an archive: each drift with its step and its rule, as text and as JSON."""

import json
from pathlib import Path

import pytest

from lockml.lock.formats.pylock import format_lock
from tests.cli.process import run_lockml
from tests.drift.subjects import in_order, make_lock
from tests.made.images import configuration, saved, tar_of
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel

pytestmark = pytest.mark.process

DOCKERFILE = """FROM python:3.11-slim AS build
RUN pip install --no-cache-dir \\
    --index-url https://user:secret@packages.example/simple six

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
# lockml: ignore[LK101] to be compared with
RUN pip install --no-cache-dir attrs
CMD ["python"]
"""
HISTORY = (
    {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
    {"created_by": "COPY /opt/venv /opt/venv # buildkit"},
    {"created_by": "RUN /bin/sh -c pip install --no-cache-dir attrs # buildkit"},
    {"created_by": 'CMD ["python"]', "empty_layer": True},
)


def layer(files: dict[str, bytes]) -> bytes:
    return tar_of({path.lstrip("/"): content for path, content in files.items()})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a lock, a Dockerfile and the archive of an image that has more than is locked."""
    environment = {
        path: content for path, content in {**venv_files(), **in_order()}.items() if path.startswith("/opt/venv")
    }
    base = {path: content for path, content in venv_files().items() if path not in environment}
    six, attrs = (installed_files(make_wheel(name, "1.0"), SITE) for name in ("six", "attrs"))
    layers = {"1.tar": layer(base), "2.tar": layer({**environment, **six}), "3.tar": layer(attrs)}
    members = {**saved(layers, tags=["trainer:1"]), "c.json": configuration(*layers.values(), history=HISTORY)}
    (tmp_path / "trainer.tar").write_bytes(tar_of(members))
    (tmp_path / "pylock.toml").write_text(format_lock(make_lock()))
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return tmp_path


def test_each_drift_is_told_with_its_step_and_its_rule(folder: Path) -> None:
    outcome = run_lockml("dockerfile", "check", "--archive", "trainer.tar", "--level", "artifacts", folder=folder)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out == (
        "archive trainer.tar: drift from pylock.toml: rebuild the image without the unlocked packages and files\n"
        "2 differences: 2 unexpected\n"
        "\n"
        "  unexpected attrs: not locked, found 1.0\n"
        f"    at   {SITE}/attrs-1.0.dist-info\n"
        "    by   Dockerfile:8: RUN pip install --no-cache-dir attrs\n"
        "    rule LK101 unlocked-install (ignored here): An installed package is not pinned by a lock.\n"
        "    fix  rebuild the image without it; or add attrs to the inputs and compile again\n"
        "\n"
        "  unexpected six: not locked, found 1.0\n"
        f"    at   {SITE}/six-1.0.dist-info\n"
        "    by   Dockerfile:2: RUN pip install --no-cache-dir --index-url https://packages.example/simple "
        "six, through Dockerfile:6: COPY --from=build /opt/venv /opt/venv\n"
        "    rule LK101 unlocked-install: An installed package is not pinned by a lock.\n"
        "    fix  rebuild the image without it; or add six to the inputs and compile again\n"
    )


def test_document_has_the_drifts_of_check_and_their_steps(folder: Path) -> None:
    arguments = ("--archive", "trainer.tar", "--level", "names", "--format", "json")
    outcome = run_lockml("dockerfile", "check", *arguments, folder=folder)
    assert "secret" not in outcome.out
    document = json.loads(outcome.out)
    assert (outcome.code, document["schema"], document["file"]) == (1, "lockml/dockerfile-check/1", "Dockerfile")
    attrs, six = document["drifts"]
    assert [attrs["kind"], attrs["name"], attrs["through"], attrs["reason"]] == ["unexpected", "attrs", [], None]
    assert attrs["rules"] == [{"code": "LK101", "name": "unlocked-install", "ignored": True}]
    assert [(step["line"], step["end-line"], step["stage"]) for step in six["steps"]] == [(2, 3, "build")]
    assert [(step["line"], step["stage"]) for step in six["through"]] == [(6, "1")]
    checked = json.loads(run_lockml("check", *arguments, folder=folder).out)
    assert [{key: each[key] for key in checked["drifts"][0]} for each in document["drifts"]] == checked["drifts"]


def test_image_of_another_file_is_told(folder: Path) -> None:
    (folder / "Other").write_text("FROM python:3.11-slim\nRUN pip install --no-cache-dir flask\n")
    outcome = run_lockml("dockerfile", "check", "Other", "--archive", "trainer.tar", "--level", "names", folder=folder)
    assert outcome.code == 1
    assert "archive trainer.tar was not built from Other: its history has none of its steps" in outcome.err
    assert outcome.out.count("the image was not built from this file: layer ") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--archive", "trainer.tar", "--target", "test"), "Dockerfile has no such stage"),
        ((), "give exactly one of them"),
        (("--path", "."), "No such option"),
        (("--archive", "no.tar"), "no.tar"),
    ],
)
def test_wrong_use_is_refused(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    outcome = run_lockml("dockerfile", "check", *arguments, folder=folder)
    assert outcome.code in (2, 4)
    assert said in outcome.err


def test_file_that_builds_nothing_is_refused(folder: Path) -> None:
    (folder / "Dockerfile").write_text("# nothing yet\n")
    outcome = run_lockml("dockerfile", "check", "--archive", "trainer.tar", folder=folder)
    assert (outcome.code, outcome.out) == (2, "")
    assert "has no FROM" in outcome.err


def test_other_stage_is_checked_by_its_name(folder: Path) -> None:
    arguments = ("--archive", "trainer.tar", "--level", "names", "--target", "BUILD")
    outcome = run_lockml("dockerfile", "check", *arguments, folder=folder)
    assert "was not built from Dockerfile" in outcome.err
