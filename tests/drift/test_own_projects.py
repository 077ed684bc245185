"""The project that a lock is compiled for: it may be installed, in whatever way, and hides nothing that is locked."""

from collections.abc import Mapping

import msgspec
import pytest

from lockml.lock.model import Lock
from tests.drift.checks import STARTED, check, found, limits, notes, row, start, usual_lock, with_rows
from tests.drift.subjects import MODEL, in_order
from tests.made.editable import FINDER
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, metadata_text

MYAPP = make_wheel("myapp", "0.1", files={"myapp/__init__.py": b"import numpy\n"})
OWN: Lock = msgspec.structs.replace(usual_lock(), projects=("myapp",))
EDITABLE = '{"url": "file:///app", "dir_info": {"editable": true}}'
FROM_FOLDER = '{"url": "file:///app", "dir_info": {}}'


def installed(wheel: bytes = MYAPP, direct_url: str | None = FROM_FOLDER) -> dict[str, bytes]:
    return {**in_order(), **installed_files(wheel, SITE, direct_url=direct_url)}


def editable(name: str, content: bytes, direct_url: str = EDITABLE) -> dict[str, bytes]:
    """Return an editable install that has a .pth of that content."""
    wheel = make_wheel("myapp", "0.1", files={name: content})
    source = {"/app/src/myapp/__init__.py": b"", "/app/src/numpy_tools.py": b""}
    return {**installed(wheel, direct_url), **source}


@pytest.mark.parametrize("direct_url", [None, FROM_FOLDER])
def test_own_project_is_in_order_and_counted(direct_url: str | None) -> None:
    report = check(installed(direct_url=direct_url), lock=OWN)
    assert (report.exit_code, limits(report)["application-code"]) == (0, 1)
    assert "myapp: not locked; it is the project that the lock is for" in notes(report)


def test_project_of_another_name_is_unexpected() -> None:
    report = check(installed(), lock=usual_lock(), level="names")
    assert found(report) == [("unexpected", f"{SITE}/myapp-0.1.dist-info")]
    (drift,) = report.drifts
    assert "compile from its pyproject.toml" in drift.fix


def test_project_of_an_index_is_not_taken_for_the_own_one() -> None:
    (drift,) = check(installed(direct_url=None), lock=usual_lock(), level="names").drifts
    assert "pyproject.toml" not in drift.fix


def test_editable_project_is_in_order() -> None:
    files = editable("__editable__.myapp-0.1.pth", b"/app/src\n")
    report = check(files, lock=OWN)
    assert (found(report), limits(report)["application-code"]) == ([], 2)


@pytest.mark.parametrize("content", [b"import os\n", b"/app/src\nimport os\n"])
def test_pth_of_another_form_is_drift(content: bytes) -> None:
    path = f"{SITE}/__editable__.myapp-0.1.pth"
    assert ("unattributed-file", path) in found(check(editable("__editable__.myapp-0.1.pth", content), lock=OWN))


def test_pth_of_a_project_that_is_not_editable_is_drift() -> None:
    files = editable("myapp.pth", b"/app/src\n", FROM_FOLDER)
    assert ("unattributed-file", f"{SITE}/myapp.pth") in found(check(files, lock=OWN))


def test_editable_project_that_a_rule_accepts_is_one_drift() -> None:
    report = check(editable("__editable__.myapp-0.1.pth", b"/app/src\n"))
    assert found(report) == [("unexpected", f"{SITE}/myapp-0.1.dist-info")]


EASY = b"""\
import sys; sys.__plen = len(sys.path)
/app/src
import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; p=getattr(sys,'__egginsert',0); \
sys.path[p:p]=new; sys.__egginsert = p+len(new)
"""


def developed(easy: bytes = b"/app/src\n", link: bytes = b"/app/src\n.") -> dict[str, bytes]:
    """Return what ``setup.py develop`` makes."""
    egg = {"/app/src/myapp.egg-info/PKG-INFO": metadata_text("myapp", "0.1").encode(), "/app/src/myapp.py": b""}
    return {**in_order(), **egg, f"{SITE}/easy-install.pth": easy, f"{SITE}/myapp.egg-link": link}


@pytest.mark.parametrize("easy", [b"/app/src\n", EASY])
def test_project_that_setup_py_develops_is_in_order(easy: bytes) -> None:
    assert found(check(developed(easy), lock=OWN)) == []


