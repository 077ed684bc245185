"""What an accelerator chooses: releases, indexes, extras, names; and which accelerator an image is for."""

import pytest

from lockml.index.accelerators.choice import (
    accelerator_of,
    accelerator_of_index,
    extra_for,
    is_accelerator,
    name_for,
    of_family,
    unfit_build,
)
from lockml.index.accelerators.model import Ground, Part


@pytest.mark.parametrize(
    ("name", "version", "accelerator"),
    [
        ("torch", "2.10.0", "cu128"),  # what the plain index serves
        ("torch", "2.11.0+cu128", "cu128"),
        ("torch", "2.15.0", "cu128"),  # not known
        ("vllm", "0.22.0+cu129", "cu128"),  # the same major
        ("onnxruntime-gpu", "1.26.0", "cu128"),
        ("nvidia-nccl-cu12", "2.27.3", "cpu"),  # xgboost brings it
        ("numpy", "2.0", "cpu"),
        ("onnxruntime", "1.28.0", "cu128"),
        ("torch", "2.9.0+rocm6.4", "rocm6.4"),
        ("torch", "2.11.0", ""),
    ],
)
def test_build_for_the_accelerator_may_be_chosen(name: str, version: str, accelerator: str) -> None:
    assert unfit_build(name, version, accelerator, "linux", "x86_64") == ""


@pytest.mark.parametrize(
    ("name", "version", "accelerator", "machine"),
    [
        ("torch", "2.11.0", "cu128", "x86_64"),
        ("torch", "2.10.0", "cu128", "aarch64"),
        ("torch", "2.10.0+cu126", "cu128", "x86_64"),
        ("torch", "2.6.0", "cpu", "x86_64"),
        ("torch", "2.9.0", "rocm6.4", "x86_64"),
        ("torchvision", "0.22.0+cpu", "cu128", "x86_64"),
        ("vllm", "0.22.0", "cu128", "x86_64"),
        ("onnxruntime-gpu", "1.28.0", "cu128", "x86_64"),
        ("cupy-cuda11x", "13.6.0", "cu128", "x86_64"),
        ("xformers", "0.0.33", "cu128", "x86_64"),
    ],
)
def test_build_for_another_accelerator_is_not_chosen(name: str, version: str, accelerator: str, machine: str) -> None:
    reason = unfit_build(name, version, accelerator, "linux", machine)
    assert f"the lock is for {accelerator}" in reason


def test_cpu_builds_are_all_that_macos_has() -> None:
    assert unfit_build("torch", "2.11.0", "cu128", "macos", "arm64") == ""


@pytest.mark.parametrize(
    ("name", "url", "expected"),
    [
        ("cu128", "https://index.example/simple", "cu128"),
        ("pytorch-cu128", "https://index.example/simple", "cu128"),
        ("torch_cpu", "https://index.example/simple", "cpu"),
        ("pytorch", "https://index.example/whl/cu126/", "cu126"),
        ("pytorch-rocm6_4", "https://index.example/simple", "rocm6.4"),
        ("vllm-cu129", "https://index.example/0.22.0/cu129", ""),
        ("corp", "https://index.example/whl/cu126/", ""),
        ("pytorch", "https://index.example/simple", ""),
    ],
)
def test_index_is_of_an_accelerator_by_its_name(name: str, url: str, expected: str) -> None:
    assert accelerator_of_index(name, url) == expected


def test_family_of_torch_has_another_triton_for_rocm() -> None:
    assert of_family("cu128") == ("torch", "torchvision", "torchaudio")
    assert "triton-rocm" in of_family("rocm6.4")


def test_extra_is_taken_unless_the_user_names_one() -> None:
    assert extra_for("jax", (), "cu128") == "cuda12"
    assert extra_for("jax", (), "cu130") == "cuda13"
    assert extra_for("jax", ("cuda13-local",), "cu130") == ""
    assert extra_for("jax", ("tpu",), "cu130") == ""
    assert extra_for("jax", (), "cpu") == ""
    assert extra_for("tensorflow", (), "cu130") == ""  # it has no CUDA 13


def test_name_is_that_of_the_accelerator() -> None:
    assert name_for("cupy", "cu118") == "cupy-cuda11x"
    assert name_for("onnxruntime", "cu130") == "onnxruntime-gpu"
    assert name_for("onnxruntime-gpu", "cpu") == "onnxruntime"
    assert name_for("onnxruntime", "cpu") == ""


@pytest.mark.parametrize(
    ("ground", "expected"),
    [
        (Ground(cuda="12.8.1"), "cu128"),
        (Ground(cuda="12.5.0"), "cu124"),  # the newest with builds that is no newer
        (Ground(cuda="13.3.0"), "cu132"),
        (Ground(cuda="11.7.1"), "cu118"),
        (Ground(cuda="14.0"), ""),
        (Ground(requires=("cuda>=12.6",)), "cu126"),
        (Ground(rocm="6.4.0-47"), "rocm6.4"),
        (Ground(), ""),
    ],
)
def test_accelerator_of_an_image_is_that_of_its_toolkit(ground: Ground, expected: str) -> None:
    assert accelerator_of(ground, ()) == expected


def test_torch_of_an_image_says_its_accelerator_first() -> None:
    parts = (Part(name="torch", version="2.8.0+cu126"),)
    assert accelerator_of(Ground(cuda="12.8.1"), parts) == "cu126"
    assert accelerator_of(Ground(), (Part(name="torch", version="2.8.0", built="cpu"),)) == "cpu"


def test_accelerator_is_a_closed_list_of_forms() -> None:
    named = ["cpu", "xpu", "cu118", "cu128", "cu130", "rocm6.4", "rocm6.2.4"]
    assert all(map(is_accelerator, named))
    assert not any(map(is_accelerator, ["", "cu", "cu12", "cu1280", "cuda12.8", "gpu", "rocm", "CPU", "cu128 "]))
