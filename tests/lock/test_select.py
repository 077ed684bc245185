import pytest

from lockml.common.errors import LockError
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.model import DependencyGraph, Need, Node
from lockml.lock.select import fits_environment, reachable, select_packages, selection_digest
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


@pytest.mark.parametrize(
    ("marker", "fits"),
    [("sys_platform == 'linux'", True), ("sys_platform == 'win32'", False), ("'x' in extras", False)],
)
def test_lock_of_another_tool_fits_the_environments_that_it_names(marker: str, fits: bool) -> None:
    lock = parse_lock(MARKED.replace(b"[[packages]]", f'environments = ["{marker}"]\n[[packages]]'.encode(), 1), "lock")
    assert fits_environment(lock, make_target(), "lock") is fits


def test_environment_that_asks_for_one_extra_is_an_error_of_the_lock() -> None:
    """Only the markers of packages may, and those of PEP 751 ask otherwise."""
    text = MARKED.replace(b"[[packages]]", b"environments = [\"extra == 'a'\"]\n[[packages]]", 1)
    with pytest.raises(LockError, match="has an environment marker that cannot be read"):
        fits_environment(parse_lock(text, "lock"), make_target(), "lock")


def test_lock_for_another_python_is_refused() -> None:
    index = MemoryIndex()
    index.add("a", "1.0")
    with pytest.raises(LockError, match=r"pylock\.toml: does not serve CPython 3\.12 on linux/amd64"):
        select_packages(lock_of(index, "a"), make_target("3.12"), "pylock.toml")


def digest_of(index: MemoryIndex, *lines: str) -> str:
    target = make_target()
    return selection_digest(select_packages(lock_of(index, *lines), target, "pylock.toml"), target)


def test_digest_is_of_what_may_be_installed_and_of_nothing_else() -> None:
    index = MemoryIndex()
    index.add("a", "1.0")
    index.add("b", "1.0")
    both = digest_of(index, "a", "b")
    assert digest_of(index, "b>=1", "a") == both  # who asks, and how, does not count
    assert digest_of(index, "a") != both
    index.add("b", "2.0")
    assert digest_of(index, "a", "b") != both
    assert digest_of(index, "a", "b<2") == both


def reached(*needs: Need) -> list[int]:
    """Return which of three packages a root with *needs* reaches; the first of them needs the second."""
    nodes = (Node(package=0, always=(Need(node=1),)), Node(package=1), Node(package=2), Node(always=needs))
    return reachable(DependencyGraph(nodes=nodes, roots=(3,)), make_target().environment, frozenset(), frozenset())


def test_of_several_that_will_do_the_first_is_taken() -> None:
    assert reached(Need(node=2, others=(Need(node=1),))) == [2]


def test_of_several_that_will_do_the_one_that_something_else_needs_is_taken() -> None:
    assert reached(Need(node=2, others=(Need(node=1),)), Need(node=0)) == [0, 1]


def test_of_several_that_will_do_those_whose_marker_does_not_hold_are_out() -> None:
    older = "python_version < '3'"
    assert reached(Need(node=2, marker=older, others=(Need(node=1, marker=older), Need(node=0)))) == [0, 1]
    assert reached(Need(node=2, marker=older, others=(Need(node=1, marker=older),))) == []
