"""``lockml dockerfile lint`` as a user starts it."""

import json
from pathlib import Path

import pytest

from lockml.lock.formats.pylock import format_lock
from tests.cli.process import Outcome, run_lockml
from tests.docker.projects import BASE, files, project_lock

pytestmark = pytest.mark.process
CLEAN = f"FROM {BASE}\nCOPY requirements.txt ./\nRUN pip install --no-cache-dir --require-hashes -r requirements.txt\n"
HABIT = "FROM python:3.11-slim\nRUN pip install scikit-learn\n"
FIXED = (
    f"FROM {BASE}\nCOPY requirements.txt /tmp/requirements.txt\n"
    "RUN pip install --no-cache-dir --require-hashes -r /tmp/requirements.txt\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose Dockerfile has a habit."""
    for name, content in files().items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "pylock.toml").write_text(format_lock(project_lock()))
    (tmp_path / "Dockerfile").write_text(HABIT)
    return tmp_path


def lint(folder: Path, *arguments: str, stdin: str | None = None) -> Outcome:
    return run_lockml("dockerfile", "lint", *arguments, folder=folder, stdin=stdin)


def test_findings_exit_1(folder: Path) -> None:
    done = lint(folder)
    assert done.code == 1
    assert "Dockerfile:2:5: error LK101 unlocked-install: scikit-learn" in done.out
    assert done.out.endswith("1 error, 2 warnings; --fix fixes 3 of them\n")


def test_clean_file_exits_0(folder: Path) -> None:
    (folder / "Dockerfile").write_text(CLEAN)
    done = lint(folder)
    assert (done.code, done.out, done.err) == (0, "no findings\n", "")


def test_fix_writes_and_leaves_nothing(folder: Path) -> None:
    done = lint(folder, "--fix")
    assert (done.code, (folder / "Dockerfile").read_text()) == (0, FIXED)
    assert "1 file changed" in done.err


def test_diff_writes_nothing(folder: Path) -> None:
    done = lint(folder, "--diff")
    assert (done.code, (folder / "Dockerfile").read_text()) == (1, HABIT)
    assert "-RUN pip install scikit-learn\n" in done.out
    assert "+COPY requirements.txt /tmp/requirements.txt\n" in done.out


def test_standard_input_is_fixed_to_standard_output(folder: Path) -> None:
    done = lint(folder, "--fix", "--context", ".", "-", stdin=HABIT)
    assert (done.code, done.out) == (0, FIXED)
    assert (folder / "Dockerfile").read_text() == HABIT


def test_standard_input_has_no_context(folder: Path) -> None:
    done = lint(folder, "--format", "json", "-", stdin=HABIT)
    assert [(each["code"], each["fixable"]) for each in json.loads(done.out)["findings"]] == [
        ("LK401", False),
        ("LK101", False),
        ("LK202", True),
    ]


def test_bytes_that_are_no_utf8_stay(folder: Path) -> None:
    (folder / "Dockerfile").write_bytes(b"FROM scratch\n# \xff\nRUN pip install x\n")
    assert lint(folder, "--fix").code == 1
    content = b"FROM scratch\n# \xff\nRUN pip install --no-cache-dir x\n"
    assert (folder / "Dockerfile").read_bytes() == content


def test_rules_are_configured(folder: Path) -> None:
    (folder / "lockml.toml").write_text(
        '[dockerfile]\nignore = ["LK401"]\nseverity = { LK101 = "note", LK202 = "note" }\n'
    )
    done = lint(folder, "--format", "github")
    assert done.code == 0
    assert [line.partition(" ")[0] for line in done.out.splitlines()] == ["::notice", "::notice"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('ignore = ["LK999"]', "'LK999': is not a rule"),
        ('ignore = "LK101"', "is not a list of codes"),
        ('severity = { LK101 = "fatal" }', "is not a table of severities by code"),
    ],
)
def test_configuration_that_cannot_be_meant_exits_2(folder: Path, table: str, message: str) -> None:
    (folder / "lockml.toml").write_text(f"[dockerfile]\n{table}\n")
    done = lint(folder)
    assert (done.code, message in done.err) == (2, True)


def test_compose_file_is_held_to_the_audited_images(folder: Path) -> None:
    (folder / "lockml.toml").write_text('[[audit.targets]]\nname = "a"\nlock = "pylock.toml"\nimage = "team/a:1"\n')
    (folder / "Dockerfile").unlink()
    (folder / "compose.yaml").write_text("services:\n  a:\n    image: team/a:2\n")
    done = lint(folder)
    assert done.code == 1
    assert "compose.yaml:3:12: error LK701 compose-image: service 'a' runs team/a:2" in done.out


def test_several_files_are_linted_together(folder: Path) -> None:
    (folder / "b.Dockerfile").write_text("FROM scratch\n")
    done = lint(folder, "--format", "sarif", "Dockerfile", "b.Dockerfile")
    results = json.loads(done.out)["runs"][0]["results"]
    assert {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results} == {"Dockerfile"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing",), "missing: no such file"),
        (("--lock", "missing.toml", "Dockerfile"), "missing.toml: no such file"),
        (("--context", "missing", "Dockerfile"), "is not a folder"),
        (("--ignore", "LK1", "Dockerfile"), "is not a rule"),
        (("-", "-"), "can be read only once"),
    ],
)
def test_wrong_usage_exits_2(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = lint(folder, *arguments, stdin="")
    assert (done.code, message in done.err) == (2, True)


def test_folder_without_files_exits_2(tmp_path: Path) -> None:
    assert lint(tmp_path).code == 2


def test_lock_that_is_none_exits_2(folder: Path) -> None:
    (folder / "pylock.toml").write_text("nonsense")
    assert lint(folder).code == 2


def test_link_out_of_the_context_is_not_followed(folder: Path) -> None:
    (folder / "context").mkdir()
    (folder / "context" / "r.txt").symlink_to(folder / "requirements.in")
    (folder / "context" / "Dockerfile").write_text("FROM scratch\nCOPY r.txt /\nRUN pip install -r /r.txt\n")
    assert "LK102" not in lint(folder, "context/Dockerfile").out


def test_read_only_file_is_not_fixed(tmp_path: Path) -> None:
    """A file that is replaced needs no right to write it: the folder's is enough."""
    texts = dict.fromkeys(("Dockerfile", "Other"), "FROM a\nRUN pip install -r requirements.txt\n")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "Other").chmod(0o444)
    outcome = run_lockml("dockerfile", "lint", "--fix", "Dockerfile", "Other", folder=tmp_path)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Other: is read-only" in outcome.err
    assert {name: (tmp_path / name).read_text() for name in texts} == texts
