"""Whatever a lock of another tool says, it is a lock or one error that names it."""

import copy
import tomllib
from contextlib import suppress
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockml.common.errors import InputError
from lockml.common.target import parse_target
from lockml.common.yaml.document import parse_yaml
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice
from lockml.lock.queries.graph import LockGraph
from lockml.lock.select import select_packages, with_choice
from tests.made.foreign_locks import LOCKS, as_yaml

TARGET = parse_target("3.12-linux/amd64-glibc-2.36")
TOML = [tomllib.loads(path.read_text()) for path in sorted(LOCKS.glob("*/*/*.lock")) if path.parent.parent.name == "uv"]
YAML = [
    (path.name, parse_yaml(path.read_bytes(), path.name))
    for tool, lock in (("conda-lock", "conda-lock.yml"), ("pixi", "pixi.lock"))
    for path in sorted((LOCKS / tool).glob(f"*/{lock}"))
    if len(path.read_bytes()) < 40_000
]
LINES = [line for path in LOCKS.glob("requirements/*/*.txt") for line in path.read_text().splitlines()[:40]]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.sampled_from(["", "'" * 50, "(" * 3000, "extra == 'x'", "9" * 6000, "a" * 5000, "..", "sha256:", "http://[::1"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["name", "version", "source", "marker"]), st.integers(), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to everything within *value*."""
    keys = value.keys() if isinstance(value, dict) else range(min(len(value), 4)) if isinstance(value, list) else ()
    return [path, *(way for key in keys for way in places(value[key], (*path, key)))]


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TOML), st.data())
def test_changed_lock_is_a_lock_or_an_error(document: dict[str, Any], data: st.DataObject) -> None:
    read(tomli_w.dumps(changed(document, data)).encode("utf-8", "surrogatepass"))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(YAML), st.data())
def test_changed_yaml_is_a_lock_or_an_error(named: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    read(as_yaml(changed(named[1], data)))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=20)), max_size=8), st.sampled_from(["\n", "\r", " "])
)
def test_mixed_lines_are_a_lock_or_an_error(lines: list[str], break_: str) -> None:
    read(break_.join(lines).encode("utf-8", "surrogatepass"))


def changed(document: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """Return *document* with junk at some of its places."""
    result = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(places(result)[1:]))
        above = result
        for key in way[:-1]:
            above = above[key]
        junk = data.draw(JUNK)
        if junk is None:
            del above[way[-1]]
        else:
            above[way[-1]] = junk
    return result


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_are_a_lock_or_an_error(content: bytes) -> None:
    read(content)


def read(content: bytes) -> None:
    """Do with *content* what commands do with a lock."""
    with suppress(InputError):
        lock = parse_any_lock(content, "a.lock")
        chosen = with_choice(lock, Choice(all_extras=True, all_groups=True), "a.lock")
        list(LockGraph(chosen).tree())
        select_packages(lock, TARGET, "a.lock")
