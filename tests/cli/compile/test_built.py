"""``lockml compile`` with projects that the image builds, from the tables of a configuration to the files."""

import hashlib
import os
import tomllib
from pathlib import Path

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import make_sdist
from tests.made.wheels import make_wheel, metadata_text, wheel_name

pytestmark = pytest.mark.process

RELEASES = (("torch", "2.4.0", ()), ("torch", "2.5.0", ()), ("ninja", "1.0", ()), ("flash-attn", "99.0", ()))


def table(folder: Path, **keys: str) -> str:
    """Return the table of a project that is built of an archive in *folder*."""
    digest = hashlib.sha256((folder / "flash.tar.gz").read_bytes()).hexdigest()
    lines = {
        "name": '"flash-attn"',
        "version": '"2.6.3"',
        "source": '"./flash.tar.gz"',
        "sha256": f'"{digest}"',
        **keys,
    }
    return "\n[[built]]\n" + "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in lines.items() if value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "links").mkdir()
    for name, version, requires in RELEASES:
        (tmp_path / "links" / wheel_name(name, version)).write_bytes(make_wheel(name, version, requires))
    system = b"[build-system]\nrequires = ['ninja', 'torch']\n"
    files = {"setup.py": b"", "pyproject.toml": system}
    sdist = make_sdist("flash_attn", "2.6.3", metadata_text("flash-attn", "2.6.3"), files=files)
    (tmp_path / "flash.tar.gz").write_bytes(sdist)
    (tmp_path / "requirements.in").write_text("torch<2.5\nflash-attn>=2\n")
    (tmp_path / "lockml.toml").write_text(table(tmp_path, requires='["torch"]'))
    return tmp_path


def compiled(folder: Path, *arguments: str) -> Outcome:
    return run_lockml("compile", *TARGET, "--no-index", "--find-links", "links", *arguments, folder=folder)


def pins(folder: Path, name: str) -> list[str]:
    lines = (folder / name).read_text().splitlines()
    return [line.removesuffix(" \\") for line in lines if line[:1].isalnum() or line.startswith("./")]


@pytest.mark.parametrize("option", ["--on", "--subset-of"])
def test_lock_on_another_has_what_that_has_built(folder: Path, option: str) -> None:
    assert compiled(folder, "--lock", "base.toml", "-o", "base.txt").code == 0
    (folder / "top.in").write_text("flash-attn\n")
    named = ("top.in", "--lock", "top.toml", "-o", "top.txt", option, "base.toml")
    outcome = compiled(folder, *named)
    assert outcome.code == 0, outcome.err
    base, top = (tomllib.loads((folder / name).read_text()) for name in ("base.toml", "top.toml"))
    assert top["packages"] == base["packages"]
    assert [top["tool"]["lockml"][key] for key in ("built", "build")] == [
        base["tool"]["lockml"][key] for key in ("built", "build")
    ]
    assert pins(folder, "top-sources.txt") == ["./flash.tar.gz"]
    assert compiled(folder, *named, "--check").code == 0


def test_what_is_built_is_locked_with_its_source_and_what_its_build_needs(folder: Path) -> None:
    outcome = compiled(folder)
    assert outcome.code == 0, outcome.err
    assert pins(folder, "requirements.txt") == ["torch==2.4.0"]
    assert pins(folder, "requirements-sources.txt") == ["./flash.tar.gz"]
    assert pins(folder, "requirements-build.txt") == ["ninja==1.0", "torch==2.4.0"]
    assert "lockml record --from image:NAME flash-attn" in outcome.err
    packages = {each["name"]: each for each in tomllib.loads((folder / "pylock.toml").read_text())["packages"]}
    assert (packages["flash-attn"]["version"], packages["flash-attn"]["archive"]["path"]) == ("2.6.3", "flash.tar.gz")
    assert str(folder) not in (folder / "pylock.toml").read_text()


