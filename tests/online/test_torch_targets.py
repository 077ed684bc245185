"""One lock of the torch stack for two Pythons and two processors on Debian 11's glibc, tried by pip and uv for each.

torch for linux/amd64 brings CUDA's libraries, over 2 GB, so pip downloads and checks the files for arm64, where it does
not; uv, which reads metadata only, is asked for all. No wheel of torch runs on Alpine (musl); the rest of it does.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.process import network_variables, run_lockml

pytestmark = pytest.mark.online

STACK = "torch==2.2.2\nnumpy<2\nscikit-learn\npandas\ntransformers<4.45\n"
REST = "numpy<2\nscikit-learn\npandas\n"
TARGETS = {
    f"{system}{minor}": f"{system}{minor}=3.{minor}-linux/{system}64-glibc-2.31"
    for system in ("amd", "arm")
    for minor in (9, 12)
}
EXCLUDE_NEWER = ("--exclude-newer", "2025-12-01")


def quiet_network() -> dict[str, str]:
    """Return the variables that lead to the index, without what else this machine tells pip."""
    dropped = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT")
    return {name: value for name, value in network_variables().items() if name not in dropped}


def run(*command: str, folder: Path) -> str:
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "UV_SYSTEM_CERTS": "1"}
    variables = {**kept, "PIP_CONFIG_FILE": os.devnull, **quiet_network()}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def compiled(folder: Path, asked: str, *targets: str, expected: int = 0) -> str:
    (folder / "requirements.in").write_text(asked)
    options = [word for target in targets for word in ("--target", target)]
    arguments = (*options, *EXCLUDE_NEWER, "-o", "{target}.txt")
    outcome = run_lockml("compile", *arguments, folder=folder, variables=quiet_network())
    assert outcome.code == expected, outcome.err
    return outcome.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch")
    compiled(folder, STACK, *TARGETS.values())
    return folder


def pinned(path: Path) -> dict[str, str]:
    lines = (line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line)
    return dict(line.split("==", 1) for line in lines)


def test_pins_are_the_same_wherever_one_version_serves(folder: Path) -> None:
    packages = tomllib.loads((folder / "pylock.toml").read_text())["packages"]
    by_name: dict[str, set[str]] = {}
    for package in packages:
        by_name.setdefault(package["name"], set()).add(package["version"])
    several = {name for name, versions in by_name.items() if len(versions) > 1}
    assert len(by_name) > 30
    for name in several:
        pins = {target: pinned(folder / f"{target}.txt").get(name) for target in TARGETS}
        assert pins["amd9"] == pins["arm9"], f"{name} differs by Python only: {pins}"
        assert pins["amd12"] == pins["arm12"], f"{name} differs by Python only: {pins}"
    cuda = {name for name in by_name if name.startswith("nvidia-")}
    assert len(cuda) > 5
    assert cuda <= pinned(folder / "amd9.txt").keys()
    assert cuda.isdisjoint(pinned(folder / "arm9.txt"))


@pytest.mark.parametrize("minor", [9, 12])
def test_pip_installs_the_set_of_a_target_by_its_hashes(folder: Path, minor: int) -> None:
    platforms = [word for floor in range(31, 16, -1) for word in ("--platform", f"manylinux_2_{floor}_aarch64")]
    abis = [word for abi in (f"cp3{minor}", "abi3", "none") for word in ("--abi", abi)]
    target = [*platforms, "--platform", "manylinux2014_aarch64", *abis, "--implementation", "cp", "--python-version"]
    options = ("--dry-run", "--ignore-installed", "--no-deps", "--only-binary", ":all:", "--target", "t")
    name = f"arm{minor}.txt"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--require-hashes")
    told = run(*pip, *options, *target, f"3.{minor}", "-r", name, folder=folder)
    assert told.count("-", told.index("Would install")) >= len(pinned(folder / name))


@pytest.mark.parametrize("target", list(TARGETS))
def test_uv_takes_the_set_of_each_target_from_the_lock(folder: Path, target: str) -> None:
    machine = "x86_64" if target.startswith("amd") else "aarch64"
    named = ("--python-platform", f"{machine}-manylinux_2_31", "--python-version", f"3.{target[3:]}")
    uv = (sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--no-config", "--target", "t")
    told = run(*uv, *named, "-r", "pylock.toml", folder=folder)
    would = {line.removeprefix(" + ") for line in told.splitlines() if line.startswith(" + ")}
    assert would == {f"{name}=={version}" for name, version in pinned(folder / f"{target}.txt").items()}


def test_torch_on_alpine_is_refused_with_the_reason_and_the_rest_is_locked(tmp_path: Path) -> None:
    alpine = ("musl=3.12-linux/amd64-musl-1.2", "muslarm=3.12-linux/arm64-musl-1.2")
    told = compiled(tmp_path, STACK, *alpine, expected=3)
    assert "torch 2.2.2: no wheel fits CPython 3.12 on linux/amd64, musl-1.2" in told
    compiled(tmp_path, REST, *alpine, "glibc=3.12-linux/amd64-glibc-2.31")
    assert pinned(tmp_path / "musl.txt") == pinned(tmp_path / "muslarm.txt") == pinned(tmp_path / "glibc.txt")
    assert "musllinux" in (tmp_path / "pylock.toml").read_text()
