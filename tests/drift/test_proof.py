"""What a lock proves of an environment, as far as an inventory asks."""

import pytest
from msgspec.structs import replace
from packaging.utils import NormalizedName

from lockml.drift.proof import proof_of
from lockml.inventory.model import InstalledDistribution, Inventory
from lockml.lock.model import BaseImage, Lock
from tests.drift.checks import usual_lock, with_rows
from tests.drift.subjects import in_order, inventory_of, without
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel

LAYERS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "c" * 64)
HACK = "03b38d1d8d6e9e14d4f12116683368d472a943c75ffe99986304b7b8bba0189c"


def proven(files: dict[str, bytes], lock: Lock | None = None) -> list[str]:
    """Return the dist-infos whose RECORD is known to be true."""
    inventory = inventory_of(files)
    return names_of(lock or usual_lock(), inventory)


def names_of(lock: Lock, inventory: Inventory) -> list[str]:
    return sorted(each.rpartition("/")[2] for each in proof_of(lock, "pylock.toml").proven(inventory.environment))


def test_locked_wheels_are_proven_by_their_identity() -> None:
    assert proven(in_order()) == ["model-1.0.dist-info", "numpy-1.26.4.dist-info"]


@pytest.mark.parametrize(
    "files",
    [
        with_rows(in_order(), "numpy-1.26.4", "evil.py,,"),
        {**in_order(), f"{SITE}/numpy-1.26.4.dist-info/METADATA": b"Name: numpy\nVersion: 1.26.5\n"},
        {**in_order(), f"{SITE}/numpy-1.26.4.dist-info/METADATA": b"Name: numpy\nVersion: not one\n"},
        without(in_order(), "numpy-1.26.4.dist-info/RECORD"),
        {**without(in_order(), "numpy"), **installed_files(make_wheel("numpy", "1.26.4"), SITE)},
    ],
)
def test_other_record_or_version_is_not_proven(files: dict[str, bytes]) -> None:
    assert proven(files) == ["model-1.0.dist-info"]


def test_nothing_is_proven_by_a_lock_without_identities() -> None:
    assert proven(in_order(), replace(usual_lock(), artifacts={})) == []


def test_names_and_base_layers_are_those_of_the_lock() -> None:
    lock = replace(usual_lock(), base_image=BaseImage(reference="base:1", layers=LAYERS[:1]))
    proof = proof_of(lock, "pylock.toml", key="k")
    assert (proof.key, sorted(proof.projects), proof.base_layers) == ("k", ["model", "numpy"], LAYERS[:1])
    assert sorted(proof.unprovable) == []


@pytest.mark.parametrize(
    ("base", "layers", "anchored"),
    [
        (LAYERS[:1], LAYERS, 1),
        (LAYERS[:2], LAYERS, 2),
        (LAYERS, LAYERS, 3),
        (LAYERS, LAYERS[:2], 0),
        (LAYERS[1:2], LAYERS, 0),
        ((LAYERS[0], LAYERS[2]), LAYERS, 0),
        ((), LAYERS, 0),
        (LAYERS[:1], (), 0),
    ],
)
def test_layers_are_anchored_when_the_image_begins_with_all_of_the_base_s(
    base: tuple[str, ...], layers: tuple[str, ...], anchored: int
) -> None:
    lock = replace(usual_lock(), base_image=BaseImage(reference="base:1", layers=base) if base else None)
    assert proof_of(lock, "pylock.toml").anchored(layers) == anchored


def test_project_that_is_locked_as_an_sdist_is_not_provable() -> None:
    index = MemoryIndex()
    index.add("old", "0.1", filename="old-0.1.tar.gz", metadata="Metadata-Version: 2.2\nName: old\nVersion: 0.1\n")
    proof = proof_of(lock_of(index, "old"), "pylock.toml")
    assert (sorted(proof.projects), sorted(proof.unprovable)) == (["old"], ["old"])


def tool(name: str) -> InstalledDistribution:
    return InstalledDistribution(
        name=NormalizedName(name),
        version="999",
        folder=f"{SITE}/{name}-999.dist-info",
        site_folder=SITE,
        record=(),
    )


@pytest.mark.parametrize(
    ("name", "path", "sha256", "may"),
    [
        ("pip", "pip/__init__.py", None, True),
        ("pip", "pip-999.dist-info/RECORD", None, True),
        ("pip", "evil.py", None, False),
        ("pip", "numpy/__init__.py", None, False),
        ("pip", "evil.pth", "0" * 64, False),
        ("setuptools", "pkg_resources/__init__.py", None, True),
        ("setuptools", "distutils-precedence.pth", None, False),
        ("setuptools", "distutils-precedence.pth", "0" * 64, False),
        ("setuptools", "_distutils_hack/__init__.py", None, False),
        ("setuptools", "_distutils_hack/__init__.py", HACK, True),
        ("setuptools", "_distutils_hack/__init__.py", HACK.upper(), True),
        ("setuptools", "_distutils_hack/override.py", HACK, False),
        ("wheel", "setuptools/__init__.py", None, False),
        ("debugpy", "debugpy/__init__.py", None, None),
        ("numpy", "numpy/__init__.py", None, None),
    ],
)
def test_file_of_an_unlocked_tool_is_its_own_and_known_where_python_starts_with_it(
    name: str, path: str, sha256: str | None, may: bool | None
) -> None:
    assert proof_of(usual_lock(), "pylock.toml").tool_file(tool(name), path, sha256) is may


def test_environment_is_judged_once_and_another_one_anew() -> None:
    proof = proof_of(usual_lock(), "pylock.toml")
    one, other = inventory_of(in_order()).environment, inventory_of(without(in_order(), "numpy")).environment
    assert proof.proven(one) is proof.proven(one)
    assert len(proof.proven(other)) == 1
    assert len(proof.proven(one)) == 2
