"""`lockml init` as a user runs it: in empty folders, in projects of every kind, again, and without an index."""

import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from lockml.cli.check.command import command as check
from lockml.cli.common.config import configured_options
from lockml.cli.compile.command import command as compile_command
from tests.cli.process import Outcome, run_lockml
from tests.made.indexes import Served

pytestmark = pytest.mark.loopback

ALL = [
    *(".dockerignore", ".github/workflows/lockml.yml", "Dockerfile", "compose.yaml", "lockml.toml", "pylock.toml"),
    *("requirements.in", "requirements.txt"),
]


def init(folder: Path, *arguments: str) -> Outcome:
    return lockml(folder, "init", *arguments)


def lockml(folder: Path, *arguments: str) -> Outcome:
    """Run it without an engine, and without a registry, which FROM would ask for a digest."""
    (folder.parent / "home").mkdir(exist_ok=True)
    variables = {
        "DOCKER_HOST": f"unix://{folder}/no.sock",
        "HOME": str(folder.parent / "home"),
        "LOCKML_CACHE_DIR": str(folder.parent / "cache"),
        **dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9"),
    }
    return run_lockml(*arguments, folder=folder, variables=variables)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "trainer"
    folder.mkdir()
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def next_commands(outcome: Outcome) -> list[str]:
    """Return the indented lines behind the last "Next"."""
    _, _, rest = outcome.err.rpartition("Next")
    return [line.strip() for line in rest.splitlines() if line.startswith("  ")]


