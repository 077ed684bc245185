"""Packages that were installed without a Python beside them."""

import pytest

from lockml.inventory.environment.packages import packages_at
from lockml.inventory.model import Runtime
from tests.made.trees import MemoryTree

BINARY = b"Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_x86_64\nTag: cp311-cp311-manylinux2014_x86_64\n"
STABLE = b"Tag: cp39-abi3-manylinux_2_28_aarch64\n"
PURE = b"Tag: py3-none-any\n"


def packages(files: dict[str, bytes], prefix: str, python: str = "") -> tuple[str, str | None, tuple[str, ...]] | None:
    found = packages_at(MemoryTree(files), prefix, Runtime(), python)
    return (found.python, found.machine, found.site_folders) if found is not None else None


def test_target_folder_is_for_the_python_of_its_wheels() -> None:
    """PEP 425: the tags of a wheel with compiled modules."""
    files = {"/t/six-1.dist-info/WHEEL": PURE, "/t/numpy-2.dist-info/WHEEL": BINARY}
    assert packages(files, "/t/", "3.12") == ("3.11", "x86_64", ("/t",))


def test_folder_says_its_python_before_the_wheels() -> None:
    site = "/p/lib/python3.12/site-packages"
    assert packages({f"{site}/numpy-2.dist-info/WHEEL": BINARY}, "/p") == ("3.12", "x86_64", (site,))
    assert packages({f"{site}/numpy-2.dist-info/WHEEL": BINARY}, site) == ("3.12", "x86_64", (site,))


@pytest.mark.parametrize("wheel", [PURE, STABLE, BINARY + BINARY.replace(b"311", b"312")])
def test_python_that_nothing_says_is_that_of_the_lock(wheel: bytes) -> None:
    files = {"/t/a-1.dist-info/WHEEL": wheel}
    assert [packages(files, "/t", python)[0] for python in ("3.11", "")] == ["3.11", ""]  # type: ignore[index]  # it is there


def test_folder_of_the_user_may_have_files_of_their_own() -> None:
    tree = MemoryTree({"/var/task/a-1.dist-info/METADATA": b"", "/s/site-packages/a-1.dist-info/METADATA": b""})
    own, library = (packages_at(tree, folder, Runtime()) for folder in ("/var/task", "/s/site-packages"))
    assert own is not None
    assert own.path_folders == ("/var/task",)
    assert library is not None
    assert library.path_folders == ()


def test_folder_without_packages_is_none() -> None:
    assert packages({"/t/six.py": b"", "/t/lib/x/site-packages/a-1.dist-info/METADATA": b""}, "/t") is None
