"""Versions of drivers, what CUDA they speak, and what an image asks of them."""

import pytest

from lockml.index.accelerators.drivers import architecture_of, is_data_center, parse_driver, required_cuda, spoken_cuda


@pytest.mark.parametrize(
    ("text", "cuda"),
    [
        ("550.144.03", (12, 4)),
        ("550.54.14", (12, 4)),
        ("550.54.13", (12, 3)),
        ("550", (12, 4)),  # the newest of its branch
        ("570", (12, 8)),
        ("580.65.06", (13, 0)),
        ("595.79", (13, 2)),
        ("700.10", (13, 4)),
        ("300.10", ()),
    ],
)
def test_driver_speaks_the_newest_cuda_that_came_with_one_no_newer(text: str, cuda: tuple[int, ...]) -> None:
    driver = parse_driver(text)
    assert driver is not None
    assert spoken_cuda(driver) == cuda


@pytest.mark.parametrize("text", ["", "none", "12.8", "550.54.14.1", "v550", "550.x", "55", "550;1"])
def test_what_is_no_version_of_a_driver_is_none(text: str) -> None:
    assert parse_driver(text) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["cuda>=12.8"], (12, 8)),
        (["cuda>=12.9 brand=tesla,driver>=535,driver<536 brand=unknown,driver>=550,driver<551"], (12, 9)),
        (["cuda>=12.4 cuda>=11.8"], (11, 8)),  # alternatives
        (["cuda>=12.4", "cuda>=12.6"], (12, 6)),  # both variables must hold
        (["cuda>=12.2,cuda<13.0"], (12, 2)),
        (["driver>=535"], ()),
        (["brand=tesla,driver>=418"], ()),
        (["cuda>=9.0 driver>=1"], (9, 0)),
        ([""], ()),
        (["cuda>=x"], ()),
        ([], ()),
    ],
)
def test_requirement_of_an_image_is_read_as_the_container_toolkit_does(values: list[str], expected: object) -> None:
    assert required_cuda(values) == expected


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        ("12.0", "12.0"),
        ("sm_90", "9.0"),
        ("sm_120", "12.0"),
        ("NVIDIA GeForce RTX 4070", "8.9"),
        ("NVIDIA A100-SXM4-80GB", "8.0"),
        ("NVIDIA H100 80GB HBM3", "9.0"),
        ("NVIDIA A10G", "8.6"),
        ("NVIDIA L4", "8.9"),
        ("NVIDIA RTX A6000", "8.6"),
        ("NVIDIA RTX 5000 Ada Generation", "8.9"),
        ("Quadro RTX 5000", "7.5"),
        ("NVIDIA RTX PRO 6000 Blackwell", "12.0"),
        ("RTX 5060 Ti", "12.0"),
        ("GTX 1080 Ti", "6.1"),
        ("Tesla T4", "7.5"),
        ("Radeon RX 7900", ""),
        ("NVIDIA L400", ""),
    ],
)
def test_gpu_is_known_by_capability_or_model(gpu: str, expected: str) -> None:
    assert architecture_of(gpu) == expected


def test_forward_compatibility_is_for_data_centers() -> None:
    assert is_data_center("NVIDIA A100-SXM4-80GB")
    assert not is_data_center("NVIDIA GeForce RTX 3090")
