"""Files that tools leave in library folders without listing them."""

import hashlib

import pytest

from lockml.inventory.file_tree import Origin
from lockml.inventory.owners import well_known as known
from lockml.inventory.owners.well_known import is_well_known
from tests.drift.checks import IMAGE, LATER, STARTED, check, found
from tests.drift.subjects import in_order
from tests.made.trees import SITE, MemoryTree

SHARED = f"{SITE}/pipx_shared.pth"
METADATA = "/opt/venv/pipx_metadata.json"
SITE_OF_PIPX = b"/root/.local/share/pipx/shared/lib/python3.11/site-packages\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("_virtualenv.py", b"import os\n"),
        ("_virtualenv.pth", b"import _virtualenv"),
        ("_virtualenv.pth", b"import os"),
        ("README.txt", b"x"),
        ("evil.virtualenv", b"x"),
        ("PEX_EXTRA_SYS_PATH.pth", b"import os\n"),
        ("PEX_EXTRA_SYS_PATH.py", b"import os\n"),
        ("pipx_shared.pth", SITE_OF_PIPX),
        ("distutils-precedence.pth", b"import os\n"),
    ],
)
def test_name_alone_makes_nothing_known(name: str, content: bytes) -> None:
    assert not is_well_known(MemoryTree({f"{SITE}/{name}": content}), f"{SITE}/{name}")


def test_marker_of_virtualenv_is_known_while_it_is_empty() -> None:
    files = {**in_order(), f"{SITE}/pip-99.0.virtualenv": b""}
    assert found(check(files)) == []
    assert found(check({**files, f"{SITE}/pip-99.0.virtualenv": b"x"})) == [
        ("unattributed-file", f"{SITE}/pip-99.0.virtualenv")
    ]


def test_readme_of_python_is_known_by_its_bytes() -> None:
    assert found(check({**in_order(), f"{SITE}/README.txt": b"changed"})) == [
        ("unattributed-file", f"{SITE}/README.txt")
    ]


def test_table_has_digests_of_64_digits() -> None:
    assert all(len(each) == 64 and set(each) <= set("0123456789abcdef") for each in known._KNOWN)
    assert hashlib.sha256(b"").hexdigest() not in known._KNOWN


@pytest.mark.parametrize(
    ("content", "metadata", "origin", "right"),
    [
        (SITE_OF_PIPX, True, IMAGE, True),
        (SITE_OF_PIPX.rstrip(), True, LATER, True),
        (SITE_OF_PIPX, False, IMAGE, False),
        (SITE_OF_PIPX, True, STARTED, False),
        (b"/srv/evil\n", True, IMAGE, False),
        (SITE_OF_PIPX + b"import os\n", True, IMAGE, False),
        (b"import os\n" + SITE_OF_PIPX, True, IMAGE, False),
        (SITE_OF_PIPX + SITE_OF_PIPX, True, IMAGE, False),
        (SITE_OF_PIPX.replace(b"\n", b"\r"), True, IMAGE, False),
        (b"import os;/x/lib/python3.11/site-packages\n", True, IMAGE, False),
        (b"relative/lib/python3.11/site-packages\n", True, IMAGE, False),
    ],
)
def test_shared_folder_of_pipx_is_known_in_an_environment_of_pipx(
    content: bytes, metadata: bool, origin: Origin, right: bool
) -> None:
    files = {SHARED: content} | ({METADATA: b"{}"} if metadata else {})
    assert is_well_known(MemoryTree(files, origins={"/": IMAGE, SHARED: origin}), SHARED) is right