def test_requirements_in_becomes_the_whole_loop(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("model>=1\n")
    outcome = init(project, "-i", url, "--python", "3.11")
    assert outcome.code == 0, outcome.err
    assert list(files(project)) == ALL
    assert "model==1.0" in (project / "requirements.txt").read_text()
    text = (project / "Dockerfile").read_text()
    assert "FROM python:3.11-slim-bookworm\n" in text
    assert "-r requirements.txt\n" in text
    assert yaml.safe_load((project / "compose.yaml").read_text())["services"]["app"]["image"] == "trainer"
    for name in ALL:
        assert f"{name} (written)" in outcome.err or name == "requirements.in"
    assert next_commands(outcome) == [
        "docker build -t trainer .",
        "docker run -dit --name trainer trainer",
        "lockml check --container trainer --level files",
    ]


def test_second_run_writes_nothing_and_says_so(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("six\n")
    first = init(project, "-i", url)
    before = files(project)
    outcome = init(project)
    assert outcome.code == 0, outcome.err
    assert files(project) == before
    assert "All files exist, nothing was written\n" in outcome.err
    assert next_commands(outcome) == next_commands(first)
    assert outcome.out == ""


def test_empty_folder_gets_an_example_and_the_commands_that_follow(project: Path, url: str) -> None:
    outcome = init(project, "-i", url, "--python", "3.11", "--platform", "linux/amd64")
    assert outcome.code == 0, outcome.err
    assert list(files(project)) == [".dockerignore", ".github/workflows/lockml.yml", "lockml.toml", "requirements.in"]
    assert "Next: write your requirements to requirements.in, then\n" in outcome.err
    compiling, docker = next_commands(outcome)
    assert compiling == f"lockml compile --python 3.11 --platform linux/amd64 --libc glibc-2.36 --index-url {url}"
    assert init(project).code == 0  # nobody wrote anything yet: the same again
    (project / "requirements.in").write_text("six\n")
    compiled = lockml(project, *shlex.split(compiling)[1:])
    assert compiled.code == 0, compiled.err
    assert next_commands(compiled) == [docker]
    written = lockml(project, *shlex.split(docker)[1:])
    assert written.code == 0, written.err
    assert next_commands(written)[0] == "docker build -t trainer ."
    assert list(files(project)) == ALL


@pytest.mark.parametrize("content", [b"numpy>=1.20,<1.26\n", "numpy==1.25.0\r\nsix==1.16.0\r\n".encode("utf-16")])
def test_requirements_txt_stays_and_is_locked_beside(project: Path, url: str, content: bytes) -> None:
    """It has ranges, or is what `pip freeze` printed, here in PowerShell."""
    (project / "requirements.txt").write_bytes(content)
    outcome = init(project, "-i", url)
    assert outcome.code == 0, outcome.err
    assert (project / "requirements.txt").read_bytes() == content
    assert (project / "requirements.in").read_text().startswith("numpy")
    assert "numpy==1.25.0" in (project / "requirements-locked.txt").read_text()
    assert "-r requirements-locked.txt\n" in (project / "Dockerfile").read_text()
    assert "requirements.txt has your requirements, so it stays" in outcome.err
    assert lockml(project, "compile", "--check").code == 0
    again = lockml(project, "compile", "-i", url)
    assert (again.code, (project / "requirements.txt").read_bytes()) == (0, content)
    assert init(project).code == 0


def test_login_in_requirements_txt_is_named_and_never_shown(project: Path, url: str) -> None:
    (project / "requirements.txt").write_text("--extra-index-url http://me:hunter2@127.0.0.1:9/simple\nsix\n")
    (project / ".dockerignore").write_text("# http://me:hunter2@127.0.0.1:9/simple\n")
    outcome = init(project, "-i", url)
    assert "contain credentials in a URL" in outcome.err
    assert "hunter2" not in outcome.out + outcome.err
    holding = {name for name, content in files(project).items() if b"hunter2" in content}
    assert holding == {"requirements.txt", "requirements.in", ".dockerignore"}


def test_requirements_file_of_another_tool_stays_and_its_pins_are_preferred(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("numpy\n")
    head = "# This file is autogenerated by pip-compile with Python 3.11\n"
    (project / "requirements.txt").write_text(f"{head}numpy==1.25.0\n")
    outcome = init(project, "-i", url)
    assert outcome.code == 0, outcome.err
    assert (project / "requirements.txt").read_text() == f"{head}numpy==1.25.0\n"
    assert "numpy==1.25.0" in (project / "requirements-locked.txt").read_text()


def test_pins_of_another_tools_lock_are_preferred(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("numpy\n")
    package = (
        '[[package]]\nname = "numpy"\nversion = "1.25.0"\nsource = { registry = "https://index.example/simple" }\n'
    )
    (project / "uv.lock").write_text(f'version = 1\nrevision = 3\nrequires-python = ">=3.9"\n\n{package}')
    outcome = init(project, "-i", url)
    assert outcome.code == 0, outcome.err
    assert "Keeping pins of uv.lock that fit\n" in outcome.err
    assert "numpy==1.25.0" in (project / "requirements.txt").read_text()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["six"]\n', ""),
        ("environment.yml", "name: x\ndependencies:\n  - pip:\n      - six\n", " environment.yml"),
    ],
)
def test_project_and_environment_are_what_is_asked_for(
    project: Path, url: str, name: str, text: str, words: str
) -> None:
    (project / name).write_text(text)
    outcome = init(project, "-i", url)
    assert outcome.code == 0, outcome.err
    assert "six==1.16.0" in (project / "requirements.txt").read_text()
    assert not (project / "requirements.in").exists()
    job = workflow(project)
    assert job["Check the lock against its inputs"] == f"lockml compile --check{words}"
    assert lockml(project, *shlex.split(f"compile --check{words}")).code == 0


def test_pyproject_of_tools_alone_does_not_hide_requirements_txt(project: Path, url: str) -> None:
    (project / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (project / "requirements.txt").write_text("six\n")
    assert init(project, "-i", url).code == 0
    assert (project / "requirements.in").read_text() == "six\n"


def test_settings_of_pyproject_are_not_hidden(project: Path, url: str) -> None:
    (project / "pyproject.toml").write_text('[tool.lockml.compile]\nlock = "pylock.gpu.toml"\n')
    (project / "requirements.txt").write_text("six\n")
    outcome = init(project, "-i", url)
    assert outcome.code == 0, outcome.err
    assert not (project / "lockml.toml").exists()
    assert "lockml.toml not needed: pyproject.toml has [tool.lockml]\n" in outcome.err
    job = workflow(project)
    assert job["Check the lock against its inputs"] == "lockml compile --check --output requirements-locked.txt"
    assert job["Check the image against the lock"].endswith(" --lock pylock.gpu.toml")
    assert lockml(project, *shlex.split(job["Check the lock against its inputs"])[1:]).code == 0


def test_dockerfile_stays_and_its_base_is_locked_for(project: Path, url: str) -> None:
    text = "ARG TAG=3.9-slim-bullseye\nFROM python:$TAG AS build\nFROM build\nRUN pip install six\n"
    (project / "Dockerfile").write_text(text)
    (project / "requirements.in").write_text("six\n")
    outcome = init(project, "-i", url)
    assert outcome.code == 0, outcome.err
    assert (project / "Dockerfile").read_text() == text
    assert "CPython 3.9 on linux/" in outcome.err
    assert "glibc-2.31" in outcome.err
    assert "kept Dockerfile: it exists; `lockml dockerfile init` shows how" in outcome.err
    assert next_commands(outcome)[:2] == ["lockml dockerfile lint", "docker build -t trainer ."]


def test_base_image_by_its_name_is_that_of_from(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("six\n")
    outcome = init(project, "-i", url, "--base-image", "python:3.12-alpine")
    assert outcome.code == 0, outcome.err
    assert "musl-1.2" in outcome.err
    assert "\nFROM python:3.12-alpine\n" in (project / "Dockerfile").read_text()


@pytest.mark.parametrize("arguments", [("--offline",), ("-i", "http://127.0.0.1:9/simple")])
def test_without_an_index_the_other_files_are_written_and_compile_is_named(
    project: Path, arguments: tuple[str, ...]
) -> None:
    (project / "requirements.in").write_text("six\n")
    outcome = init(project, "--python", "3.11", "--platform", "linux/amd64", *arguments)
    assert outcome.code == 4
    assert list(files(project)) == [".dockerignore", ".github/workflows/lockml.yml", "lockml.toml", "requirements.in"]
    index = "" if arguments == ("--offline",) else " --index-url http://127.0.0.1:9/simple"
    command = f"lockml compile --python 3.11 --platform linux/amd64 --libc glibc-2.36{index}"
    assert f"when that is fixed, run `{command}`, then `lockml init`" in outcome.err


def test_conflict_is_told_and_files_without_a_lock_are_there(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("six\nsix<1\n")
    outcome = init(project, "-i", url)
    assert outcome.code == 3
    assert "six<1" in outcome.err
    assert "pylock.toml" not in files(project)


@pytest.mark.parametrize("name", [*ALL, "requirements-locked.txt"])
def test_no_file_that_is_there_changes(project: Path, url: str, name: str) -> None:
    """Whatever stands there under a name of init's: it is used where it serves, and stays as it is."""
    (project / ".github" / "workflows").mkdir(parents=True)
    (project / "requirements.in").write_text("six\n")
    (project / name).write_text("# mine\n")
    outcome = init(project, "-i", url)
    assert (project / name).read_text() == "# mine\n"
    if name == "pylock.toml":  # what it is for cannot be known
        assert (outcome.code, list(files(project))) == (2, [name, "requirements.in"])
    else:
        assert outcome.code == 0, outcome.err
        assert f"{name} (written)" not in outcome.err


def test_two_requirements_files_of_others_leave_no_name_and_nothing_is_written(project: Path, url: str) -> None:
    for name in ("requirements.in", "requirements.txt", "requirements-locked.txt"):
        (project / name).write_text("six\n")
    before = files(project)
    outcome = init(project, "-i", url)
    assert (outcome.code, files(project)) == (2, before)
    assert "requirements-locked.txt: exists, and so does requirements.txt" in outcome.err


def test_link_that_leads_nowhere_is_not_written_through(project: Path, url: str, tmp_path: Path) -> None:
    (project / "requirements.in").write_text("six\n")
    (project / "compose.yaml").symlink_to(tmp_path / "elsewhere")
    assert init(project, "-i", url).code == 0
    assert not (tmp_path / "elsewhere").exists()


def test_quiet_says_nothing(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("six\n")
    outcome = init(project, "-q", "-i", url)
    assert outcome.code == 0
    assert "written" not in outcome.err
    assert "Next" not in outcome.err


def test_no_ci_writes_no_job(project: Path, url: str) -> None:
    (project / "requirements.in").write_text("six\n")
    assert init(project, "-i", url, "--no-ci").code == 0
    assert not (project / ".github").exists()


def workflow(folder: Path) -> dict[str, str]:
    """Return what each named step of the job runs."""
    document = yaml.safe_load((folder / ".github/workflows/lockml.yml").read_text())
    return {step["name"]: step["run"].strip() for step in document["jobs"]["lock"]["steps"] if "name" in step}


@pytest.mark.parametrize("served_first", [True, False])
def test_lock_that_is_there_gives_the_files_that_are_missing(
    project: Path, url: str, served: Served, served_first: bool
) -> None:
    (project / "base.in").write_text("six\n")
    compiled = lockml(project, "compile", "base.in", "-i", url, "--python", "3.11", "--platform", "linux/amd64")
    assert compiled.code == 0, compiled.err
    before = files(project)
    if not served_first:
        (project / "requirements.txt").unlink()
    served.requests.clear()
    outcome = init(project)
    assert outcome.code == 0, outcome.err
    assert {name: files(project)[name] for name in before} == before
    assert served.requests == []  # the lock is the answer
    assert workflow(project)["Check the lock against its inputs"] == "lockml compile --check base.in"


def test_every_setting_of_lockml_toml_is_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all comments that show a setting taken away, the file is right."""
    assert init(project).code == 0
    lines = (project / "lockml.toml").read_text().splitlines()
    shown = [line.removeprefix("# ") for line in lines if line.startswith("# [") or " = " in line]
    text = "\n".join(shown).replace('"…"', f'"{"0" * 64}"')
    assert {"compile", "check", "ignore"} == set(tomllib.loads(text))
    (project / "lockml.toml").write_text(text)
    monkeypatch.chdir(project)
    assert configured_options(compile_command, "compile")["deny"] == ["opencv-python"]
    assert configured_options(check, "check")["require_verified"] is False


def test_fleet_file_of_audit_can_be_added_as_lockml_toml_says(project: Path) -> None:
    (project / "requirements.txt").write_text("six\n")
    assert init(project, "--offline").code == 4  # no lock, and a table of its own in lockml.toml
    assert "`lockml audit init --append`" in (project / "lockml.toml").read_text()
    printed = lockml(project, "audit", "init", "--fleet", "-")
    with (project / "lockml.toml").open("a") as file:
        file.write(printed.out)
    assert {"compile", "audit"} <= set(tomllib.loads((project / "lockml.toml").read_text()))