@pytest.mark.parametrize("easy", [b"/app/src\n/evil\n", b"/app/src\nimport os\n", EASY.replace(b"len(new)", b"evil()")])
def test_other_content_of_easy_install_is_drift(easy: bytes) -> None:
    files = {**developed(easy), "/evil/os_tools.py": b""}
    assert ("unattributed-file", f"{SITE}/easy-install.pth") in found(check(files, lock=OWN))


def test_develop_links_of_other_projects_are_drift() -> None:
    assert {("unattributed-file", f"{SITE}/{name}") for name in ("easy-install.pth", "myapp.egg-link")} <= {
        *found(check(developed()))
    }


def test_what_several_builds_left_in_the_source_folder_is_no_duplicate() -> None:
    other = {"/app/src/My_App.egg-info/PKG-INFO": metadata_text("myapp", "0.1").encode()}
    assert found(check({**developed(), **other}, lock=OWN)) == []


def test_own_code_may_be_used_from_pythonpath_too() -> None:
    files = {**installed(), "/app/myapp/__init__.py": b"import numpy\n"}
    assert found(check(files, start(PYTHONPATH="/app", folder="/app"), lock=OWN)) == []


def test_finder_of_the_own_project_may_not_be_hidden() -> None:
    """Its .pth imports whichever comes first on the path."""
    name = "__editable___my_app_0_1_finder"
    imports = f"import {name}; {name}.install()".encode()
    wheel = make_wheel("myapp", "0.1", files={"__editable__.my_app-0.1.pth": imports, f"{name}.py": FINDER})
    files = installed(wheel, EDITABLE)
    assert found(check(files, lock=OWN)) == []
    hidden = check({**files, f"/app/{name}.py": b"import os\n"}, start(PYTHONPATH="/app"), lock=OWN)
    assert ("shadowed", f"/app/{name}.py") in found(hidden)


def late(files: Mapping[str, bytes], *paths: str) -> MemoryTree:
    return MemoryTree(files, origins=dict.fromkeys(paths, STARTED))


def test_own_code_that_changed_after_the_start_is_drift() -> None:
    path = f"{SITE}/myapp/__init__.py"
    assert found(check(late(installed(), path), lock=OWN)) == [("modified", path)]


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_own_project_that_came_after_the_start_is_unexpected(level: str) -> None:
    tree = late(installed(), f"{SITE}/myapp")
    assert ("unexpected", f"{SITE}/myapp-0.1.dist-info") in found(check(tree, lock=OWN, level=level))  # type: ignore[arg-type]


def test_late_pth_of_the_own_project_is_drift() -> None:
    path = f"{SITE}/__editable__.myapp-0.1.pth"
    tree = late(editable("__editable__.myapp-0.1.pth", b"/app/src\n"), path)
    assert found(check(tree, lock=OWN)) == [("modified", path)]


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_own_project_that_lists_a_locked_file_otherwise_is_unexpected(level: str) -> None:
    files = with_rows(installed(), "myapp-0.1", row("numpy/core.so", b"machine codE"))
    files[f"{SITE}/numpy/core.so"] = b"machine codE"
    report = check(files, lock=OWN, level=level)  # type: ignore[arg-type]
    assert ("unexpected", f"{SITE}/myapp-0.1.dist-info") in found(report)


@pytest.mark.parametrize("path", ["model/evil.py", "model.py", "model.so", "evil.pth", "sitecustomize.py"])
def test_own_project_may_not_add_to_what_is_locked(path: str) -> None:
    files = {**with_rows(installed(), "myapp-0.1", row(path, b"import os\n")), f"{SITE}/{path}": b"import os\n"}
    assert ("unattributed-file", f"{SITE}/{path}") in found(check(files, lock=OWN))


@pytest.mark.parametrize("name", ["numpy", "pip"])
def test_lock_that_names_what_it_pins_as_its_own_proves_no_less(name: str) -> None:
    lock = msgspec.structs.replace(usual_lock(), projects=(name,))
    changed = make_wheel(name, "1.26.4" if name == "numpy" else "99.0", files={f"{name}/__init__.py": b"evil()\n"})
    files = {path: content for path, content in in_order().items() if f"/{name}" not in path}
    report = check({**files, **installed_files(changed, SITE), **installed_files(MODEL, SITE)}, lock=lock)
    assert report.exit_code == 1 or limits(report).get("unlocked-tools") == 1


def test_missing_package_of_another_tools_lock_is_missing_whatever_the_project_is_called() -> None:
    lock = msgspec.structs.replace(usual_lock(), projects=("model",), format="poetry.lock", targets=(), artifacts={})
    without = {path: content for path, content in in_order().items() if "/model" not in path}
    assert found(check(without, lock=lock, level="names")) == [("missing", "model")]
