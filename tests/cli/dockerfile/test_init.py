"""Docker files as a user has them written, from locks made here; no engine and no registry answers."""

from pathlib import Path

import pytest
import yaml

from lockml.lock.formats.pylock import format_lock
from lockml.lock.formats.requirements_txt import format_requirements, format_unhashed
from lockml.lock.model import Lock
from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.targets import make_target
from tests.made.wheels import make_wheel, wheel_name

pytestmark = pytest.mark.process

FOREIGN = """\
lock-version = "1.0"
created-by = "other"
[[packages]]
name = "a"
version = "1.0"
wheels = [{name = "a-1.0-py3-none-any.whl", url = "https://files.example/a", hashes = {sha256 = "x"}}]
"""


def write_lock(folder: Path, lock: Lock | None = None, **options: str) -> None:
    index = MemoryIndex()
    index.add("model", "1.0")
    made = lock or lock_of(index, "model", target=make_target(**options))
    (folder / "pylock.toml").write_text(format_lock(made))
    (folder / "requirements.txt").write_text(format_requirements(made))
    unhashed = format_unhashed(made)
    if unhashed is not None:
        (folder / "requirements-unhashed.txt").write_text(unhashed)


def init(folder: Path, *arguments: str) -> Outcome:
    nowhere = f"unix://{folder}/no.sock"
    return run_lockml("dockerfile", "init", "--offline", *arguments, folder=folder, variables={"DOCKER_HOST": nowhere})


def test_files_are_written_for_the_lock(tmp_path: Path) -> None:
    write_lock(tmp_path)
    outcome = init(tmp_path, "--compose", "--name", "team/trainer:1", "--command", "python train.py")
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    for name in ("Dockerfile", ".dockerignore", "compose.yaml"):
        assert f"{name} (written)\n" in outcome.err
    text = (tmp_path / "Dockerfile").read_text()
    assert "FROM python:3.11-slim-bookworm\n" in text
    assert "--require-hashes --no-deps --only-binary :all: -r requirements.txt\n" in text
    assert text.endswith('CMD ["python", "train.py"]\n')
    service = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]["app"]
    assert service == {
        "build": {"context": "."},
        "image": "team/trainer:1",
        "platform": "linux/amd64",
        "init": True,
    }
    assert "instead of a digest" in outcome.err


def test_files_that_are_the_same_are_left_alone(tmp_path: Path) -> None:
    write_lock(tmp_path)
    assert init(tmp_path).code == 0
    outcome = init(tmp_path)
    assert (outcome.code, outcome.out) == (0, "")
    assert "Dockerfile (unchanged)\n" in outcome.err


