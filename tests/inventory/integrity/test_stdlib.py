"""The standard library without package lists: what the layers say of its files."""

import pytest

from lockml.inventory.file_tree import Origin
from tests.drift.checks import LIBRARY, STARTED, check, debian, found, limits, on_debian

BASE = Origin(1, "layer 1 of 3", replaces=False)
UPGRADE = Origin(2, "layer 2 of 3", replaces=True)
LATER = Origin(3, "layer 3 of 3", replaces=True)
MODULES = {f"{LIBRARY}/module{number}.py": b"\n" for number in range(30)}
LEFT = {f"{LIBRARY}/distutils/__init__.py": b"\n", f"{LIBRARY}/distutils/core.py": b"\n"}


def without_lists() -> dict[str, bytes]:
    """Return an environment on Debian's Python whose lists somebody removed, as images do that shall be small."""
    files = {path: content for path, content in debian().items() if not path.startswith("/var/lib/dpkg/")}
    return {**files, **MODULES, **LEFT}


def test_library_of_one_layer_is_a_limit() -> None:
    report = check(on_debian(without_lists(), origins={"/usr": BASE}))
    assert (report.exit_code, limits(report)["stdlib-unproven"]) == (0, len(MODULES) + len(LEFT) + 2)


def test_upgrade_that_removes_the_lists_is_a_limit() -> None:
    """What belongs to another package stays as the layer below has it."""
    origins = {"/usr": BASE, f"{LIBRARY}/": UPGRADE, f"{LIBRARY}/distutils": BASE, "/usr/bin/python3.11": UPGRADE}
    report = check(on_debian(without_lists(), origins=origins))
    assert (found(report), limits(report)["stdlib-unproven"]) == ([], len(MODULES) + len(LEFT) + 2)


@pytest.mark.parametrize("name", ["module1.py", "distutils/core.py"])
def test_file_that_is_later_than_the_library_is_drift(name: str) -> None:
    origins = {"/usr": BASE, f"{LIBRARY}/": UPGRADE, f"{LIBRARY}/distutils": BASE, f"{LIBRARY}/{name}": LATER}
    assert found(check(on_debian(without_lists(), origins=origins))) == [("modified", f"{LIBRARY}/{name}")]


def test_layer_that_replaces_a_few_files_is_no_upgrade() -> None:
    """Somebody changes a module, and os.py along with it."""
    origins = {"/usr": BASE, f"{LIBRARY}/os.py": UPGRADE, f"{LIBRARY}/module1.py": UPGRADE}
    assert check(on_debian(without_lists(), origins=origins)).exit_code == 1


def test_link_into_a_folder_that_a_small_image_leaves_out_is_a_limit() -> None:
    """Debian's sitecustomize.py is one; nothing runs by it."""
    path, target = f"{LIBRARY}/sitecustomize.py", "/etc/python3.11/sitecustomize.py"
    tree = on_debian(without_lists(), links={path: target}, origins={"/usr": BASE})
    assert found(check(tree)) == []
    there = {**without_lists(), target: b"import os\n"}
    late = on_debian(there, links={path: target}, origins={"/usr": BASE, "/etc": STARTED})
    assert found(check(late)) == [("unattributed-file", path)]
    added = on_debian(without_lists(), links={path: target}, origins={"/usr": BASE, path: STARTED})
    assert found(check(added)) == [("unattributed-file", path)]
