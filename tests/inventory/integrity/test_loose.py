"""What nothing owns, and what cannot be read: told as what it is, and the walk goes on."""

import pytest

from lockml.inventory.integrity.loose import LooseFiles, describe_loose
from tests.drift.checks import check, found, notes, start
from tests.drift.subjects import in_order, make_lock, without
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, metadata_text, wheel_name

DEEP = "/".join("d" * 1 for _ in range(120))
EVIL = {f"{SITE}/zzz.pth": b"import os\n"}


def test_folder_that_is_too_deep_is_one_problem_and_the_walk_goes_on() -> None:
    report = check({**in_order(), f"{SITE}/model/{DEEP}/x.py": b"", **EVIL})
    assert ("unattributed-file", f"{SITE}/zzz.pth") in found(report)
    (problem,) = report.problems
    assert problem.path.startswith(f"{SITE}/model/d/")
    assert problem.reason == "folders nested deeper than 100"


def test_folder_that_is_too_deep_makes_no_file_elsewhere_modified() -> None:
    report = check({**in_order(), f"{SITE}/aaa/{DEEP}/x.py": b""})
    assert [kind for kind, _ in found(report) if kind in ("modified", "removed-file")] == []
    assert report.exit_code != 0


@pytest.mark.parametrize("folder", [f"{SITE}/model", f"{SITE}/model/__pycache__", f"{SITE}/private"])
def test_folder_that_cannot_be_read_is_one_problem_and_the_walk_goes_on(folder: str) -> None:
    files = {**in_order(), f"{SITE}/private/x.py": b"", **EVIL}
    report = check(MemoryTree(files, locked=(folder,)))
    assert ("unattributed-file", f"{SITE}/zzz.pth") in found(report)
    assert [problem.path for problem in report.problems] == [folder]


@pytest.mark.parametrize("path", [f"{SITE}/numpy/core.so", f"{SITE}/model/__init__.py"])
def test_file_that_cannot_be_read_is_a_problem_and_the_rest_is_looked_at(path: str) -> None:
    files = {**in_order(), **EVIL, f"{SITE}/yyy.py": b""}
    report = check(MemoryTree(files, locked=(path,)))
    assert ("unattributed-file", f"{SITE}/yyy.py") in found(report)
    assert path in [problem.path for problem in report.problems]


def test_unreadable_package_of_the_working_folder_hides_nothing_else() -> None:
    files = {**in_order(), "/app/model/__init__.py": b"", f"{SITE}/dev.pth": b"/srv\n", "/srv/usercustomize.py": b""}
    report = check(MemoryTree(files, locked=("/app/model",)), start(folder="/app"))
    assert ("unattributed-file", "/srv/usercustomize.py") in found(report)
    assert [problem.path for problem in report.problems] == ["/app/model"]


def test_unreadable_folder_of_an_environment_alone_is_incomplete() -> None:
    report = check(MemoryTree(in_order(), locked=(f"{SITE}/model/__pycache__",)))
    assert (found(report), report.exit_code) == ([], 4)


@pytest.mark.parametrize("path", [f"{SITE}/numpy/core.so", f"{SITE}/model/__init__.py", "/opt/venv/bin/run"])
def test_file_that_runs_with_the_rights_of_its_owner_is_drift(path: str) -> None:
    """set-user-ID."""
    assert ("modified", path) in found(check(MemoryTree(in_order(), privileged=(path,))))


def test_program_that_runs_with_the_rights_of_its_owner_is_drift() -> None:
    path = "/opt/venv/bin/python3"
    assert ("modified", path) in found(check(MemoryTree(in_order(), privileged=(path,))))


@pytest.mark.parametrize("name", ["~umpy", "~-mpy", "~umpy-1.26.3.dist-info"])
def test_leftover_of_pip_is_a_note(name: str) -> None:
    report = check({**in_order(), f"{SITE}/{name}/INSTALLER": b"pip\n"})
    assert (found(report), "left behind by an interrupted pip" in notes(report)) == ([], True)


@pytest.mark.parametrize("name", ["~evil.pth", "~umpy.py", "~umpy.so", ".evil.pth", "~.pth"])
def test_file_with_the_name_of_a_leftover_is_drift(name: str) -> None:
    """A .pth is run whatever its name begins with; pip leaves folders."""
    report = check({**in_order(), f"{SITE}/{name}": b"import os\n"})
    assert found(report) == [("unattributed-file", f"{SITE}/{name}")]


def test_egg_info_that_a_wheel_ships_beside_its_dist_info_is_a_file_of_it() -> None:
    text = metadata_text("model", "1.0").encode()
    wheel = make_wheel("model", "1.0", files={"model.py": b"", "model.egg-info/PKG-INFO": text})
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(wheel, SITE)}
    report = check(files, lock=make_lock({wheel_name("model", "1.0"): wheel}))
    assert (found(report), report.levels[-1].matched) == ([], 1)


def test_egg_info_that_was_added_beside_a_dist_info_is_drift() -> None:
    files = {**in_order(), f"{SITE}/numpy-1.26.4.egg-info/PKG-INFO": metadata_text("numpy", "1.26.4").encode()}
    assert check(files).exit_code == 1


def test_deleted_dist_info_is_missing_and_its_files_are_unattributed() -> None:
    report = check(without(in_order(), "numpy-1.26.4.dist-info"))
    assert found(report) == [("missing", "numpy"), ("unattributed-file", f"{SITE}/numpy")]


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("evil.pth", b"import os; os.system('x')\n", "unattributed-file", "Python runs this at every start: import os"),
        ("evil.pth", b"import\tos\n", "unattributed-file", "Python runs this at every start"),
        ("evil.pth", b"/srv/x\n", "unattributed-file", "it adds folders to the import path"),
        ("evil.pth", b" import os\n", "unattributed-file", "it adds folders to the import path"),
        ("sitecustomize.py", b"", "unattributed-file", "Python runs it at every start"),
        ("usercustomize.abi3.so", b"", "unattributed-file", "Python runs it at every start"),
        ("evil.pyc", b"", "bytecode", "a compiled module without its source"),
        ("evil.py", b"", "unattributed-file", "no installed package accounts for it"),
    ],
)
def test_loose_file_is_told_as_what_python_makes_of_it(name: str, content: bytes, kind: str, said: str) -> None:
    found_kind, detail = describe_loose(MemoryTree({f"{SITE}/{name}": content}), f"{SITE}/{name}", 1)
    assert found_kind == kind
    assert said in detail


def test_loose_folder_counts_as_one_with_its_files() -> None:
    inner, outer = LooseFiles(), LooseFiles()
    inner.loose = [("/a/x", 1), ("/a/y", 2)]
    outer.add(inner, "/a")
    assert (outer.loose, outer.inner) == ([("/a", 3)], [])


def test_loose_file_beside_files_with_an_owner_is_told_itself() -> None:
    inner, outer = LooseFiles(), LooseFiles()
    inner.loose, inner.owned = [("/a/x", 1)], 2
    outer.add(inner, "/a")
    assert (outer.loose, outer.inner, outer.owned) == ([("/a/x", 1)], [("/a/x", 1)], 2)
