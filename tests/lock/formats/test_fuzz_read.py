"""Whatever is done to a lock of another tool, it is read as a lock or refused as one."""

import contextlib
import copy
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockml.common.errors import LockError
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice
from lockml.lock.select import select_packages, usable_files, with_choice
from tests.made.targets import make_target

LOCKS = Path(__file__).parents[3] / "fixtures" / "locks"
FIXTURES = (
    "poetry/sources/poetry.lock",
    "poetry/extras/poetry.lock",
    "poetry/classic-1.1/poetry.lock",
    "poetry/classic-1.8/poetry.lock",
    "pdm/sources/pdm.lock",
    "pdm/bare/pdm.lock",
    "pdm/targets/pdm.lock",
    "pipenv/sources/Pipfile.lock",
    "pipenv/categories/Pipfile.lock",
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.text(max_size=8),
    st.sampled_from(["extra == 'a'", "python_version in extras", "'x' in extras", "..", "1.0", "^1 ||", "*", "a\x00b"]),
    st.sampled_from([[], {}, [[]], [{}], {"a": []}, ["a"], {"version": "1"}, [["a"] * 3]]),
)


def small(document: dict[str, Any]) -> dict[str, Any]:
    """Return *document* with the first packages only, each with few files, so that a change hits something."""
    if isinstance(document.get("package"), list):
        document["package"] = document["package"][:6]
        for package in document["package"]:
            package["files"] = package.get("files", [])[:2]
    for category in document.values() if "_meta" in document else ():
        for name in [*category][6:]:
            del category[name]
    return document


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in *value*."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def change(document: Any, path: tuple[Any, ...], new: object) -> None:
    """Put *new* at *path*, delete it for None."""
    for key in path[:-1]:
        document = document[key]
    if new is None:
        del document[path[-1]]
    else:
        document[path[-1]] = copy.deepcopy(new)


def read_and_select(content: bytes, beside: bytes | None) -> None:
    lock = parse_any_lock(content, "lock", lambda _: beside)
    for choice in (Choice(), Choice(all_extras=True, all_groups=True)):
        for package in select_packages(with_choice(lock, choice, "lock"), make_target(), "lock"):
            usable_files(package, make_target())


@pytest.mark.slow
@pytest.mark.parametrize("fixture", FIXTURES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_lock_is_a_lock_or_a_lock_error(fixture: str, data: st.DataObject) -> None:
    text = (LOCKS / fixture).read_text("utf-8")
    is_json = fixture.endswith("Pipfile.lock")
    document: dict[str, Any] = small(json.loads(text) if is_json else tomllib.loads(text))
    for _ in range(data.draw(st.integers(1, 3))):
        if document:
            change(document, data.draw(st.sampled_from(list(places(document)))), data.draw(VALUES))
    content = json.dumps(document) if is_json else tomli_w.dumps(document)
    pyproject = (LOCKS / fixture).parent / "pyproject.toml"
    with contextlib.suppress(LockError):
        read_and_select(content.encode(), pyproject.read_bytes() if pyproject.exists() else None)


@pytest.mark.slow
@pytest.mark.parametrize("fixture", FIXTURES)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_lock_is_a_lock_or_a_lock_error(fixture: str, data: st.DataObject) -> None:
    content = (LOCKS / fixture).read_bytes()
    start = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 200))
    other = data.draw(st.binary(max_size=4))
    with contextlib.suppress(LockError):
        read_and_select(content[:start] + other + content[start + length :], None)
