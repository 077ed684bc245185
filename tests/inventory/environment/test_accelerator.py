"""What a subject says of CUDA: variables, files of the toolkit, forward compatibility, its driver, its wheels."""

import json
import struct

import pytest

from lockml.index.accelerators.model import NO_GROUND, Ground, Part
from lockml.inventory.environment.accelerator import read_builds, read_ground, with_host
from lockml.inventory.environment.needed_libraries import needed_libraries
from lockml.inventory.file_tree import AFTER_START, Origin
from lockml.inventory.model import InstalledDistribution, Inventory, PythonEnvironment, Subject
from tests.made.trees import SITE, MemoryTree

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
MOUNTED = Origin(AFTER_START + 1, "a mount", replaces=True)


def version_json(version: str) -> bytes:
    return json.dumps({"cuda": {"name": "CUDA SDK", "version": version}}).encode()


@pytest.mark.parametrize(
    ("files", "variables", "expected"),
    [
        ({"/usr/local/cuda/version.json": version_json("13.0.1")}, {"CUDA_VERSION": "12.8.1"}, "13.0.1"),
        ({"/usr/local/cuda/version.txt": b"CUDA Version 10.1.243\n"}, {}, "10.1.243"),
        ({"/usr/local/cuda/version.json": b"{"}, {"CUDA_VERSION": "12.8.1"}, "12.8.1"),
        ({"/usr/local/cuda/version.json": b'{"cuda": {"version": "\x1b[31m"}}'}, {}, ""),
        ({"/usr/local/cuda/version.json": b'{"cuda": 1}'}, {}, ""),
        ({"/usr/local/cuda-12.6/lib64/libcudart.so": b""}, {}, "12.6"),
        ({}, {"CUDA_VERSION": "12.0"}, "12.0"),
        ({}, {"CUDA_VERSION": "11"}, ""),  # a build argument of somebody's own
        ({}, {"CUDA_VERSION": "cu128"}, ""),
        ({}, {"CUDA_VERSION": "99.1"}, ""),
        ({}, {"NV_CUDA_CUDART_VERSION": "12.0.107-1"}, "12.0.107"),
        ({}, {}, ""),
    ],
)
def test_toolkit_says_its_version_before_variables(
    files: dict[str, bytes], variables: dict[str, str], expected: str
) -> None:
    assert read_ground(MemoryTree(files), variables).cuda == expected


def test_requirements_of_an_image_count_unless_they_are_switched_off() -> None:
    asked = {"NVIDIA_REQUIRE_CUDA": "cuda>=12.8", "NVIDIA_REQUIRE_JETPACK": "x", "PATH": "/usr/bin"}
    assert read_ground(MemoryTree({}), asked).requires == ("cuda>=12.8", "x")
    assert read_ground(MemoryTree({}), {**asked, "NVIDIA_DISABLE_REQUIRE": "true"}).requires == ()


COMPAT = {"/usr/local/cuda-13.0/compat/libcuda.so.580.65.06": b"", "/usr/local/cuda-13.0/compat/libcuda.so.1": b""}


@pytest.mark.parametrize(
    ("files", "path", "first"),
    [
        (COMPAT, "", False),
        (COMPAT, "/usr/local/cuda-13.0/compat", True),
        (COMPAT, "/usr/local/nvidia/lib64:/usr/local/cuda-13.0/compat", True),  # no libcuda is mounted there
        (
            {**COMPAT, "/usr/local/nvidia/lib64/libcuda.so.1": b""},
            "/usr/local/nvidia/lib64:/usr/local/cuda-13.0/compat",
            False,
        ),
        ({**COMPAT, "/etc/ld.so.conf.d/cuda-compat.conf": b"/usr/local/cuda-13.0/compat/\n"}, "", True),
        ({**COMPAT, "/etc/ld.so.conf.d/nvidia.conf": b"/usr/local/nvidia/lib64\n"}, "", False),
    ],
)
def test_forward_compatible_library_comes_first_where_the_loader_is_told(
    files: dict[str, bytes], path: str, *, first: bool
) -> None:
    ground = read_ground(MemoryTree(files), {"LD_LIBRARY_PATH": path})
    assert (ground.compat, ground.compat_first) == ("580.65.06", first)


