from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.lock.formats.pylock import parse_lock
from lockml.lock.model import Asked, ProvidedPackage, ProvidedPackages
from lockml.lock.queries.graph import LockGraph
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of


def graph() -> LockGraph:
    index = MemoryIndex()
    index.add("app", "1.0", ["mid", "leaf"])
    index.add("mid", "2.0", ["leaf", "app"])
    index.add("leaf", "3.0")
    index.add("tool", "4.0", ["mid"])
    return LockGraph(lock_of(index, "app<2", "tool"))


def test_chains_are_the_shortest_from_each_requirement() -> None:
    chains = [
        (chain, [each.requirement for each in asked]) for chain, asked in graph().chains(canonicalize_name("leaf"))
    ]
    assert chains == [(("app", "leaf"), ["app<2"]), (("tool", "mid", "leaf"), ["tool"])]


def test_tree_opens_each_package_once_and_ends_in_circles() -> None:
    told = [(branch.depth, branch.name, branch.shown_before) for branch in graph().tree()]
    assert told == [
        (0, "app", False),
        (1, "leaf", False),
        (1, "mid", False),
        (2, "app", True),
        (2, "leaf", False),
        (0, "tool", False),
        (1, "mid", True),
    ]


def test_tree_ends_at_its_depth_and_is_opened_again_where_it_was_cut_off() -> None:
    told = [(branch.depth, branch.name, branch.shown_before) for branch in graph().tree(depth=1)]
    assert told == [
        (0, "app", False),
        (1, "leaf", False),
        (1, "mid", False),
        (0, "tool", False),
        (1, "mid", False),
    ]
    assert [branch.depth for branch in graph().tree(depth=0)] == [0, 0]


def test_reverse_tree_tells_who_needs_a_package_and_who_asked_for_those() -> None:
    told = [
        (branch.depth, branch.name, [each.requirement for each in branch.asked], branch.shown_before)
        for branch in graph().reverse_tree([canonicalize_name("leaf")])
    ]
    assert told == [
        (0, "leaf", [], False),
        (1, "app", ["app<2"], False),
        (2, "mid", [], False),
        (3, "app", ["app<2"], True),
        (3, "tool", ["tool"], False),
        (1, "mid", [], True),
    ]


def test_reverse_tree_of_a_lock_has_every_package_on_top() -> None:
    assert [branch.name for branch in graph().reverse_tree(depth=0)] == ["app", "leaf", "mid", "tool"]


def test_lock_that_names_no_requirements_begins_with_what_nothing_needs() -> None:
    text = b"lock-version='1.0'\ncreated-by='x'\n[[packages]]\nname='a'\nversion='1'\ndependencies=[{name='b'}]\n"
    text += b"[[packages]]\nname='b'\nversion='2'\n"
    text = text.replace(b"\nversion", b"\ndirectory={path='.'}\nversion")
    assert [branch.name for branch in LockGraph(parse_lock(text, "pylock.toml")).tree()] == ["a", "b"]


def test_what_the_image_provides_is_part_of_it_where_something_asks_for_it() -> None:
    index = MemoryIndex()
    index.add("app", "1.0")
    index.add("missing", "1.0")
    packages = [
        ProvidedPackage(name=canonicalize_name(name), version=version, needs=tuple(map(canonicalize_name, needs)))
        for name, version, needs in (("torch", "2.9", ["numpy", "missing"]), ("numpy", "1.26", []), ("idle", "1", []))
    ]
    lock = replace(lock_of(index, "app", "missing"), provided=ProvidedPackages(packages=tuple(packages)))
    found = LockGraph(replace(lock, requirements=(*lock.requirements, Asked(requirement="torch", origin="more.in"))))
    chains = [chain for chain, _ in found.chains(canonicalize_name("numpy"))]
    assert chains == [("torch", "numpy")]
    assert found.version(canonicalize_name("numpy")) == "1.26 of the base image"
    assert canonicalize_name("idle") not in found
