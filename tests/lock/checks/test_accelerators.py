"""What a lock installs is held against its base image, what that brings, and what is declared of the hosts."""

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.errors import LockError, NoResolutionError
from lockml.index.accelerators.model import NOTHING_DECLARED, Declared
from lockml.lock.checks.accelerators import refuse_misfits
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.model import BaseImage, Lock, ProvidedPackage, ProvidedPackages
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of, signed

LAYERS = ("sha256:" + "0" * 64,)


def lock(*pins: str, image: BaseImage | None = None) -> Lock:
    index = MemoryIndex()
    for pin in pins:
        name, _, version = pin.partition("==")
        index.add(name, version)
    return lock_of(index, *(pin.partition("==")[0] for pin in pins), base_image=image)


def test_what_fits_says_nothing() -> None:
    assert refuse_misfits(lock("torch==2.9.1+cu128"), Declared(driver="570"), "pylock.toml") == ()
    assert refuse_misfits(lock("numpy==1.26.4"), Declared(driver="570", gpu="8.9"), "pylock.toml") == ()


def test_base_image_of_another_major_is_a_warning() -> None:
    image = BaseImage(reference="cuda:12.8", layers=LAYERS, cuda="12.8.1")
    (text,) = refuse_misfits(lock("torch==2.9.1+cu130", image=image), NOTHING_DECLARED, "pylock.toml")
    assert text.startswith("the image has CUDA 12.8.1, and torch 2.9.1+cu130 is built for CUDA 13")


def test_wheel_for_another_torch_than_the_image_brings_is_refused() -> None:
    image = BaseImage(reference="torch:23.12", layers=LAYERS, cuda="12.3.2")
    torch = ProvidedPackage(name=canonicalize_name("torch"), version="2.2.0a0+81ea7a4")
    locked = lock("flash-attn==2.5.0+cu122torch2.2cxx11abifalse", image=image)
    with pytest.raises(NoResolutionError, match="was built for torch 2"):
        refuse_misfits(replace(locked, provided=ProvidedPackages(packages=(torch,))), NOTHING_DECLARED, "pylock.toml")
    assert refuse_misfits(locked, NOTHING_DECLARED, "pylock.toml") == ()


def test_several_that_are_refused_are_told_with_their_remedies() -> None:
    pins = ("torch==2.9.1+cu130", "nvidia-npp-cu13==0.0.1")
    with pytest.raises(NoResolutionError) as raised:
        refuse_misfits(lock(*pins), Declared(driver="570"), "pylock.toml")
    first, second = raised.value.explanation.splitlines()
    assert "needs driver 580" in first
    assert "the library of CUDA 13 is nvidia-npp" in second


def test_what_the_lock_keeps_of_an_image_is_read_again() -> None:
    image = BaseImage(
        reference="cuda:12.8", layers=LAYERS, cuda="12.8.1", requires=("cuda>=12.8",), accelerator="cu128"
    )
    made = lock("torch==2.9.1+cu128", image=image)
    again = parse_lock(format_lock(made).encode(), "pylock.toml")
    assert again.base_image == image
    assert (again.pylock.tool or {})["lockml"]["minimum-driver"] == "525.60.13"


@pytest.mark.parametrize("named", ["cuda", "cu", "gpu\\u001b[31m"])
def test_lock_for_what_is_no_accelerator_is_refused(named: str) -> None:
    text = format_lock(lock("torch==2.9.1+cu128")).replace(
        "[tool.lockml]", f'[tool.lockml.policy]\naccelerator = "{named}"\n\n[tool.lockml]', 1
    )
    with pytest.raises(LockError, match="has an unknown accelerator"):
        parse_lock(signed(text).encode(), "pylock.toml")
