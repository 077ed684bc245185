"""The search overrides and reads private names of resolvelib: each is named here, and has to be there as it was.

Another minor version of resolvelib may come with other names. Then this test fails, and pyproject.toml is to allow that
version only after `lockml.resolution.search` has been read against its `Resolution`.
"""

import ast
import inspect
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import resolvelib
from packaging.requirements import Requirement
from resolvelib.resolvers import Criterion, RequirementsConflicted, Resolution
from resolvelib.structs import RequirementInformation, State

from lockml.resolution import search

OVERRIDDEN = {
    "_attempt_to_pin_criterion": ["self", "name"],
    "_backjump": ["self", "causes"],
    "_get_preference": ["self", "name"],
    "_is_current_pin_satisfying": ["self", "name", "criterion"],
    "_remove_information_from_criteria": ["self", "criteria", "parents"],
}
CALLED = {
    "_add_to_criteria": ["self", "criteria", "requirement", "parent"],
    "_push_new_state": ["self"],
}
READ = frozenset({"_optimistic_backjumping_ratio", "_p", "_r", "_states"})


@pytest.mark.parametrize(("name", "parameters"), [*OVERRIDDEN.items(), *CALLED.items()])
def test_private_method_is_there_with_these_parameters(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(Resolution, name)).parameters) == parameters


@pytest.mark.parametrize("name", sorted(OVERRIDDEN))
def test_overridden_method_is_one_that_resolving_calls(name: str) -> None:
    """Where resolvelib no longer called it, the search would silently be resolvelib's own."""
    assert f"self.{name}" in inspect.getsource(Resolution.resolve) + inspect.getsource(Resolution._backjump)


@pytest.mark.parametrize("name", sorted(READ))
def test_private_attribute_is_there(name: str) -> None:
    assert name in vars(Resolution(None, None))  # type: ignore[arg-type]  # nothing is asked of them


def test_public_structures_are_as_the_search_makes_and_reads_them() -> None:
    assert list(inspect.signature(Criterion).parameters) == ["candidates", "information", "incompatibilities"]
    assert RequirementInformation._fields == ("requirement", "parent")
    assert State._fields == ("mapping", "criteria", "backtrack_causes")
    criterion = Criterion[Any, Any]((), [], [])
    assert RequirementsConflicted(criterion).criterion is criterion
    resolution = Resolution[Any, Any, Any](None, resolvelib.BaseReporter())  # type: ignore[arg-type]
    resolution._states = [State({}, {}, [])]
    resolution._push_new_state()
    assert resolution.state is resolution._states[1]


def test_search_uses_no_private_name_but_these() -> None:
    tree = ast.parse(inspect.getsource(search))
    (own,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "_Search"]
    methods = {node.name for node in own.body if isinstance(node, ast.FunctionDef)} - {"__init__"}
    inherited = {name for name in methods if hasattr(Resolution, name)}
    assert inherited == OVERRIDDEN.keys()
    made = {name for name, target in attributes(own) if isinstance(target.ctx, ast.Store)}
    used = {name for name, _ in attributes(own)} - methods - (made - READ)
    assert used == CALLED.keys() | READ


def attributes(node: ast.AST) -> Iterator[tuple[str, ast.Attribute]]:
    """Yield each private attribute of ``self`` and ``super()`` in *node*."""
    for used in ast.walk(node):
        if isinstance(used, ast.Attribute) and used.attr.startswith("_") and not used.attr.startswith("__"):
            whose = used.value.func if isinstance(used.value, ast.Call) else used.value
            if isinstance(whose, ast.Name) and whose.id in ("self", "super"):
                yield used.attr, used


def test_installation_is_bounded_to_minor_versions_that_were_read() -> None:
    document = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (bound,) = [one for one in map(Requirement, document["project"]["dependencies"]) if one.name == "resolvelib"]
    assert version("resolvelib") in bound.specifier
    assert not bound.specifier.contains("1.1.0")
    assert not bound.specifier.contains("1.3.0", prereleases=True)
