"""The checker of the online tests finds what is wrong with a lock; no index is asked here."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from tests.online.checker import IndexFile, Machine, check_files, check_requirements, input_requirements

AMD64 = Machine(processor="x86_64")
ARM64 = Machine(processor="aarch64")
NOON = datetime(2024, 10, 1, 12, tzinfo=UTC)
LATER = datetime(2024, 10, 2, tzinfo=UTC)

RELEASES = {  # NAME VERSION: what it requires
    "model 2.0": ["numpy<2", "uvicorn[standard]>=0.20; extra == 'serve'", "enum34; python_version < '3.4'"],
    "numpy 1.26.4": [],
    "numpy 2.0.0": [],
    "uvicorn 0.30.0": ["h11", "uvloop; sys_platform == 'linux' and extra == 'standard'"],
    "h11 0.14.0": [],
    "uvloop 0.20.0": [],
    "cuda 12.0": [],
    "triton 3.0": ["cuda; platform_machine == 'x86_64'"],
    "redis 5.0": ["async-timeout; python_full_version < '3.11.3'"],
    "late 1.0": ["backport; python_full_version >= '3.11.4'"],
    "async-timeout 4.0": [],
    "backport 1.0": [],
}
GOOD = ("model 2.0", "numpy 1.26.4", "uvicorn 0.30.0", "h11 0.14.0", "uvloop 0.20.0")
NEEDED = {
    "model": ["numpy", "uvicorn"],
    "uvicorn": ["h11", "uvloop"],
    "redis": ["async-timeout"],
    "late": ["backport"],
}
ASKED = "model[serve]>=1  # with its server\nmodel<3\n"


def filename(release: str, tag: str = "py3-none-any") -> str:
    return f"{release.replace('-', '_').replace(' ', '-')}-{tag}.whl"


def wheel(name: str, **changes: str) -> PackageWheel:
    facts = {"url": f"https://files.invalid/{name}", "sha256": "0" * 64, **changes}
    return PackageWheel(name=name, url=facts["url"], hashes={"sha256": facts["sha256"]})


def package(release: str, needed: list[str] | None = None, *wheels: PackageWheel) -> Package:
    name, _, version = release.partition(" ")
    names = NEEDED.get(name, []) if needed is None else needed
    return Package(
        name=NormalizedName(name),
        version=Version(version),
        dependencies=[{"name": each} for each in names],
        wheels=wheels or [wheel(filename(release))],
    )


def lock(*packages: Package) -> Pylock:
    return Pylock(lock_version=Version("1.0"), created_by="a test", packages=packages)


def metadata(**python: str) -> dict[str, bytes]:
    """Return the METADATA of all releases, with Requires-Python for those projects that are named."""
    told = {}
    for release, requirements in RELEASES.items():
        name, _, version = release.partition(" ")
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
        lines += [f"Requires-Python: {python[name]}"] if name in python else []
        told[filename(release)] = "\n".join(lines).encode()
    return told


def faults(releases: tuple[str, ...], asked: str = ASKED, machine: Machine = AMD64, **python: str) -> list[str]:
    return check_requirements(lock(*map(package, releases)), input_requirements(asked), machine, metadata(**python))


def test_input_lines_are_read_without_comments() -> None:
    assert input_requirements(f"# title\n\n{ASKED}") == (Requirement("model[serve]>=1"), Requirement("model<3"))


def test_nothing_is_wrong_with_pins_that_are_all_that_is_needed() -> None:
    assert faults(GOOD) == []


def test_pin_that_a_dependency_does_not_allow_is_found() -> None:
    wrong = tuple("numpy 2.0.0" if release.startswith("numpy") else release for release in GOOD)
    assert faults(wrong) == ["model-2.0-py3-none-any.whl needs numpy<2, and numpy is pinned to 2.0.0"]


def test_pin_that_the_input_does_not_allow_is_found() -> None:
    assert faults(GOOD, "model[serve]<2") == ["the input needs model[serve]<2, and model is pinned to 2.0"]


@pytest.mark.parametrize("missing", GOOD)
def test_missing_package_is_found(missing: str) -> None:
    name = missing.partition(" ")[0]
    found = faults(tuple(release for release in GOOD if release != missing))
    assert any(fault.endswith(f", and {name} is not pinned") for fault in found)


def test_superfluous_package_is_found() -> None:
    assert faults((*GOOD, "cuda 12.0")) == ["cuda is pinned, and nothing needs it"]


def test_what_only_an_extra_needs_is_superfluous_without_the_extra() -> None:
    found = faults(GOOD, "model")
    assert "uvloop is pinned, and nothing needs it" in found
    assert "uvicorn is pinned, and nothing needs it" in found


def test_package_that_is_pinned_twice_is_found() -> None:
    assert "h11 is pinned more than once" in faults((*GOOD, "h11 0.14.0"))


def test_dependencies_that_the_lock_tells_wrongly_are_found() -> None:
    packages = [package(release, [] if release.startswith("model") else None) for release in GOOD]
    found = check_requirements(lock(*packages), input_requirements(ASKED), AMD64, metadata())
    assert found == ["model needs ['numpy', 'uvicorn'], and the lock tells []"]


def test_markers_hold_for_the_processor_of_the_machine() -> None:
    triton, cuda = package("triton 3.0", []), package("cuda 12.0")
    asked = input_requirements("triton")
    assert check_requirements(lock(triton), asked, ARM64, metadata()) == []
    assert any("cuda is not pinned" in fault for fault in check_requirements(lock(triton), asked, AMD64, metadata()))
    assert check_requirements(lock(package("triton 3.0", ["cuda"]), cuda), asked, AMD64, metadata()) == []


@pytest.mark.parametrize(("release", "needed"), [("redis 5.0", "async-timeout 4.0"), ("late 1.0", "backport 1.0")])
def test_what_some_patch_release_of_python_needs_is_needed(release: str, needed: str) -> None:
    name = release.partition(" ")[0]
    assert faults((release, needed), name) == []
    assert any("is not pinned" in fault for fault in faults((release,), name))


@pytest.mark.parametrize("bound", ["<3.11", ">=3.12", "<3.11.9", "!=3.11.4"])
def test_wheel_that_refuses_some_patch_release_of_python_is_found(bound: str) -> None:
    assert faults(("h11 0.14.0",), "h11", h11=bound) == [f"h11-0.14.0-py3-none-any.whl requires Python {bound}"]


def test_metadata_of_another_release_is_found() -> None:
    told = metadata() | {filename("h11 0.14.0"): metadata()[filename("numpy 2.0.0")]}
    found = check_requirements(lock(package("h11 0.14.0")), input_requirements("h11"), AMD64, told)
    assert found == ["h11-0.14.0-py3-none-any.whl says that it is numpy 2.0.0"]


def on_index(name: str) -> IndexFile:
    return IndexFile(filename=name, url=f"https://files.invalid/{name}", sha256="0" * 64, uploaded=NOON)


def file_faults(package: Package, *files: IndexFile, machine: Machine = AMD64) -> list[str]:
    return check_files(lock(package), machine, {package.name: files}, LATER)


H11 = package("h11 0.14.0")
H11_FILE = on_index(filename("h11 0.14.0"))


def test_nothing_is_wrong_with_files_that_are_those_of_the_index() -> None:
    others = ("h11-0.14.0-cp310-cp310-manylinux_2_17_x86_64.whl", "h11-0.13.0-py3-none-any.whl", "h11-0.14.0.tar.gz")
    assert file_faults(H11, H11_FILE, *map(on_index, others)) == []


@pytest.mark.parametrize(
    "file",
    [
        replace(H11_FILE, uploaded=LATER),
        replace(H11_FILE, yanked=True),
        replace(H11_FILE, requires_python=">=3.12"),
        replace(H11_FILE, requires_python="<3.11.5"),
        on_index("h11-0.14.1-py3-none-any.whl"),
    ],
)
def test_file_that_the_index_does_not_offer_for_that_day_is_found(file: IndexFile) -> None:
    assert file_faults(H11, file) == ["h11-0.14.0-py3-none-any.whl is locked, and the index has none that suits"]


@pytest.mark.parametrize("file", [replace(H11_FILE, sha256="1" * 64), replace(H11_FILE, url="https://files.invalid/")])
def test_file_with_another_hash_or_address_is_found(file: IndexFile) -> None:
    assert file_faults(H11, file) == ["h11-0.14.0-py3-none-any.whl has another address or hash in the index"]


def test_file_that_suits_and_is_not_locked_is_found() -> None:
    abi3 = on_index("h11-0.14.0-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    assert file_faults(H11, H11_FILE, abi3) == [f"{abi3.filename} suits, and is not locked"]


def test_package_with_an_sdist_or_without_a_wheel_is_found() -> None:
    sdist = PackageSdist(name="h11-0.14.0.tar.gz", url="https://files.invalid/", hashes={"sha256": "0" * 64})
    bare = Package(name=NormalizedName("h11"), version=Version("0.14.0"), sdist=sdist)
    assert file_faults(bare) == ["h11 is not locked as wheels only"]


@pytest.mark.parametrize(
    ("tag", "machine"),
    [
        ("cp311-cp311-manylinux_2_36_x86_64", AMD64),
        ("cp311-abi3-manylinux2014_x86_64", AMD64),
        ("cp36-abi3-manylinux1_x86_64", AMD64),
        ("py2.py3-none-any", AMD64),
        ("cp311-cp311-manylinux_2_28_aarch64", ARM64),
        ("cp39-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64", ARM64),
        ("py3-none-manylinux2014_aarch64", ARM64),
    ],
)
def test_wheel_that_runs_on_the_machine_suits(tag: str, machine: Machine) -> None:
    name = filename("h11 0.14.0", tag)
    assert file_faults(package("h11 0.14.0", [], wheel(name)), on_index(name), machine=machine) == []


@pytest.mark.parametrize(
    ("tag", "machine"),
    [
        ("cp311-cp311-manylinux_2_37_x86_64", AMD64),
        ("cp311-cp311-musllinux_1_2_x86_64", AMD64),
        ("cp311-cp311-manylinux_2_17_aarch64", AMD64),
        ("cp311-cp311-manylinux_2_17_x86_64", ARM64),
        ("cp312-cp312-manylinux_2_17_x86_64", AMD64),
        ("cp312-abi3-manylinux_2_17_x86_64", AMD64),
        ("cp311-cp311-macosx_11_0_arm64", ARM64),
        ("cp311-cp311-manylinux2010_aarch64", ARM64),
        ("py2-none-any", AMD64),
    ],
)
def test_wheel_that_does_not_run_on_the_machine_is_found(tag: str, machine: Machine) -> None:
    name = filename("h11 0.14.0", tag)
    found = file_faults(package("h11 0.14.0", [], wheel(name)), on_index(name), machine=machine)
    assert found == [f"{name} is locked, and the index has none that suits"]
