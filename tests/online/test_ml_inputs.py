"""Locks of real ML inputs, judged by a checker that knows nothing of lockml and by pip.

All are compiled for the packages of one day. In hash-checking mode pip downloads every wheel whole, even in a dry run
(its `_fetch_metadata_only` gives up where hashes are required): 2.9 GB for all inputs. A cache for pip would leave
gigabytes behind and save a fifth of that, if the index lets it. So inputs that lead to torch or xgboost are locked for
linux/arm64, where these are for CPUs; for linux/amd64 they come with up to 3 GB of CUDA. For the other processor pip is
told the platform by its options, and the processor by a line of Python, because the options decide which wheels suit
but not which markers hold. Compiling, installing and checking overlap, or it would take twice the minutes.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.pylock import Pylock
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.cli.process import network_variables, run_lockml
from tests.online.checker import Machine, check_files, check_requirements, input_requirements
from tests.online.index import RealIndex

pytestmark = pytest.mark.online

INPUTS = Path(__file__).parents[2] / "fixtures" / "inputs"
DAY = "2024-10-01"
AMD64 = Machine(processor="x86_64")
ARM64 = Machine(processor="aarch64")
MACHINES = {
    "boosting": ARM64,
    "cloud": AMD64,
    "data": AMD64,
    "demo": AMD64,
    "finetuning": ARM64,
    "jax": AMD64,
    "language": AMD64,
    "retrieval": AMD64,
    "serving": AMD64,
    "tensorflow": AMD64,
    "timeseries": AMD64,
    "vision": ARM64,
}

each_input = pytest.mark.parametrize("name", MACHINES)
one_input = pytest.mark.parametrize("name", ["jax"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """An input and what lockml wrote for it into *folder*."""

    text: str
    machine: Machine
    folder: Path
    lock: Pylock


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is being done for each input."""

    locks: Mapping[str, Future[Locked]]
    dry_runs: Mapping[str, Future[subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def index() -> Iterator[RealIndex]:
    with RealIndex() as index:
        yield index


@pytest.fixture(scope="module")
def work(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    """Compile the inputs of the chosen tests, one after the other with one cache; pip runs for two at a time."""
    cache = tmp_path_factory.mktemp("cache")
    mine = (item for item in request.session.items if item.path == request.path)
    names = sorted({str(item.callspec.params["name"]) for item in mine if isinstance(item, pytest.Function)})
    compiling, installing = ThreadPoolExecutor(1), ThreadPoolExecutor(2)
    try:
        locks = {name: compiling.submit(compiled, name, tmp_path_factory.mktemp(name), cache) for name in names}
        yield Work(locks=locks, dry_runs={name: installing.submit(pip_dry_run, lock) for name, lock in locks.items()})
    finally:
        compiling.shutdown(cancel_futures=True)
        installing.shutdown(cancel_futures=True)


def compiled(name: str, folder: Path, cache: Path) -> Locked:
    text, machine = (INPUTS / f"{name}.in").read_text(), MACHINES[name]
    (folder / "requirements.in").write_text(text)
    target = ("--python", "3.11", "--platform", f"linux/{machine.processor}", "--libc", f"glibc-2.{machine.glibc}")
    variables = {**index_variables(), "LOCKML_CACHE_DIR": str(cache)}
    outcome = run_lockml("compile", *target, "--exclude-newer", DAY, folder=folder, variables=variables)
    assert outcome.code == 0, outcome.err
    lock = Pylock.from_dict(tomllib.loads((folder / "pylock.toml").read_text()))
    return Locked(text=text, machine=machine, folder=folder, lock=lock)


def pip_dry_run(lock: Future[Locked], requirements: str = "requirements.txt") -> subprocess.CompletedProcess[str]:
    """Let pip do all but the installing, as it would on the machine that is locked for."""
    locked = lock.result()
    processor = locked.machine.processor
    command = [sys.executable, "-m", "pip"]
    options = ["--dry-run", "--ignore-installed", "--require-hashes", "--report", f"{requirements}.json"]
    if processor != platform.machine():
        pretend = f"import platform, runpy; platform.machine = lambda: {processor!r}; "
        command = [sys.executable, "-c", pretend + "runpy.run_module('pip', run_name='__main__')"]
        options += ["--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--target", "there"]
        options += [word for abi in ("cp311", "abi3", "none") for word in ("--abi", abi)]
        options += [word for name in locked.machine.platforms for word in ("--platform", name)]
    return subprocess.run(
        [*command, "install", "-q", *options, "-r", requirements],
        cwd=locked.folder,
        env={"PATH": os.environ["PATH"], "PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", **index_variables()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def index_variables() -> dict[str, str]:
    """Return the variables by which this machine reaches its index, without those that add to it or bound it."""
    others = ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT", "PIP_CONFIG_FILE")
    return {name: value for name, value in network_variables().items() if name not in others}


def metadata(index: RealIndex, lock: Pylock) -> dict[str, bytes]:
    return index.metadata(wheel for package in lock.packages for wheel in package.wheels or ())


@each_input
def test_pins_are_all_that_the_input_needs_and_meet_every_requirement(name: str, work: Work, index: RealIndex) -> None:
    locked = work.locks[name].result()
    asked = input_requirements(locked.text)
    assert check_requirements(locked.lock, asked, locked.machine, metadata(index, locked.lock)) == []


@each_input
def test_files_are_all_that_suit_and_none_was_uploaded_later(name: str, work: Work, index: RealIndex) -> None:
    locked = work.locks[name].result()
    midnight = datetime.fromisoformat(DAY).replace(tzinfo=UTC) + timedelta(days=1)
    assert check_files(locked.lock, locked.machine, index.files(locked.lock), midnight) == []


@one_input
def test_checker_misses_each_package_that_is_taken_out_of_the_lock(name: str, work: Work, index: RealIndex) -> None:
    locked = work.locks[name].result()
    asked, told = input_requirements(locked.text), metadata(index, locked.lock)
    for package in locked.lock.packages:
        others = [each for each in locked.lock.packages if each is not package]
        less = Pylock(lock_version=locked.lock.lock_version, created_by="a test", packages=others)
        faults = check_requirements(less, asked, locked.machine, told)
        assert any(fault.endswith(f", and {package.name} is not pinned") for fault in faults), package.name


@each_input
def test_pip_takes_the_pins_and_nothing_else_with_their_hashes(name: str, work: Work) -> None:
    assert sys.version_info[:2] == (3, 11), "the inputs are locked for Python 3.11; run this test with that"
    locked, done = work.locks[name].result(), work.dry_runs[name].result()
    assert done.returncode == 0, done.stderr
    report = json.loads((locked.folder / "requirements.txt.json").read_text())["install"]
    pins = {(canonicalize_name(each["metadata"]["name"]), Version(each["metadata"]["version"])) for each in report}
    assert pins == {(package.name, package.version) for package in locked.lock.packages}
    wheels = {(wheel.url, wheel.hashes["sha256"]) for package in locked.lock.packages for wheel in package.wheels or ()}
    taken = [each["download_info"] for each in report]
    assert {(each["url"], each["archive_info"]["hashes"]["sha256"]) for each in taken} <= wheels


@one_input
def test_pip_refuses_a_lock_with_other_hashes(name: str, work: Work) -> None:
    """Every hash is turned around, so that already the first wheel is refused: the dry run does check them."""
    folder = work.locks[name].result().folder
    text = (folder / "requirements.txt").read_text()
    (folder / "other.txt").write_text(re.sub(r"(?<=sha256:)\w+", lambda match: match[0][::-1], text))
    done = pip_dry_run(work.locks[name], "other.txt")
    assert done.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE" in done.stderr