def test_lock_stays_up_to_date_until_a_table_or_a_file_changes(folder: Path) -> None:
    compiled(folder)
    written = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    again = {"LOCKML_CACHE_DIR": str(folder / "other")}
    checked = run_lockml("compile", "--check", *TARGET, folder=folder, variables=again)
    assert (checked.code, checked.out) == (0, ""), checked.out
    assert compiled(folder, "--upgrade").code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == written
    (folder / "requirements-build.txt").write_text("ninja\n")
    checked = run_lockml("compile", "--check", *TARGET, folder=folder)
    assert (checked.code, checked.out.splitlines()[1:]) == (1, ["  requirements-build.txt does not match the lock"])
    (folder / "lockml.toml").write_text(table(folder, requires="[]"))
    checked = run_lockml("compile", "--check", *TARGET, folder=folder)
    assert checked.out.splitlines()[1:] == ["  [[built]] says otherwise of flash-attn: requires"]


def test_result_of_an_earlier_compile_does_not_hide_a_new_table(folder: Path) -> None:
    """Nothing of the configuration is among the files that a kept result was made of."""
    (folder / "lockml.toml").unlink()
    assert compiled(folder).code == 0
    assert pins(folder, "requirements.txt") == ["flash-attn==99.0", "torch==2.4.0"]
    (folder / "lockml.toml").write_text(table(folder, requires='["torch"]'))
    assert compiled(folder, "--check").code == 1
    assert compiled(folder).code == 0
    assert pins(folder, "requirements.txt") == ["torch==2.4.0"]


def test_files_of_builds_say_so_where_nothing_is_built_any_more(folder: Path) -> None:
    compiled(folder)
    (folder / "lockml.toml").unlink()
    assert compiled(folder).code == 0
    for name in ("requirements-build.txt", "requirements-sources.txt"):
        assert (folder / name).read_text().splitlines()[1:] == ["# Nothing is built in the image."]


def test_table_that_nothing_asks_for_is_told_and_not_locked(folder: Path) -> None:
    (folder / "requirements.in").write_text("torch\n")
    outcome = compiled(folder)
    assert "flash-attn is in [[built]], but nothing requires it: it is not locked" in outcome.err
    assert not (folder / "requirements-sources.txt").exists()


def test_tables_of_pyproject_are_read_and_faults_have_their_lines(folder: Path) -> None:
    (folder / "lockml.toml").unlink()
    text = table(folder, version='"x"', commit='"main"').replace("[[built]]", "[[tool.lockml.built]]")
    (folder / "pyproject.toml").write_text(text)
    outcome = compiled(folder, "requirements.in")
    assert outcome.code == 2
    told = outcome.err.splitlines()
    assert told[0] == "error: pyproject.toml:4: [[built]]: 'x' is not a version (PEP 440)"
    assert told[1].startswith("pyproject.toml:7: [[built]]: a source like ./flash.tar.gz has no 'commit'")
    assert told[2].startswith("hint: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("built = 3\n", "error: lockml.toml: 'built' is not a list of tables"),
        ("[[built]]\nname = 'x'\n[[built]]\n", "error: lockml.toml:1: [[built]]: 'version' must be a string"),
    ],
)
def test_configuration_that_is_none_is_told(folder: Path, text: str, told: str) -> None:
    (folder / "lockml.toml").write_text(text)
    outcome = compiled(folder)
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, told)


def test_archive_is_seen_from_the_folder_of_the_lock(folder: Path) -> None:
    (folder / "locks").mkdir()
    outcome = compiled(folder, "--lock", "locks/pylock.toml", "-o", "locks/requirements.txt")
    assert outcome.code == 0, outcome.err
    assert pins(folder / "locks", "requirements-build.txt") == ["ninja==1.0", "torch==2.4.0"]
    lines = (folder / "locks" / "requirements-sources.txt").read_text().splitlines()
    assert os.path.join("..", "flash.tar.gz") in lines  # noqa: PTH118 - as pip reads it
