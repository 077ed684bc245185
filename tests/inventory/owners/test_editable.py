"""What installers write for a project that is used where it is worked on, and what only looks like it."""

from collections.abc import Mapping

import pytest

from lockml.inventory.owners.editable import is_generated
from tests.made.editable import FINDER
from tests.made.trees import SITE, MemoryTree

NAME = "__editable___my_app_0_1_finder"
IMPORTS = f"import {NAME}; {NAME}.install()".encode()
REDIRECTOR = b"""\
from editables.redirector import RedirectingFinder as F
F.install()
F.map_module('myapp', '/app/src/myapp/__init__.py')"""


def generated(name: str, content: bytes, more: Mapping[str, bytes] | None = None) -> bool:
    files = {f"{SITE}/{path}": text for path, text in {name: content, **(more or {})}.items()}
    return is_generated(MemoryTree(files), f"{SITE}/{name}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("__editable__.my_app-0.1.pth", b"/app/src\n"),  # setuptools
        ("_editable_impl_my_app.pth", b"/app/src"),  # hatchling, PDM
        ("myapp.pth", b"/app/src\n/app/lib\n"),  # flit, Poetry, uv
    ],
)
def test_folders_are_known(name: str, content: bytes) -> None:
    assert generated(name, content)


def test_finders_are_known() -> None:
    assert generated("__editable__.my_app-0.1.pth", IMPORTS, {f"{NAME}.py": FINDER})
    assert generated(
        "_editable_impl_my_app.pth", b"import _editable_impl_my_app", {"_editable_impl_my_app.py": REDIRECTOR}
    )


@pytest.mark.parametrize(
    "content",
    [
        b"import os\n",
        b"/app/src\nimport os\n",
        b"/app/src\x0cimport os\n",  # a line of its own since Python 3.13
        b"../elsewhere\n",
        b"",
        IMPORTS + b"; import evil",
        f"import {NAME}; {NAME.replace('0_1', '0_2')}.install()".encode(),
    ],
)
def test_other_content_is_not(content: bytes) -> None:
    assert not generated("__editable__.my_app-0.1.pth", content, {f"{NAME}.py": FINDER})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"import sys\n", b"import sys, evil\n"),
        (b"'/app/myapp'}", b"'/app/myapp'}; import evil"),
        (b"'/app/myapp'}", b"__import__('evil')}"),
        (b"'myapp': ", b"'sitecustomize': "),
        (b"'ns': ", b"'usercustomize': "),
        (b"\nNAMESPACES", b"\nMAPPING = {}\nNAMESPACES"),
    ],
)
def test_finder_that_was_changed_is_not_known(old: bytes, new: bytes) -> None:
    assert old in FINDER
    assert not generated("__editable__.my_app-0.1.pth", IMPORTS, {f"{NAME}.py": FINDER.replace(old, new)})


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"F.install()", b"F.install(); evil()"), (b"'myapp'", b"'sitecustomize'"), (b"/__init__.py')", b"')#")],
)
def test_redirector_that_was_changed_is_not_known(old: bytes, new: bytes) -> None:
    changed = {"_editable_impl_my_app.py": REDIRECTOR.replace(old, new)}
    assert not generated("_editable_impl_my_app.pth", b"import _editable_impl_my_app", changed)
