"""What is installed although the base image has it is told with its size."""

import dataclasses

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.cli.compile.image.twice import ImageStock, libraries_twice
from lockml.lock.model import Lock
from tests.drift.subjects import make_lock


def sized(lock: Lock, size: int) -> Lock:
    """Return *lock* with wheels of that many bytes."""
    packages = [
        dataclasses.replace(package, wheels=[dataclasses.replace(each, size=size) for each in package.wheels or ()])
        for package in lock.pylock.packages
    ]
    return replace(lock, pylock=dataclasses.replace(lock.pylock, packages=packages))


@pytest.mark.parametrize(("size", "told"), [(1 << 10, []), (18 << 20, ["18 MiB"])])
def test_library_that_the_image_has_in_another_version_is_told_with_its_size(size: int, told: list[str]) -> None:
    stock = ImageStock(versions={canonicalize_name("numpy"): "1.21.0"})
    found = list(libraries_twice(sized(make_lock(), size), stock))
    assert [
        text for text in found if "numpy 1.26.4" in text and "has numpy 1.21.0" in text and told[0] in text
    ] == found
    assert len(found) == len(told)


def test_image_without_it_is_silent() -> None:
    assert list(libraries_twice(sized(make_lock(), 18 << 20), ImageStock(cuda="12.8"))) == []


def test_two_stacks_of_cuda_are_told_once_with_their_size() -> None:
    lock = sized(make_lock(), 300 << 20)
    packages = [dataclasses.replace(p, name=canonicalize_name(f"nvidia-{p.name}-cu12")) for p in lock.pylock.packages]
    both = replace(lock, pylock=dataclasses.replace(lock.pylock, packages=packages))
    (text,) = libraries_twice(both, ImageStock(cuda="12.8"))
    assert "2 locked packages install their own CUDA (600 MiB of wheels) although the base image has CUDA 12.8" in text
    assert list(libraries_twice(both, ImageStock())) == []
