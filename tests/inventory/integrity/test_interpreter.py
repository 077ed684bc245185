"""The interpreter's own library, and the wheels that Debian keeps for new environments."""

import pytest

from lockml.inventory.file_tree import Origin
from tests.drift.checks import IMAGE, LATER, STARTED, check, debian, found, limits, md5sums, on_debian
from tests.drift.subjects import in_order
from tests.made.trees import ELF_X86_64, MemoryTree

WHEEL = "/usr/share/python-wheels/pip-23.0.1-py3-none-any.whl"
LIST = "/var/lib/dpkg/info/python3-pip-whl.md5sums"
SHARED = "/usr/local/lib/libpython3.11.so.1.0"


@pytest.mark.parametrize(
    ("content", "origin", "right"),
    [(b"wheel", IMAGE, True), (b"other", IMAGE, False), (b"wheel", STARTED, False), (b"other", STARTED, False)],
)
def test_wheel_that_new_environments_get_is_held_against_its_package(
    content: bytes, origin: Origin, right: bool
) -> None:
    files = {**debian(), WHEEL: content, LIST: md5sums({WHEEL: b"wheel"})}
    assert found(check(on_debian(files, origins={"/": IMAGE, WHEEL: origin}))) == (
        [] if right else [("modified", WHEEL)]
    )


def test_wheel_of_no_package_is_drift_when_it_came_after_the_start() -> None:
    files = {**in_order(), WHEEL: b"wheel"}
    assert found(check(MemoryTree(files, origins={"/": IMAGE, WHEEL: STARTED}))) == [("modified", WHEEL)]
    assert found(check(MemoryTree(files, origins={"/": IMAGE}))) == []


@pytest.mark.parametrize(
    ("shared", "library", "right"), [(IMAGE, IMAGE, True), (LATER, IMAGE, False), (LATER, LATER, True)]
)
def test_library_of_the_interpreter_that_a_layer_replaced_alone_is_drift(
    shared: Origin, library: Origin, right: bool
) -> None:
    """Python that was built in the image: no package has it."""
    files = {path: each for path, each in in_order().items() if path != "/opt/venv/pyvenv.cfg"}
    files |= {"/usr/local/lib/python3.11/os.py": b"", "/usr/local/bin/python3.11": ELF_X86_64, SHARED: ELF_X86_64}
    files["/opt/venv/pyvenv.cfg"] = b"home = /usr/local/bin\nversion = 3.11.2\n"
    links = {"/opt/venv/bin/python3": "/usr/local/bin/python3.11"}
    del files["/opt/venv/bin/python3"]
    origins = {"/": IMAGE, "/usr/local/lib/python3.11/": library, "/usr/local/bin/": library, SHARED: shared}
    report = check(MemoryTree(files, links=links, origins=origins))
    assert (("modified", SHARED) in found(report)) is not right
    assert limits(report)["native-libraries"] >= 1
