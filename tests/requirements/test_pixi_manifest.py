"""The manifest of pixi: what it asks of pypi."""

import pytest

from lockml.requirements.pixi_manifest import read_pixi_manifest

FULL = b"""
[pypi-dependencies]
six = "*"
requests = { version = ">=2", extras = ["socks"] }
local = { path = "lib", editable = true }
wild = "1.*"
"a b" = "*"
[feature.test.pypi-dependencies]
pytest = ">=8"
[feature.test.target.win-64.pypi-dependencies]
colorama = "~=0.4"
"""


def test_dependencies_features_and_platforms_count() -> None:
    asked = ("six", "requests[socks]>=2", "local", "wild==1.*", "pytest>=8", "colorama~=0.4")
    assert read_pixi_manifest(FULL, "pixi.toml") == asked


def test_dependencies_of_the_project_count_where_pixi_has_a_table() -> None:
    project = b"[project]\ndependencies = ['a>1', '>']\n"
    assert read_pixi_manifest(project, "pyproject.toml") == ()
    with_pixi = project + b"[tool.pixi.pypi-dependencies]\nb = '==1'"
    assert read_pixi_manifest(with_pixi, "pyproject.toml") == ("a>1", "b==1")


@pytest.mark.parametrize("content", [b"", b"\xff", b"[", b"pypi-dependencies = 1\nfeature = [2]", b"tool = 1"])
def test_what_cannot_be_read_asks_for_nothing(content: bytes) -> None:
    assert read_pixi_manifest(content, "pixi.toml") == ()
    assert read_pixi_manifest(content, "pyproject.toml") == ()
