"""`lockml diff` of archives, folders and locks, as a user starts it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.audit.made import OTHER, install, write_venv
from tests.cli.process import Outcome, run_lockml
from tests.made.images import configuration, saved, tar_of
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel

pytestmark = pytest.mark.process

OLD, NEW = (installed_files(make_wheel("six", version), SITE) for version in ("1.16.0", "1.17.0"))


def image(path: Path, *layers: Mapping[str, bytes]) -> None:
    """Write what `docker save` makes of an image with these *layers*."""
    packed = {
        f"{number}/layer.tar": tar_of({name.lstrip("/"): content for name, content in layer.items()})
        for number, layer in enumerate(layers)
    }
    history = [{"created_by": f"RUN step {number}"} for number in range(1, len(layers) + 1)]
    path.write_bytes(tar_of({**saved(packed), "c.json": configuration(*packed.values(), history=history)}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two images on one base, and a third of the same files in other layers."""
    image(tmp_path / "a.tar", venv_files(), OLD)
    image(tmp_path / "b.tar", venv_files(), NEW, {f"{SITE}/evil.pth": b"import os\n"})
    image(tmp_path / "flat.tar", {**venv_files(), **OLD})
    return tmp_path


def diff(folder: Path, *arguments: str) -> Outcome:
    return run_lockml("diff", *arguments, folder=folder)


def test_two_images_are_told_with_the_layers(folder: Path) -> None:
    outcome = diff(folder, "archive:a.tar", "archive:b.tar")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.strip() for line in outcome.out.splitlines()]
    assert lines[0] == "archive a.tar -> archive b.tar: 1 package, 12 files differ"
    assert "upgraded   six 1.16.0 -> 1.17.0" in lines
    assert f"added    {SITE}/evil.pth" in lines
    assert "1 of 2 layers before, and of 3 after, are the same" in lines
    assert "+ layer 3 of 3  RUN step 3" in lines


@pytest.mark.parametrize(("level", "code"), [("names", 1), ("artifacts", 1), ("files", 1)])
def test_exit_code_is_1_only_where_it_is_asked_for(folder: Path, level: str, code: int) -> None:
    assert diff(folder, "archive:a.tar", "archive:b.tar", "--level", level).code == 0
    assert diff(folder, "archive:a.tar", "archive:b.tar", "--level", level, "--exit-code").code == code
    assert diff(folder, "archive:a.tar", "archive:flat.tar", "--level", level, "--exit-code").code == 0


@pytest.mark.parametrize("more", [(), ("--no-cache",)])
def test_second_run_says_the_same_as_the_first(folder: Path, more: tuple[str, ...]) -> None:
    first, second = (diff(folder, "archive:a.tar", "archive:b.tar", "--full", *more).out for _ in range(2))
    assert first == second


def test_json_and_markdown_say_the_same(folder: Path) -> None:
    document = json.loads(diff(folder, "archive:a.tar", "archive:b.tar", "--format", "json").out)
    assert (document["schema"], document["complete"], document["different"]) == ("lockml/diff/1", True, True)
    assert [(each["kind"], each["name"]) for each in document["changes"]] == [("upgraded", "six")]
    assert document["layers"]["shared"] == 1
    assert "<details>" in diff(folder, "archive:a.tar", "archive:b.tar", "--format", "markdown").out


def test_folder_and_a_changed_copy_of_it_differ_by_their_bytes(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    shutil.copytree(prefix, tmp_path / "other", symlinks=True)
    site = Path("lib/python3.11/site-packages")
    core = tmp_path / "other" / site / "numpy" / "core.so"
    core.write_bytes(core.read_bytes()[::-1])
    outcome = diff(tmp_path, f"path:{prefix}", f"path:{tmp_path / 'other'}", "--exit-code")
    assert outcome.code == 1, outcome.err
    assert f"changed  {core} ({core.stat().st_size} bytes, changed" in outcome.out
    assert "files      numpy 1.26.4: same version, different files" in outcome.out


def test_subject_beside_a_lock_is_a_check_in_either_order(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    assert diff(tmp_path, f"path:{prefix}", "--exit-code").code == 0
    assert "no difference in any name, version or RECORD" in diff(tmp_path, f"path:{prefix}").out
    install(prefix, OTHER)
    outcome = diff(tmp_path, "pylock.toml", f"path:{prefix}", "--exit-code")
    assert outcome.code == 1
    assert outcome.out.startswith(f"lock pylock.toml -> path {prefix}: 1 package differs\n")
    assert "files      numpy 1.26.4: same version, different files" in outcome.out
    turned = diff(tmp_path, f"path:{prefix}", "pylock.toml", "--exit-code")
    assert (turned.code, turned.out.splitlines()[0]) == (
        1,
        f"path {prefix} -> lock pylock.toml: 1 package differs",
    )
    checked = run_lockml("check", "--path", str(prefix), folder=tmp_path)
    assert checked.code == 1


def test_what_cannot_be_read_is_exit_code_4(tmp_path: Path) -> None:
    prefix = write_venv(tmp_path)
    shutil.copytree(prefix, tmp_path / "other", symlinks=True)
    broken = tmp_path / "other/lib/python3.11/site-packages/numpy-1.26.4.dist-info/METADATA"
    broken.write_bytes(b"no name here\n")
    outcome = diff(tmp_path, f"path:{prefix}", f"path:{tmp_path / 'other'}", "--level", "names")
    assert outcome.code == 4
    assert "its metadata has no usable name and version" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("nothing", "archive:a.tar"), "for a container, write container:nothing"),
        (("archive:a.tar", "archive:nope.tar"), "nope.tar"),
        (("freeze:a.txt", "archive:a.tar", "--level", "files"), "a list of packages cannot prove bytes"),
        (("a.txt", "a.txt", "--level", "files"), "which are compared by name"),
    ],
)
def test_wrong_usage_is_told_with_a_remedy(folder: Path, arguments: tuple[str, ...], problem: str) -> None:
    (folder / "a.txt").write_text("six==1.16.0\n")
    outcome = diff(folder, *arguments)
    assert outcome.code == 2, outcome
    assert problem in outcome.err


def test_list_of_packages_is_compared_by_name(folder: Path) -> None:
    (folder / "a.txt").write_text("six==1.16.0\nflask==3.0\n")
    outcome = diff(folder, "freeze:a.txt", "archive:a.tar", "--exit-code")
    assert outcome.code == 1
    assert [line.split()[:3] for line in outcome.out.splitlines() if line.startswith("  removed")] == [
        ["removed", "flask", "3.0"]
    ]
    assert "Settings" not in outcome.out