def test_file_that_differs_stays_and_the_difference_is_shown(tmp_path: Path) -> None:
    write_lock(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\nRUN pip install model\n")
    outcome = init(tmp_path)
    assert outcome.code == 1
    assert (tmp_path / "Dockerfile").read_text() == "FROM python:3.11\nRUN pip install model\n"
    assert (tmp_path / ".dockerignore").exists()
    assert outcome.out.startswith("--- Dockerfile\n+++ Dockerfile (init)\n")
    assert "\n-RUN pip install model\n" in outcome.out
    assert "kept Dockerfile: it exists and differs; overwrite it with --force\n" in outcome.err
    assert init(tmp_path, "--force").code == 0
    assert "--require-hashes" in (tmp_path / "Dockerfile").read_text()


def test_difference_forges_no_line_of_a_terminal(tmp_path: Path) -> None:
    write_lock(tmp_path)
    (tmp_path / "Dockerfile").write_bytes(b"FROM x\x1b[2K\n\xff\n")
    outcome = init(tmp_path)
    assert outcome.code == 1
    assert "\x1b" not in outcome.out


def test_dash_prints_the_dockerfile_and_writes_nothing(tmp_path: Path) -> None:
    write_lock(tmp_path)
    outcome = init(tmp_path, "-o", "-", "--compose")
    assert outcome.code == 0
    assert outcome.out.startswith("# Written by `lockml dockerfile init`")
    assert not (tmp_path / "Dockerfile").exists()
    assert not (tmp_path / ".dockerignore").exists()


def test_compose_file_that_is_there_keeps_its_name(tmp_path: Path) -> None:
    write_lock(tmp_path)
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    outcome = init(tmp_path, "--compose")
    assert outcome.code == 1
    assert "+++ docker-compose.yml (init)\n" in outcome.out
    assert not (tmp_path / "compose.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "told", "remedy"),
    [
        (["--lock", "nope.toml"], "nope.toml: no such file", "lockml compile"),
        (["--requirements", "nope.txt"], "nope.txt: no such file", "--requirements"),
        (["--requirements", "other.txt"], "other.txt: does not match the lock", "lockml compile"),
        (["--target", "gpu"], "--target 'gpu': pylock.toml has no such target", "targets: CPython 3.11"),
        (["--lock", "foreign.toml"], "foreign.toml: has no target for linux", "lockml compile"),
        (["--base-image", "a b"], "is not a reference for FROM", "--base-image"),
        (["--compose", "--name", "$X"], "--name '$X': is not an image name", "team/trainer:1"),
        (["--command", "'"], "cannot be split", ""),
        (["--command", ""], "--command '': is empty", "remove it"),
        (["-o", "../Dockerfile", "--compose"], "is outside the build context", "a folder above"),
    ],
)
def test_what_cannot_be_is_told_with_its_remedy(tmp_path: Path, arguments: list[str], told: str, remedy: str) -> None:
    write_lock(tmp_path)
    (tmp_path / "other.txt").write_text("model>=1\n")
    (tmp_path / "foreign.toml").write_text(FOREIGN)
    outcome = init(tmp_path, *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert remedy in outcome.err
    assert not (tmp_path / "Dockerfile").exists()


def test_comments_of_the_requirements_file_are_not_what_is_locked(tmp_path: Path) -> None:
    write_lock(tmp_path)
    text = (tmp_path / "requirements.txt").read_text()
    (tmp_path / "requirements.txt").write_text(f"# of the team\n\n{text}")
    assert init(tmp_path).code == 0


def compiled(folder: Path, url: str, *lines: str, options: tuple[str, ...] = ()) -> None:
    """Compile the *lines* against a served index."""
    (folder / "requirements.in").write_text("\n".join(lines) + "\n")
    outcome = run_lockml("compile", "requirements.in", "-i", url, *TARGET, *options, folder=folder)
    assert outcome.code == 0, outcome.err


@pytest.mark.loopback
def test_lock_that_leaves_a_package_out_lets_pip_see_that_it_is_there(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url, "model", options=("--exclude", "numpy"))
    outcome = init(tmp_path, "-o", "-")
    assert "numpy: needed but not locked, so the base image must have it" in outcome.err
    assert "    --require-hashes --only-binary :all: -r requirements.txt\n" in outcome.out


@pytest.mark.loopback
def test_source_trees_are_copied_and_installed_second(tmp_path: Path, url: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "pyproject.toml").write_text('[project]\nname = "lib"\nversion = "1"\n')
    compiled(tmp_path, url, "six", "-e ./lib")
    lines = [line.strip() for line in init(tmp_path, "-o", "-").out.splitlines()]
    (first,) = (number for number, line in enumerate(lines) if line.endswith("-r requirements.txt"))
    second = lines.index("--no-deps -r requirements-unhashed.txt")
    assert first < lines.index("COPY requirements-unhashed.txt ./") < lines.index("COPY lib lib") < second


@pytest.mark.loopback
def test_one_of_several_targets_must_be_named(tmp_path: Path, url: str) -> None:
    targets = ("--target", "old=3.9-linux/amd64-glibc-2.31", "--target", "new=3.11-linux/amd64-glibc-2.36")
    (tmp_path / "requirements.in").write_text("six\n")
    assert run_lockml("compile", "requirements.in", "-i", url, *targets, folder=tmp_path).code == 0
    outcome = init(tmp_path)
    assert outcome.code == 2
    assert "pylock.toml has 2 for linux" in outcome.err
    assert "name one: old, new" in outcome.err
    assert "FROM python:3.9-slim-bookworm\n" in init(tmp_path, "--target", "old", "-o", "-").out


def test_folder_of_wheels_is_copied_before_what_is_installed_from_it(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / wheel_name("model", "1.0")).write_bytes(make_wheel("model", "1.0"))
    (tmp_path / "requirements.in").write_text("model\n")
    options = ("--no-index", "--find-links", "wheels")
    assert run_lockml("compile", "requirements.in", *options, *TARGET, folder=tmp_path).code == 0
    lines = init(tmp_path, "-o", "-").out.splitlines()
    (install,) = (number for number, line in enumerate(lines) if line.endswith("-r requirements.txt"))
    assert lines.index("COPY wheels wheels") < install


@pytest.mark.parametrize("output", ["requirements.txt", "pylock.toml", "./.dockerignore", "compose.yaml"])
def test_dockerfile_is_never_written_over_what_it_is_made_of(tmp_path: Path, output: str) -> None:
    write_lock(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    outcome = init(tmp_path, "-o", output, "--force", "--compose")
    assert (outcome.code, outcome.out) == (2, "")
    assert "which is not a Dockerfile" in outcome.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
