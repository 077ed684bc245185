"""For which accelerator a package is built: by its files, its local version, its name, or what the index serves."""

import pytest

from lockml.index.accelerators.builds import build_of, is_stub
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Ground, Part, Stack


def accelerator(name: str, version: str, **stack: str) -> str:
    part = Part(name=name, version=version)
    ground = Ground(cuda=stack.pop("cuda", ""))
    return build_of(part, Stack(parts=(part,), ground=ground, **stack)).accelerator  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("torch", "2.9.1+cu128", "cu128"),
        ("torch", "2.9.1+cpu", "cpu"),
        ("torch", "2.6.0+rocm6.2.4", "rocm6.2.4"),
        ("flash-attn", "2.8.1+cu12torch2.8cxx11abiFALSE", "cu12"),
        ("torch-scatter", "2.1.2+pt25cu124", "cu124"),
        ("jaxlib", "0.4.1+cuda12.cudnn89", "cu12"),
        ("jaxlib", "0.3.0+cuda111", "cu111"),
        ("vllm", "0.11.1.dev5+g1234abc.cu129", "cu129"),
        ("model", "1.0+acu12", ""),
        ("model", "1.0+cu", ""),
        ("model", "1.0+81ea7a4.nv23.12", ""),
    ],
)
def test_local_version_names_the_build(name: str, version: str, expected: str) -> None:
    assert accelerator(name, version) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("nvidia-cublas-cu12", "12.6.4.1", "cu12"),
        ("nvidia-cublas", "13.0.0.19", "cu13"),
        ("nvidia-cusparse", "12.6.2.49", "cu13"),  # its own version is no CUDA's
        ("nvidia-curand", "10.4.0.35", "cu13"),
        ("nvidia-cudnn-cu13", "9.12.0.46", "cu13"),
        ("nvidia-ml-py", "12.575.51", ""),
        ("nvidia-cudnn-frontend", "1.18.0", ""),
        ("nvidia-cutlass-dsl", "4.3.0", ""),
        ("nvidia-modelopt", "0.33.0", ""),
        ("cuda-toolkit", "13.0.2", "cu13"),
        ("cuda-bindings", "12.9.0", ""),
        ("cuda-core", "0.3.2", ""),
        ("cupy-cuda12x", "14.2.0", "cu12"),
        ("jax-cuda13-plugin", "0.10.2", "cu13"),
        ("mxnet-cu112", "1.9.1", "cu112"),
        ("nvidia-cuda-runtime-cu12", "12.6.77", "cu12"),
    ],
)
def test_name_tells_the_major_and_the_version_never(name: str, version: str, expected: str) -> None:
    assert accelerator(name, version) == expected


@pytest.mark.parametrize(
    ("version", "system", "machine", "expected"),
    [
        ("2.10.0", "linux", "x86_64", "cu128"),
        ("2.11.0", "linux", "x86_64", "cu130"),
        ("2.10.0", "linux", "aarch64", "cpu"),
        ("2.11.0", "linux", "aarch64", "cu130"),
        ("2.11.0", "macos", "arm64", "cpu"),
        ("2.11.0", "windows", "AMD64", "cpu"),
        ("2.11.0", "linux", "ppc64le", ""),
        ("2.15.0", "linux", "x86_64", ""),
        ("2.11.0.dev20260101", "linux", "x86_64", ""),
    ],
)
def test_plain_torch_is_what_the_index_serves_there(version: str, system: str, machine: str, expected: str) -> None:
    assert accelerator("torch", version, system=system, machine=machine) == expected


def test_torch_that_an_image_built_itself_is_for_the_cuda_of_the_image() -> None:
    assert accelerator("torch", "2.2.0a0+81ea7a4", cuda="12.3.2") == "cu123"
    assert accelerator("torch", "2.2.0a0+81ea7a4") == ""


def test_files_of_a_wheel_say_it_before_its_version() -> None:
    part = Part(name="torch", version="2.8.0", built="cpu")
    assert build_of(part, Stack(parts=(part,))).accelerator == "cpu"


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("nvidia-npp-cu13", "0.0.1", True),
        ("nvidia-npp-cu13", "0.0.0a0", True),
        ("nvidia-npp-cu13", "13.0.1", False),
        ("nvidia-cudnn-cu13", "9.12.0.46", False),
        ("nvidia-nccl", "0.0.1.dev5", True),
        ("nvidia-cublas-cu115", "0.0.1.dev5", True),
        ("nvidia-cublas-cu12", "12.6.4.1", False),
    ],
)
def test_stub_is_known_by_name_and_version(name: str, version: str, expected: bool) -> None:
    assert is_stub(Part(name=name, version=version)) is expected


def test_facts_agree_with_each_other() -> None:
    """Every build of torch is one that may be named, and every release has one for what the plain index serves."""
    known = {*facts().family.accelerators, "cu117", "rocm5.4", "rocm5.6", "rocm5.7", "rocm7.14"}
    for release in facts().torch.releases:
        assert release.default in release.builds, release
        assert set(release.builds) <= known, release
    assert set(facts().verdicts.refuse) >= {"driver-floor"}