def test_forward_compatible_library_of_ngc_is_no_loaders_until_it_is_linked() -> None:
    files = {"/usr/local/cuda/compat/lib.real/libcuda.so.580.82.07": b"", "/usr/local/cuda/compat/lib.real/x": b""}
    path = {"LD_LIBRARY_PATH": "/usr/local/cuda/compat/lib:/usr/local/nvidia/lib"}
    ground = read_ground(MemoryTree(files), path)
    assert (ground.compat, ground.compat_first) == ("580.82.07", False)
    linked = MemoryTree(files, links={"/usr/local/cuda/compat/lib": "lib.real"})
    assert read_ground(linked, path).compat_first


def test_forward_compatible_library_without_a_version_is_that_of_its_toolkit() -> None:
    assert read_ground(MemoryTree({"/usr/local/cuda-12.9/compat/libcuda.so.1": b""}), {}).compat == "575.51.03"
    named = MemoryTree({"/usr/local/cuda/compat/libcuda.so.1": b""})
    assert read_ground(named, {"CUDA_VERSION": "13.2.1"}).compat == "595.45.04"
    assert read_ground(named, {}).compat == ""


def test_jetson_and_rocm_are_known_by_their_files() -> None:
    tegra = b"# R38 (release), REVISION: 4.0, GCID: 1, BOARD: generic\n"
    ground = read_ground(MemoryTree({"/etc/nv_tegra_release": tegra, "/opt/rocm/.info/version": b"6.4.0-47\n"}), {})
    assert (ground.tegra, ground.rocm) == ("38.4.0", "6.4.0-47")


def test_what_cannot_be_read_says_nothing() -> None:
    tree = MemoryTree(
        {"/usr/local/cuda/version.json": version_json("13.0.1")}, locked=("/usr/local/cuda/version.json",)
    )
    assert read_ground(tree, {}).cuda == ""


def inventory(name: str = "torch", **details: str) -> Inventory:
    environment = PythonEnvironment(
        prefix="/opt/venv",
        python="3.11.7",
        machine=None,
        libc=None,
        site_folders=(SITE,),
        distributions=(installed(name, "2.9.0"),),
    )
    return Inventory(subject=Subject(kind="container", name="trainer", details=details), environment=environment)


NVRM = (
    b"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.144.03  Release Build  (dvs-builder)\n"
    b"GCC version:  gcc version 12.2.0\n"
)
OLD_NVRM = b"NVRM version: NVIDIA UNIX x86_64 Kernel Module  375.74  Wed Jun 14 01:39:39 PDT 2017\n"


@pytest.mark.parametrize(("text", "driver"), [(NVRM, "550.144.03"), (OLD_NVRM, "375.74"), (b"NVRM version: x\n", "")])
def test_driver_of_a_running_subject_is_that_of_its_kernel(text: bytes, driver: str) -> None:
    tree = MemoryTree(
        {
            "/proc/driver/nvidia/version": text,
            "/proc/driver/nvidia/gpus/0000:01:00.0/information": b"Model: \t\t NVIDIA GeForce RTX 3090\nIRQ: 1\n",
        }
    )
    ground = with_host(inventory(**{"read-by": "process-root"}), tree).ground
    assert ground == Ground(driver=driver, gpus=("NVIDIA GeForce RTX 3090",))


def test_container_without_a_device_does_not_use_the_driver_of_its_host() -> None:
    files = {"/proc/driver/nvidia/version": NVRM, "/dev/null": b""}
    running = inventory(**{"read-by": "process-root"})
    assert with_host(running, MemoryTree(files)).ground == NO_GROUND
    assert with_host(running, MemoryTree({**files, "/dev/nvidiactl": b""})).ground.driver == "550.144.03"
    nothing_for_gpus = inventory("numpy", **{"read-by": "process-root"})
    assert with_host(nothing_for_gpus, MemoryTree({**files, "/dev/nvidiactl": b""})).ground == NO_GROUND


def test_image_has_no_driver_whatever_lies_in_it() -> None:
    tree = MemoryTree({"/proc/driver/nvidia/version": NVRM, f"{LIBRARIES}/libnvidia-ml.so.575.57.08": b""})
    assert with_host(inventory(), tree).ground == NO_GROUND


