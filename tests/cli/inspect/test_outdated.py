import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.servers import serve

pytestmark = pytest.mark.loopback

TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")


@pytest.fixture
def served() -> Served:
    """numpy is held by the inputs, pandas wants a newer numpy, free is held by nobody, six is the newest."""
    served = Served()
    served.wheel("numpy", "1.0")
    served.wheel("pandas", "1.0", ["numpy", "six<2"])
    served.wheel("free", "1.0")
    served.wheel("six", "1.0")
    return served


@pytest.fixture
def url(served: Served) -> Iterator[str]:
    with serve(served) as url:
        yield url


def outdated(folder: Path, *arguments: str) -> Outcome:
    return run_lockml("outdated", *arguments, folder=folder, variables={"LOCKML_CACHE_DIR": str(folder / "fresh")})


@pytest.fixture
def folder(tmp_path: Path, url: str, served: Served) -> Path:
    """A folder with a lock, whose index has newer releases since."""
    (tmp_path / "requirements.in").write_text("pandas\nnumpy<2\nfree\n")
    assert run_lockml("compile", *TARGET, "--index-url", url, folder=tmp_path).code == 0
    served.wheel("numpy", "2.0")
    served.wheel("pandas", "2.0", ["numpy>=2"])
    served.wheel("free", "1.5")
    served.wheel("free", "2.0", yanked="bad")
    served.wheel("free", "3.0a1")
    served.wheel("free", "4.0", requires_python=">=3.12")
    served.wheel("six", "2.0")
    return tmp_path


def test_newer_releases_are_told_with_what_holds_them_back(folder: Path) -> None:
    outcome = outdated(folder)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        "package  locked  newest  held back by",
        "free     1.0     1.5     nothing known: try compile --upgrade-package",
        "numpy    1.0     2.0     numpy<2 (requirements.in)",
        "pandas   1.0     2.0     it needs numpy>=2, but 1.0 is locked",
        "six      1.0     2.0     six<2 (pandas 1.0)",
    ]


def test_base_that_keeps_a_pin_is_named(folder: Path, url: str) -> None:
    (folder / "test.in").write_text("six\n")
    names = ("--lock", "pylock.test.toml", "-o", "test.txt", "--on", "pylock.toml")
    compiled = run_lockml("compile", "test.in", *names, *TARGET, "--index-url", url, folder=folder)
    assert compiled.code == 0, compiled.err
    free = next(line for line in outdated(folder, "--lock", "pylock.test.toml").out.splitlines() if "free" in line)
    assert "perhaps pylock.toml: upgrade it there if that pins it" in free


def test_exit_code_is_1_only_where_it_is_asked_for_and_something_is_outdated(folder: Path) -> None:
    assert outdated(folder, "--exit-code").code == 1
    text = outdated(folder, "--format", "markdown").out
    assert text.startswith("### 4 locked packages have a newer release\n")
    assert "| numpy | 1.0 | 2.0 | numpy\\<2 \\(requirements.in\\) |" in text


def test_json_says_the_same(folder: Path) -> None:
    document = json.loads(outdated(folder, "--format", "json").out)
    assert document["schema"] == "lockml/outdated/1"
    assert document["outdated"][1] == {
        "name": "numpy",
        "locked": "1.0",
        "newest": "2.0",
        "target": "CPython 3.11 on linux/amd64, glibc-2.36",
        "held_by": ["numpy<2 (requirements.in)"],
    }


def test_what_the_policy_of_the_lock_hides_is_not_newer(tmp_path: Path, url: str, served: Served) -> None:
    for name in ("numpy", "pandas", "six", "free"):
        served.pages[name][0]["upload-time"] = "2020-01-01T00:00:00Z"
    (tmp_path / "requirements.in").write_text("free\n")
    policy = ("--exclude-newer", "2024-01-01")
    assert run_lockml("compile", *TARGET, *policy, "--index-url", url, folder=tmp_path).code == 0
    served.wheel("free", "2.0", upload_time="2024-06-01T00:00:00Z")
    outcome = outdated(tmp_path, "--exit-code")
    assert (outcome.code, outcome.out) == (0, "")
    assert "All locked packages (1) are at the newest release" in outcome.err


def test_lock_of_another_tool_and_no_lock_are_told(tmp_path: Path) -> None:
    assert "no such file" in outdated(tmp_path).err
    (tmp_path / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "other"\npackages = []\n')
    outcome = outdated(tmp_path, "--target", "3.11-linux/amd64-glibc-2.36")
    assert (outcome.code, "All locked packages (0) are at the newest release" in outcome.err) == (0, True)


@pytest.mark.parametrize("option", [[], ["--no-pre"]])
def test_pre_release_is_newer_where_there_is_nothing_else_unless_the_lock_refuses_it(
    tmp_path: Path, url: str, served: Served, option: list[str]
) -> None:
    """The stable release that is locked was taken off the index since."""
    (tmp_path / "requirements.in").write_text("six\n")
    assert run_lockml("compile", *TARGET, *option, "--index-url", url, folder=tmp_path).code == 0
    served.pages["six"].clear()
    served.wheel("six", "2.0b1")
    assert ("2.0b1" in outdated(tmp_path).out) == (not option)
