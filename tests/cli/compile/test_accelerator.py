"""`lockml compile --accelerator`: which indexes and builds it takes, what an image says, what it refuses."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.images import configuration, tar_of
from tests.made.indexes import Served
from tests.made.servers import serve
from tests.made.trees import venv_files

pytestmark = pytest.mark.loopback


def index(*pins: str) -> Served:
    """Return an index of *pins*: ``torch==2.9.1`` or ``torch==2.9.1 needs NAME``."""
    served = Served()
    for pin in pins:
        release, _, needs = pin.partition(" needs ")
        name, _, version = release.partition("==")
        served.wheel(name, version, [needs] if needs else [])
    return served


PLAIN = index(
    "torch==2.11.0 needs nvidia-cudnn-cu13",
    "torch==2.9.1 needs nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13==9.19.0.56",
    "nvidia-cudnn-cu12==9.10.2.21",
    "onnxruntime==1.28.0",
    "onnxruntime-gpu==1.28.0",
    "onnxruntime-gpu==1.26.0",
    "cupy==14.2.0",
    "cupy-cuda12x==14.2.0",
    "six==1.16.0",
)
OTHERS = {"cpu": index("torch==2.11.0+cpu"), "cu128": index("torch==2.11.0+cu128", "six==1.17.0")}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(PLAIN) as url:
        yield url


@pytest.fixture(scope="module")
def named() -> Iterator[tuple[str, ...]]:
    """Return the options that name the indexes of torch by their accelerators."""
    with serve(OTHERS["cpu"]) as cpu, serve(OTHERS["cu128"]) as cuda:
        yield ("--index", f"cpu={cpu}", "--index", f"cu128={cuda}")


def compiled(folder: Path, url: str, *options: str, asked: str = "torch\nsix\n") -> Outcome:
    (folder / "requirements.in").write_text(asked)
    target = () if "--base-image" in options else TARGET
    return run_lockml("compile", "requirements.in", "--index-url", url, *target, *options, folder=folder)


def pins(folder: Path) -> dict[str, str]:
    document = tomllib.loads((folder / "pylock.toml").read_text())
    return {package["name"]: package["version"] for package in document["packages"]}


def facts(folder: Path) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((folder / "pylock.toml").read_text())["tool"]["lockml"]
    return found


def test_index_with_the_name_of_the_accelerator_gives_torch_and_nothing_else(
    tmp_path: Path, url: str, named: tuple[str, ...]
) -> None:
    assert compiled(tmp_path, url, *named, "--accelerator", "cu128").code == 0
    assert pins(tmp_path) == {"torch": "2.11.0+cu128", "six": "1.16.0"}
    assert facts(tmp_path)["policy"] == {"accelerator": "cu128"}
    assert facts(tmp_path)["minimum-driver"] == "525.60.13"
    assert compiled(tmp_path, url, *named, "--accelerator", "cpu").code == 0
    assert pins(tmp_path) == {"torch": "2.11.0+cpu", "six": "1.16.0"}
    assert "minimum-driver" not in facts(tmp_path)


def test_plain_index_gives_the_release_that_it_serves_for_the_accelerator(tmp_path: Path, url: str) -> None:
    assert compiled(tmp_path, url, "--accelerator", "cu128", asked="torch").code == 0
    assert pins(tmp_path) == {"torch": "2.9.1", "nvidia-cudnn-cu12": "9.10.2.21"}
    assert compiled(tmp_path, url, "--accelerator", "cu130", asked="torch").code == 0
    assert pins(tmp_path)["torch"] == "2.11.0"


def test_nothing_that_is_built_for_it_is_told_with_the_index_to_name(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, "--accelerator", "cu126", asked="torch")
    assert outcome.code == 3
    assert "torch 2.11.0: it is a build for cu130, and the lock is for cu126 (--accelerator)" in outcome.err
    assert "hint: name the index with its builds: --index cu126=URL" in outcome.err


def test_names_are_those_of_the_accelerator(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, "--accelerator", "cu128", asked="cupy\nonnxruntime\n")
    assert pins(tmp_path) == {"cupy-cuda12x": "14.2.0", "onnxruntime-gpu": "1.26.0"}
    assert "requirements.in:1: cupy-cuda12x is locked in place of cupy, for cu128" in outcome.err
    assert compiled(tmp_path, url, "--check", "--accelerator", "cu128", asked="cupy\nonnxruntime\n").code == 0


def test_lock_keeps_its_accelerator_until_it_is_forgotten(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url, "--accelerator", "cu128", asked="torch")
    kept = compiled(tmp_path, url, asked="torch\nsix\n")
    assert (kept.code, pins(tmp_path)["torch"], facts(tmp_path)["policy"]) == (0, "2.9.1", {"accelerator": "cu128"})
    changed = compiled(tmp_path, url, "--accelerator", "cu130", "--check", asked="torch\nsix\n")
    assert (changed.code, "accelerator was cu128, is cu130" in changed.out) == (1, True)
    assert compiled(tmp_path, url, "--accelerator", "none", "--upgrade", asked="torch").code == 0
    assert (pins(tmp_path)["torch"], "policy" in facts(tmp_path)) == ("2.11.0", False)


def test_driver_that_cannot_run_it_is_refused(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, "--driver", "570.195.03", asked="torch")
    assert (outcome.code, (tmp_path / "pylock.toml").exists()) == (3, False)
    assert outcome.err.count("needs driver 580") == 1
    assert "hint: update the driver to 580, or lock torch 2.11.0+cu128" in outcome.err
    assert compiled(tmp_path, url, "--driver", "570.195.03", "--accelerator", "cu128", asked="torch").code == 0
    assert compiled(tmp_path, url, "--check", "--driver", "450.10", asked="torch").code == 3


@pytest.mark.parametrize("options", [("--driver", "12.8"), ("--gpu", "Voodoo"), ("--accelerator", "cuda")])
def test_what_is_none_is_refused(tmp_path: Path, url: str, options: tuple[str, str]) -> None:
    outcome = compiled(tmp_path, url, *options)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {options[0]} '{options[1]}': is n")


def image(folder: Path, *variables: str, **files: bytes) -> None:
    """Write the archive of an image with a Python, *variables* and *files*."""
    layer = tar_of({path[1:]: content for path, content in {**venv_files(), **files}.items()})
    config = configuration(layer, architecture="amd64", os="linux", config={"Env": ["PATH=/opt/venv/bin", *variables]})
    told = [{"Config": "c.json", "RepoTags": ["base:1"], "Layers": ["l.tar"]}]
    members = {"l.tar": layer, "c.json": config, "manifest.json": json.dumps(told).encode()}
    (folder / "image.tar").write_bytes(tar_of(members))


def test_accelerator_of_an_image_is_its_cuda(tmp_path: Path, url: str, named: tuple[str, ...]) -> None:
    image(tmp_path, "CUDA_VERSION=12.8.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.8")
    options = ("--base-image", "archive:image.tar", "--accelerator", "from-image")
    outcome = compiled(tmp_path, url, *named, *options)
    assert outcome.code == 0, outcome.err
    assert pins(tmp_path)["torch"] == "2.11.0+cu128"
    base = facts(tmp_path)["base-image"]
    assert isinstance(base, dict)
    assert (base["cuda"], base["requires"], base["accelerator"]) == ("12.8.1", ["cuda>=12.8"], "cu128")
    (tmp_path / "image.tar").unlink()
    assert compiled(tmp_path, url, *named, *options, "--check").code == 0


def test_image_without_an_accelerator_is_told(tmp_path: Path, url: str) -> None:
    image(tmp_path)
    outcome = compiled(tmp_path, url, "--base-image", "archive:image.tar", "--accelerator", "from-image")
    assert (outcome.code, "does not mention CUDA or ROCm" in outcome.err) == (2, True)
    assert compiled(tmp_path, url, "--accelerator", "from-image").code == 2


def test_wheels_of_another_major_than_the_image_are_told_once(tmp_path: Path, url: str) -> None:
    image(tmp_path, "CUDA_VERSION=12.8.1")
    outcome = compiled(tmp_path, url, "--base-image", "archive:image.tar", asked="torch")
    assert outcome.code == 0
    assert outcome.err.count("the image has CUDA 12.8.1, and torch 2.11.0 is built for CUDA 13") == 1


def test_cpu_images_deny_what_is_for_cuda(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, "--deny", "nvidia-*", asked="torch")
    assert (outcome.code, "nvidia-cudnn-cu13 may not be locked (--deny): " in outcome.err) == (3, True)
    assert "hint:" in outcome.err