def test_library_that_was_mounted_tells_the_driver() -> None:
    name = f"{LIBRARIES}/libnvidia-ml.so.575.57.08"
    files = {name: b"", f"{LIBRARIES}/libnvidia-ml.so.1": b""}
    running = inventory(**{"read-by": "process-root"})
    assert with_host(running, MemoryTree(files, origins={name: MOUNTED})).ground.driver == "575.57.08"
    assert with_host(running, MemoryTree(files)).ground.driver == ""


def installed(name: str, version: str, owner: str | None = None) -> InstalledDistribution:
    folder = f"{SITE}/{name}-{version}.dist-info"
    return InstalledDistribution(
        name=name,  # type: ignore[arg-type]
        version=version,
        folder=folder,
        site_folder=SITE,
        record=(),
        owner=owner,
    )


@pytest.mark.parametrize(
    ("text", "built"),
    [
        (b"__version__ = '2.8.0+cu128'\ncuda: Optional[str] = '12.8'\nhip: Optional[str] = None\n", "cu128"),
        (b"__version__ = '2.10.0+cpu'\ncuda: Optional[str] = None\n", "cpu"),
        (b"__version__ = '2.2.0a0+81ea7a4'\ncuda: Optional[str] = '12.3'\n", "cu123"),
        (b"__version__ = '2.9.0'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.4.43482'\n", "rocm6.4"),
        (b"__version__ = '2.9.0'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n", "cpu"),
        (b"cuda = '12; x'\n__version__ = '1'\n", None),
        (b"import this\n", None),
    ],
)
def test_torch_says_its_build_in_its_version_file(text: bytes, built: str | None) -> None:
    tree = MemoryTree({f"{SITE}/torch/version.py": text})
    found = [part.built for part in read_builds(tree, [installed("torch", "2.8.0")])]
    assert found == ([] if built is None else [built])


def test_xformers_and_onnxruntime_say_what_they_are_built_for() -> None:
    told = {"version": {"cuda": 1300, "torch": "2.9.0+cu130", "python": "3.10"}}
    tree = MemoryTree(
        {
            f"{SITE}/xformers/cpp_lib.json": json.dumps(told).encode(),
            f"{SITE}/onnxruntime/capi/build_and_package_info.py": b"package_name = 'onnxruntime-gpu'\n"
            b"__version__ = '1.26.0'\ncuda_version = '12.8'\n",
        }
    )
    found = read_builds(tree, [installed("xformers", "0.0.33"), installed("onnxruntime-gpu", "1.26.0")])
    assert found == (
        Part(name="xformers", version="0.0.33", built="cu130", torch="2.9.0+cu130"),
        Part(name="onnxruntime-gpu", version="1.26.0", built="cu128"),
    )


def shared_object(*needed: str) -> bytes:
    """Return an ELF of 64 bits that has nothing but its dynamic section (ELF-64 object file format, 1998)."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    places, at = [], 1
    for name in needed:
        places.append(at)
        at += len(name) + 1
    headers, entries = 64, 64 + 2 * 56
    table = entries + 16 * (len(needed) + 2)
    dynamic = b"".join(struct.pack("<qQ", 1, place) for place in places) + struct.pack("<qQqQ", 5, table, 0, 0)
    rest = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, headers, 0, 0, 64, 56, 2, 0, 0, 0)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + rest
    size = table + len(strings)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 4096)
    part = struct.pack("<IIQQQQQQ", 2, 4, entries, entries, entries, len(dynamic), len(dynamic), 8)
    return head + load + part + dynamic + strings


def test_extension_tells_by_the_libraries_that_it_loads() -> None:
    tree = MemoryTree(
        {
            f"{SITE}/vllm/_C.abi3.so": shared_object("libtorch.so", "libcudart.so.12", "libc.so.6"),
            f"{SITE}/vllm/__init__.py": b"",
        }
    )
    (part,) = read_builds(tree, [installed("vllm", "0.18.0")])
    assert part.needs == (12,)


@pytest.mark.parametrize("cut", [4, 16, 63, 70, 120, 180, 200])
def test_broken_shared_object_loads_nothing_that_is_known(cut: int) -> None:
    whole = shared_object("libcudart.so.12")
    assert needed_libraries(whole) == ("libcudart.so.12",)
    assert set(needed_libraries(whole[:cut])) <= {"libcudart.so.12", ""}
    assert needed_libraries(b"\x7fELF\x02\x01" + b"\xff" * 200) == ()
