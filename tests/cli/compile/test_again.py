"""A lock that is compiled again is made as it was, unless an option says otherwise."""

import shlex
from pathlib import Path

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml

pytestmark = pytest.mark.loopback

PROJECT = """\
[project]
name = "app"
version = "1"
dependencies = ["numpy"]
[project.optional-dependencies]
gpu = ["numpy>=1.20"]
[dependency-groups]
dev = ["numpy>=1"]
"""


def again(folder: Path, *arguments: str) -> Outcome:
    return run_lockml("compile", *arguments, folder=folder)


def written(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "pylock.toml").read_bytes(), (folder / "requirements.txt").read_bytes()


def command_of(folder: Path) -> list[str]:
    line = (folder / "requirements.txt").read_text().splitlines()[2]
    return shlex.split(line.removeprefix("#"))


@pytest.fixture
def locked(tmp_path: Path, url: str) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "lockml.toml").write_text(f'[compile]\nindex-url = "{url}"\n')
    parts = ("--extra", "gpu", "--group", "dev", "--exclude-newer", "2024-03-01", "--resolution", "lowest-direct")
    assert again(tmp_path, *TARGET, *parts).code == 0
    return tmp_path


def test_plain_compile_keeps_all_that_the_lock_was_made_with(locked: Path) -> None:
    before = written(locked)
    assert b"numpy==1.25.0" in before[1]
    assert again(locked).err.endswith("pylock.toml (unchanged), requirements.txt (unchanged)\n")
    assert again(locked, "--check").code == 0
    assert again(locked, "--upgrade").code == 0
    assert written(locked) == before


def test_head_holds_the_command_that_makes_the_same_without_the_lock(locked: Path) -> None:
    before = written(locked)
    (locked / "pylock.toml").unlink()
    assert command_of(locked)[:3] == ["lockml", "compile", "pyproject.toml"]
    assert again(locked, *command_of(locked)[2:]).code == 0
    assert written(locked) == before


def test_option_replaces_its_whole_kind_and_resets_forget_it(locked: Path) -> None:
    assert again(locked, "--platform", "linux/arm64").err.startswith("Using this machine's Python 3.")
    assert "numpy==1.25.0" in (locked / "requirements.txt").read_text()
    assert (
        again(
            locked, "--upgrade", "--no-extra", "--no-group", "--exclude-newer", "none", "--resolution", "highest"
        ).code
        == 0
    )
    command = command_of(locked)
    assert command[command.index("--platform") + 1] == "linux/arm64"
    assert not {"--extra", "--group", "--exclude-newer", "--resolution"} & set(command)
    assert "numpy==1.26.0" in (locked / "requirements.txt").read_text()
    assert "Using this machine's Python 3." in again(locked, "--retarget").err


@pytest.mark.parametrize(
    ("option", "asked"),
    [(("--index-url", "{url}"), "numpy<2"), (("--pre",), "numpy<2"), (("--find-links", "."), "numpy")],
)
def test_what_would_redirect_is_asked_for_once_it_is_needed(
    tmp_path: Path, url: str, option: tuple[str, ...], asked: str
) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    given = [word.replace("{url}", url) for word in option]
    indexes = [] if "--index-url" in option else ["--index-url", url]
    assert again(tmp_path, *TARGET, *indexes, *given).code == 0
    before = written(tmp_path)
    assert again(tmp_path).err.endswith("pylock.toml (unchanged), requirements.txt (unchanged)\n"), "nothing is needed"
    (tmp_path / "requirements.in").write_text(f"six\n{asked}\n")
    assert again(tmp_path, "--check").code == 1
    refused = again(tmp_path)
    assert refused.code == 2
    assert f"was made with {shlex.join([*indexes, *given])}, which lockml never takes from a lock" in refused.err
    assert written(tmp_path) == before


def test_absolute_folder_of_wheels_is_the_same_in_the_command(tmp_path: Path, url: str) -> None:
    """The lock has it as it was named, so that another spelling would be a change."""
    (tmp_path / "requirements.in").write_text("six\n")
    (tmp_path / "wheels").mkdir()
    assert again(tmp_path, *TARGET, "--index-url", url, "--find-links", str(tmp_path / "wheels")).code == 0
    checked = run_lockml(*command_of(tmp_path)[1:], "--check", folder=tmp_path)
    assert checked.err == "pylock.toml is up to date\n", checked.out


def test_option_in_place_of_one_of_the_lock_is_taken(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    assert again(tmp_path, *TARGET, "--index-url", url, "--pre", "--allow-build", "thing").code == 0
    given = ("--index-url", url, "--no-pre", "--allow-build", ":none:")
    done = again(tmp_path, *given, "--upgrade-package", "six")
    assert done.code == 0
    assert "--pre" not in command_of(tmp_path)


def test_option_that_the_lock_keeps_nothing_of_is_told_when_it_is_dropped(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("model\n")
    (tmp_path / "lockml.toml").write_text(f'[compile]\nindex-url = "{url}"\n')
    assert again(tmp_path, *TARGET, "--exclude", "numpy", "--no-pre").code == 0
    told = again(tmp_path)
    assert "warning: the lock was made with --no-pre, --exclude numpy, which you no longer give" in told.err


def test_word_of_the_command_stays_in_its_comment_and_has_no_login(tmp_path: Path, url: str) -> None:
    (tmp_path / "a b\n-r evil.in").write_text("six\n")
    with_login = url.replace("//", "//user:secret@")
    assert again(tmp_path, "a b\n-r evil.in", *TARGET, "--index-url", with_login).code == 0
    lines = (tmp_path / "requirements.txt").read_text().splitlines()
    assert lines[2].startswith("#     lockml compile 'a b\\n-r evil.in' --python 3.11")
    assert "secret" not in "".join(lines)
    assert "secret" not in (tmp_path / "pylock.toml").read_text()


def test_one_way_of_naming_the_target_replaces_another_of_the_configuration(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    (tmp_path / "lockml.toml").write_text(f'[compile]\nindex-url = "{url}"\ntarget = ["3.12-windows/amd64"]\n')
    assert again(tmp_path, *TARGET).code == 0
    assert command_of(tmp_path)[3:] == [*TARGET, "--index-url", url]


def test_order_of_the_targets_decides_nothing(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    named = ("a=3.12-linux/amd64-glibc-2.36", "b=3.11-macos/arm64", "c=3.11-linux/arm64/v8-glibc-2.28")
    results = []
    for order in (named, named[::-1]):
        (tmp_path / "pylock.toml").unlink(missing_ok=True)
        assert again(tmp_path, "-i", url, *(word for name in order for word in ("--target", name))).code == 0
        results.append(written(tmp_path))
    assert results[0] == results[1]
