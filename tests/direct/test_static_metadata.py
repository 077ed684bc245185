"""What a source tree states without a build (PEP 621, 643)."""

from collections.abc import Mapping

import pytest

from lockml.direct.static_metadata import read_static_metadata, read_static_name
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.model import CoreMetadata, DynamicMetadataError, MetadataError
from tests.made.sources import STATIC
from tests.made.wheels import metadata_text


def stated(files: Mapping[str, str]) -> CoreMetadata:
    return parse_metadata(read_static_metadata(lambda name: files[name].encode() if name in files else None))


def test_static_project_is_read() -> None:
    metadata = stated({"pyproject.toml": STATIC})
    assert (metadata.name, str(metadata.version)) == ("lib", "1.5")
    assert [str(dependency) for dependency in metadata.requires_dist] == ["six>=1.10", 'speed; extra == "fast"']
    assert metadata.provides_extra == {"fast"}


def test_markers_of_extras_are_joined() -> None:
    text = """
[project]
name = "a"
version = "1"
requires-python = ">=3.9"
[project.optional-dependencies]
X_y = ["b>1; os_name=='nt' or os_name=='posix'"]
"""
    metadata = stated({"pyproject.toml": text})
    assert [str(dependency) for dependency in metadata.requires_dist] == [
        'b>1; (os_name == "nt" or os_name == "posix") and extra == "x-y"'
    ]
    assert str(metadata.requires_python) == ">=3.9"


def test_pkg_info_that_is_final_counts() -> None:
    text = metadata_text("lib", "2.0", ["six"], metadata_version="2.2")
    assert str(stated({"PKG-INFO": text, "pyproject.toml": STATIC}).version) == "2.0"


def test_old_pkg_info_gives_way_to_pyproject() -> None:
    text = metadata_text("lib", "2.0", metadata_version="2.1")
    assert str(stated({"PKG-INFO": text, "pyproject.toml": STATIC}).version) == "1.5"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"pyproject.toml": '[project]\nname="a"\ndynamic=["version"]'}, "its version is known only after a build"),
        (
            {"pyproject.toml": '[project]\nname="a"\nversion="1"\ndynamic=["dependencies"]'},
            "its dependencies are known only after a build",
        ),
        ({"pyproject.toml": '[project]\nname="a"'}, "its version is known only after a build"),
        ({"setup.py": ""}, "its name, version and dependencies are known only after a build"),
        ({"pyproject.toml": "[build-system]"}, "its name, version and dependencies are known only after a build"),
    ],
)
def test_what_only_a_build_can_tell_is_not_guessed(files: Mapping[str, str], reason: str) -> None:
    with pytest.raises(DynamicMetadataError, match=reason):
        stated(files)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "it is not a Python project"),
        ({"pyproject.toml": "["}, "is not TOML"),
        ({"pyproject.toml": '[project]\nname="a"\nversion="1"\ndependencies=["b>>1"]'}, "is not a requirement"),
        ({"pyproject.toml": '[project]\nname="a"\nversion="one"'}, "cannot be read"),
    ],
)
def test_tree_is_refused_when_it_is_no_project(files: Mapping[str, str], reason: str) -> None:
    with pytest.raises(MetadataError, match=reason):
        stated(files)


def test_name_is_known_before_a_build_where_it_is_stated() -> None:
    assert read_static_name({"pyproject.toml": b'[project]\nname="A_b"\ndynamic=["version"]'}.get) == "a-b"
    assert read_static_name({"setup.py": b""}.get) is None
