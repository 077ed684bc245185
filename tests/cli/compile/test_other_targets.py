"""Locks for other processors and Pythons than most have, held against pip's own options for them."""

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.process import Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.servers import serve
from tests.made.wheels import make_wheel, wheel_name

pytestmark = pytest.mark.loopback

PYTHONS = ("cp312-cp312", "cp313-cp313", "cp313-cp313t", "cp314-cp314", "cp314-cp314t", "cp39-abi3")
PYPYS = ("pp310-pypy310_pp73", "pp311-pypy311_pp73")
MACHINES = ("x86_64", "ppc64le", "s390x", "riscv64", "armv7l", "i686")


class Case(NamedTuple):
    """A target, the one wheel of `native` that it takes, and the Python of pip's options."""

    target: str
    wheel: str
    python: str
    implementation: str
    abi: str


CASES = (
    Case("3.12-linux/ppc64le-glibc-2.28", "cp312-cp312-manylinux_2_28_ppc64le", "3.12", "cp", "cp312"),
    Case("3.12-linux/s390x-glibc-2.39", "cp312-cp312-manylinux_2_28_s390x", "3.12", "cp", "cp312"),
    Case("3.12-linux/riscv64-glibc-2.41", "cp312-cp312-manylinux_2_28_riscv64", "3.12", "cp", "cp312"),
    Case("3.12-linux/arm/v7-glibc-2.36", "cp312-cp312-manylinux_2_28_armv7l", "3.12", "cp", "cp312"),
    Case("3.12-linux/386-glibc-2.28", "cp312-cp312-manylinux_2_28_i686", "3.12", "cp", "cp312"),
    Case("3.13t-linux/amd64-glibc-2.36", "cp313-cp313t-manylinux_2_28_x86_64", "3.13", "cp", "cp313t"),
    Case("3.14t-linux/s390x-glibc-2.36", "cp314-cp314t-manylinux_2_28_s390x", "3.14", "cp", "cp314t"),
    Case("pypy3.10-linux/amd64-glibc-2.36", "pp310-pypy310_pp73-manylinux_2_28_x86_64", "3.10", "pp", "pypy310_pp73"),
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve `model`, which needs `native`, of which every Python and processor has a wheel."""
    served = Served()
    needs = ["native", "cffi-like; implementation_name == 'cpython'", "greenlet-like; platform_machine == 's390x'"]
    served.wheel("model", "1.0", needs)
    served.wheel("cffi-like", "1.0")
    served.wheel("greenlet-like", "1.0")
    for python in (*PYTHONS, *PYPYS):
        for machine in MACHINES:
            name = wheel_name("native", "1.0", f"{python}-manylinux_2_28_{machine}")
            served.file("native", name, make_wheel("native", "1.0"))
    with serve(served) as url:
        yield url


def compiled(folder: Path, url: str, *arguments: str) -> Outcome:
    (folder / "requirements.in").write_text("model\n")
    return run_lockml("compile", *arguments, "--index-url", url, folder=folder)


def packages(folder: Path) -> dict[str, list[str]]:
    locked = tomllib.loads((folder / "pylock.toml").read_text())["packages"]
    return {each["name"]: [wheel["name"] for wheel in each["wheels"]] for each in locked}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.target)
def test_lock_has_the_wheel_of_its_target_and_pip_takes_it(tmp_path: Path, url: str, case: Case) -> None:
    outcome = compiled(tmp_path, url, "--target", case.target)
    assert outcome.code == 0, outcome.err
    locked = packages(tmp_path)
    native = wheel_name("native", "1.0", case.wheel)
    if case.wheel.startswith("cp312-"):
        assert locked.pop("native") == [native, native.replace("cp312-cp312", "cp39-abi3")]
    else:
        assert locked.pop("native") == [native]
    assert ("cffi-like" in locked) == (case.implementation == "cp")
    assert ("greenlet-like" in locked) == ("s390x" in case.target)
    options = [
        *("--python-version", case.python, "--implementation", case.implementation, "--abi", case.abi),
        *("--platform", case.wheel.partition("-manylinux")[2].join(["manylinux", ""]), "--only-binary", ":all:"),
    ]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--require-hashes", "--no-cache-dir"]
    done = subprocess.run(
        [*command, *options, "--target", "there", "-r", "requirements.txt"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"Would install {' '.join(f'{name}-1.0' for name in sorted([*locked, 'native']))}" in done.stdout


def test_second_compile_keeps_the_target_and_the_bytes(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url, "--target", "3.14t-linux/arm/v7-glibc-2.36")
    first = (tmp_path / "pylock.toml").read_bytes()
    (target,) = tomllib.loads(first.decode())["tool"]["lockml"]["targets"]
    assert target == {"python": "3.14t", "platform": "linux/arm/v7", "libc": "glibc-2.36"}
    assert b"--python 3.14t --platform linux/arm/v7 --libc glibc-2.36" in (tmp_path / "requirements.txt").read_bytes()
    again = compiled(tmp_path, url)
    assert (
        "CPython 3.14t on linux/arm/v7, glibc-2.36: pylock.toml (unchanged), requirements.txt (unchanged)" in again.err
    )
    assert (tmp_path / "pylock.toml").read_bytes() == first


def test_one_lock_serves_pypy_and_builds_that_markers_cannot_tell_apart(tmp_path: Path, url: str) -> None:
    targets = ("3.13-linux/amd64-glibc-2.36", "3.13t-linux/amd64-glibc-2.36", "pypy3.10-linux/amd64-glibc-2.36")
    outcome = compiled(tmp_path, url, *(word for each in targets for word in ("--target", each)), "-o", "{target}.txt")
    assert outcome.code == 0, outcome.err
    lock = tomllib.loads((tmp_path / "pylock.toml").read_text())
    assert len(lock["environments"]) == 2
    assert [each["python"] for each in lock["tool"]["lockml"]["targets"]] == ["pypy3.10", "3.13", "3.13t"]
    markers = {each["name"]: each.get("marker") for each in lock["packages"]}
    assert markers == {"model": None, "native": None, "cffi-like": 'python_version == "3.13"'}
    assert (tmp_path / "3.13t-linux-amd64-glibc-2.36.txt").read_text().count("--hash=") == 3
    assert "cffi-like" not in (tmp_path / "pypy3.10-linux-amd64-glibc-2.36.txt").read_text()


TAGS = """\
# of the appliance
cp312-cp312-manylinux_2_28_s390x
cp312-none-manylinux_2_28_s390x
py3-none-manylinux_2_28_s390x
py3-none-any
"""


def test_listed_tags_decide_and_stay_in_the_lock(tmp_path: Path, url: str) -> None:
    (tmp_path / "tags.txt").write_text(TAGS)
    named = ("--python", "3.12", "--platform", "linux/s390x", "--tags", "tags.txt")
    outcome = compiled(tmp_path, url, *named)
    assert outcome.code == 0, outcome.err
    assert "for CPython 3.12 on linux/s390x, glibc-2.28, 4 tags (" in outcome.err
    assert packages(tmp_path)["native"] == ["native-1.0-cp312-cp312-manylinux_2_28_s390x.whl"]
    assert " --libc glibc-2.28 --tags tags.txt" in (tmp_path / "requirements.txt").read_text()
    first = [(tmp_path / name).read_bytes() for name in ("pylock.toml", "requirements.txt")]
    (tmp_path / "tags.txt").rename(tmp_path / "gone.txt")
    assert "(unchanged), requirements.txt (unchanged)" in compiled(tmp_path, url).err
    assert [(tmp_path / name).read_bytes() for name in ("pylock.toml", "requirements.txt")] == first
    assert compiled(tmp_path, url, "--check").code == 0


def test_other_tags_are_another_target(tmp_path: Path, url: str) -> None:
    (tmp_path / "tags.txt").write_text(TAGS)
    named = ("--python", "3.12", "--platform", "linux/s390x", "--tags", "tags.txt")
    compiled(tmp_path, url, *named)
    (tmp_path / "tags.txt").write_text(TAGS.replace("cp312-cp312", "cp39-abi3"))
    outcome = compiled(tmp_path, url, *named, "--check")
    assert (outcome.code, outcome.out.count("target added: CPython 3.12 on linux/s390x, glibc-2.28, 4 tags (")) == (
        1,
        1,
    )
    compiled(tmp_path, url, *named)
    assert packages(tmp_path)["native"] == ["native-1.0-cp39-abi3-manylinux_2_28_s390x.whl"]


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        ("py3-none-any\nnative-1.0\n", (), "error: tags.txt:2: 'native-1.0' is not a tag"),
        (TAGS, ("--python", "3.13"), "error: tags.txt: is for Python 3.12, but the target is 3.13"),
        (TAGS, ("--platform", "linux/ppc64le"), "is for manylinux_2_28_s390x, but the target is linux/ppc64le"),
        (TAGS, ("--platform", "macos/arm64"), "is for manylinux_2_28_s390x, but the target is macos/arm64"),
        (TAGS, ("--target", "3.12-windows/amd64"), "error: --tags: cannot be used with --target, which includes it"),
        ("cp314-cp314t-any\n", ("--python", "3.14"), "is for Python 3.14t, but the target is 3.14"),
    ],
)
def test_tags_that_do_not_fit_are_refused(
    tmp_path: Path, url: str, content: str, options: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "tags.txt").write_text(content)
    named = () if "--target" in options else ("--python", "3.12", "--platform", "linux/s390x")
    outcome = compiled(tmp_path, url, *named, "--tags", "tags.txt", *options)
    assert (outcome.code, problem in outcome.err) == (2, True), outcome.err


def test_file_that_a_hash_forbids_on_one_target_is_not_locked_for_another(tmp_path: Path) -> None:
    served = Served()
    allowed = hashlib.sha256(served.wheel("pure", "1.0")).hexdigest()
    served.file("pure", "pure-1.0-1-py3-none-any.whl", make_wheel("pure", "1.0", ["six; python_version < '3'"]))
    (tmp_path / "requirements.in").write_text(
        f"pure; python_version < '3.12' --hash=sha256:{allowed}\npure; python_version >= '3.12'\n"
    )
    targets = [part for minor in (11, 12) for part in ("--target", f"3.{minor}-linux/amd64-glibc-2.36")]
    with serve(served) as url:
        refused = run_lockml("compile", *targets, "--index-url", url, folder=tmp_path)
    assert (refused.code, (tmp_path / "pylock.toml").exists()) == (2, False)
    assert "requirements.in:1: pure ; python_version" in refused.err
