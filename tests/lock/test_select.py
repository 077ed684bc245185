import pytest

from lockml.common.errors import LockError
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.select import select_packages
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.targets import make_target

MARKED = b"""\
lock-version = "1.0"
created-by = "other"
[[packages]]
name = "a"
version = "1.0"
marker = "sys_platform == 'linux'"
wheels = [{name = "a-1.0-py3-none-any.whl", url = "https://files.example/a", hashes = {sha256 = "x"}}]
[[packages]]
name = "w"
version = "1.0"
marker = "sys_platform == 'win32'"
wheels = [{name = "w-1.0-py3-none-any.whl", url = "https://files.example/w", hashes = {sha256 = "x"}}]
"""


def test_packages_are_those_whose_marker_holds() -> None:
    lock = parse_lock(MARKED, "pylock.toml")
    assert [package.name for package in select_packages(lock, make_target(), "pylock.toml")] == ["a"]


def test_lock_for_another_python_is_refused() -> None:
    index = MemoryIndex()
    index.add("a", "1.0")
    with pytest.raises(LockError, match=r"pylock\.toml: does not serve CPython 3\.12 on linux/amd64"):
        select_packages(lock_of(index, "a"), make_target("3.12"), "pylock.toml")
