"""The examples are what the commands of docs/dockerfile.md write, and the hooks of pre-commit start commands."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
import yaml

from lockml.cli.main import cli
from tests.cli.process import network_variables, run_lockml

ROOT = Path(__file__).parents[3]
COMMANDS = dict(
    re.findall(r"\| \[([\w-]+)\]\(\.\./examples/.*?\) \| `lockml (.*?)` \|", (ROOT / "docs/dockerfile.md").read_text())
)
HOOKS = {each["id"]: each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def test_every_example_has_its_command() -> None:
    assert set(COMMANDS) == {path.parent.name for path in (ROOT / "examples").glob("*/train.py")}


def locked(name: str, folder: Path) -> Path:
    """Copy the example *name* to *folder* and lock it there: its lock would name the index, and is not kept."""
    shutil.copytree(ROOT / "examples" / name, folder, dirs_exist_ok=True)
    target = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")
    outcome = run_lockml("compile", "requirements.in", *target, folder=folder, variables=network_variables())
    assert outcome.code == 0, outcome.err
    return folder


@pytest.mark.online
@pytest.mark.parametrize("name", COMMANDS)
def test_example_is_what_its_command_writes(name: str, tmp_path: Path) -> None:
    locked(name, tmp_path)
    engine = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    outcome = run_lockml(*shlex.split(COMMANDS[name]), "--offline", folder=tmp_path, variables=engine)
    assert (outcome.code, outcome.out) == (0, ""), outcome.err
    assert "(written)" not in outcome.err


@pytest.mark.process
@pytest.mark.parametrize("name", COMMANDS)
def test_own_lint_finds_nothing_in_an_example_but_its_tags(name: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / name, tmp_path, dirs_exist_ok=True)
    files = [each for each in ("Dockerfile", "compose.yaml") if (tmp_path / each).exists()]
    outcome = run_lockml("dockerfile", "lint", *files, "--format", "json", folder=tmp_path)
    assert set(re.findall(r"LK\d+", outcome.out)) == {"LK401"}
    dockerfile = tmp_path / "Dockerfile"
    pinned = re.sub(r"(?m)^(FROM [^ \n]+:[^ \n]+)", rf"\1@sha256:{'0' * 64}", dockerfile.read_text())
    dockerfile.write_text(pinned)
    outcome = run_lockml("dockerfile", "lint", *files, folder=tmp_path)
    assert outcome.code == 0, outcome.out


@pytest.mark.parametrize("name", HOOKS)
def test_hook_starts_a_command_that_there_is(name: str) -> None:
    program, *words = HOOKS[name]["entry"].split()
    assert program == "lockml"
    command: click.Command = cli
    for word in words:
        if isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            assert found is not None, word
            command = found
        else:
            assert word in {option for each in command.params for option in each.opts}


@pytest.mark.parametrize(
    ("hook", "matching", "other"),
    [
        (
            "lockml-compile-check",
            ["requirements.in", "a/requirements-dev.txt", "pyproject.toml", "pylock.gpu.toml", "lockml.toml"],
            ["train.py", "my-requirements.in.bak", "uv.lock"],
        ),
        (
            "lockml-dockerfile-lint",
            [
                "Dockerfile",
                "docker/Dockerfile.gpu",
                "train.dockerfile",
                "Containerfile",
                "compose.yaml",
                "a/docker-compose.dev.yml",
            ],
            ["docs/dockerfile.md", "composer.json", "a/dockerfile.py", "Dockerfile.dockerignore", "Dockerfile/a"],
        ),
    ],
)
def test_hook_runs_for_its_files(hook: str, matching: list[str], other: list[str]) -> None:
    pattern = re.compile(HOOKS[hook]["files"])  # as pre-commit searches
    assert [name for name in matching if not pattern.search(name)] == []
    assert [name for name in other if pattern.search(name)] == []
