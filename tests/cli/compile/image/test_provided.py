"""What of an image's packages is provided, by their names and what they say of themselves."""

import pytest
from packaging.utils import canonicalize_name

from lockml.cli.compile.image.provided import read_provided, selected
from lockml.common.errors import InputError
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Subject
from lockml.resolution.candidates.dependencies import dependency_applies
from tests.drift.checks import USUAL
from tests.drift.subjects import in_order, without
from tests.made.targets import make_target
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), ()),
        (("all",), ("all",)),
        (("none",), ()),
        (("all", "none"), ()),
        (("Torch,numpy", "num_py"), ("num-py", "numpy", "torch")),
        (("torch", "all"), ("all",)),
    ],
)
def test_selection(given: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert selected(given) == found


def provided(files: dict[str, bytes], *selection: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the versions of what is provided, and the notes."""
    tree = MemoryTree(files)
    environment = take_inventory(tree, Subject(kind="image", name="base"), USUAL).environment
    found = read_provided(tree, environment.distributions, selection, "keep")
    assert {each.name for each in found.packages.packages} == set(found.provided.releases)
    return {each.name: each.version for each in found.packages.packages}, found.notes


def test_all_is_everything_but_pip() -> None:
    assert provided(in_order(), "all") == ({"model": "1.0", "numpy": "1.26.4"}, ())


def test_named_package_that_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="has no such package") as caught:
        provided(in_order(), "numpi")
    assert caught.value.hint == "did you mean numpy?"


def test_package_without_a_usable_version_is_told_and_not_provided() -> None:
    files = {**in_order(), **installed_files(make_wheel("own", "1.0"), SITE)}
    files[f"{SITE}/own-1.0.dist-info/METADATA"] = b"Metadata-Version: 2.1\nName: own\nVersion: 2024-nightly\n"
    versions, notes = provided(files, "all")
    assert "own" not in versions
    assert notes == ("own 2024-nightly of the base image is not provided: no requirement could name its version",)


def test_package_whose_requirements_cannot_be_read_is_provided_without_them() -> None:
    files = {**in_order(), **installed_files(make_wheel("own", "1.0"), SITE)}
    files[f"{SITE}/own-1.0.dist-info/METADATA"] = (
        b"Metadata-Version: 2.1\nName: own\nVersion: 1.0\nRequires-Dist: ???\n"
    )
    versions, notes = provided(files, "own")
    assert versions == {"own": "1.0"}
    assert "its dependencies do not count" in notes[0]


def test_package_of_a_package_manager_is_known_without_a_record() -> None:
    versions, _ = provided(without(in_order(), "numpy-1.26.4.dist-info/RECORD"), "all")
    assert versions == {"model": "1.0", "numpy": "1.26.4"}


def test_egg_says_in_a_file_of_its_own_what_it_needs() -> None:
    folder = f"{SITE}/own-1.0.egg-info"
    files = {
        **in_order(),
        f"{folder}/PKG-INFO": b"Metadata-Version: 2.1\nName: own\nVersion: 1.0\n\nText\n",
        f"{folder}/requires.txt": b"numpy>=1\n[:python_version < '3']\nold\n\n[gpu]\ncuda\n[x:os_name == 'nt']\nwin\n",
    }
    tree = MemoryTree(files)
    environment = take_inventory(tree, Subject(kind="image", name="base"), USUAL).environment
    (release,) = read_provided(tree, environment.distributions, ("own",), "keep").provided.releases.values()
    assert [(each.name, each.specifier) for each in release.metadata.requires_dist] == [
        ("numpy", ">=1"), ("old", ""), ("cuda", ""), ("win", ""),
    ]  # fmt: skip
    target = make_target()
    applying = {
        extra: [each.name for each in release.metadata.requires_dist if dependency_applies(each, target, extra)]
        for extra in (None, canonicalize_name("gpu"), canonicalize_name("x"))
    }
    assert applying == {None: ["numpy"], "gpu": ["cuda"], "x": []}
    assert set(release.metadata.provides_extra) == {"gpu", "x"}
