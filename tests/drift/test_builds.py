"""Locks and environments of other processors, of free-threaded CPython and of PyPy."""

import pytest

from lockml.common.target import Target, parse_platform, parse_python, parse_target
from lockml.drift.compare import compare
from lockml.drift.model import DriftReport
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Inventory, Runtime, Subject
from lockml.inventory.pip_freeze import parse_frozen
from lockml.lock.build import build_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.drift.subjects import NUMPY, without
from tests.made.indexes import MemoryIndex
from tests.made.trees import GLIBC_2_36, MemoryTree, elf_head
from tests.made.wheels import installed_files

S390X = elf_head(22, order="big")
X86_64 = elf_head(62)


def locked(*targets: str) -> Lock:
    """Return a lock of numpy for all *targets*."""
    index = MemoryIndex()
    index.add("numpy", "1.26.4")
    asked = read_requirement_files(("requirements.in",), read=lambda _: b"numpy", environment={})
    resolutions = [
        resolve(asked, parse_target(each), index, policy=Policy(), preferences=Preferences()) for each in targets
    ]
    return build_lock(resolutions, {}, LockInputs(asked=asked, policy=Policy()))


def official(library: str, program: bytes, triplet: str = "x86_64-linux-gnu", patch: str = "2") -> dict[str, bytes]:
    """Return the files of an image with a Python at /usr/local that has numpy."""
    minor = library.removeprefix("python").rstrip("t")
    return {
        f"/usr/local/bin/{library}": program,
        f"/usr/local/lib/{library}/os.py": b"",
        f"/usr/local/include/{library}/patchlevel.h": f'#define PY_VERSION "{minor}.{patch}"\n'.encode(),
        f"/lib/{triplet}/libc.so.6": GLIBC_2_36,
        **installed_files(NUMPY, f"/usr/local/lib/{library}/site-packages"),
    }


def taken(files: dict[str, bytes], prefix: str | None = None) -> Inventory:
    runtime = Runtime(environment={"PATH": "/usr/local/bin"})
    return take_inventory(MemoryTree(files), Subject(kind="image", name="i"), runtime, prefix=prefix)


def report_on(lock: Lock, files: dict[str, bytes], prefix: str | None = None) -> DriftReport:
    return compare(lock, taken(files, prefix), level="names", file="pylock.toml")


def kinds(report: DriftReport) -> list[tuple[str, str | None, str | None]]:
    return [(drift.kind, drift.locked, drift.found) for drift in report.drifts]


@pytest.mark.parametrize(
    ("platform", "program", "triplet"),
    [
        ("linux/s390x", S390X, "s390x-linux-gnu"),
        ("linux/ppc64le", elf_head(21), "powerpc64le-linux-gnu"),
        ("linux/riscv64", elf_head(243), "riscv64-linux-gnu"),
        ("linux/arm/v7", elf_head(40, bits=32, flags=0x5000400), "arm-linux-gnueabihf"),
        ("linux/386", elf_head(3, bits=32), "i386-linux-gnu"),
    ],
)
def test_environment_of_another_processor_is_held_against_its_lock(platform: str, program: bytes, triplet: str) -> None:
    files = official("python3.12", program, triplet)
    lock = locked(f"3.12-{platform}-glibc-2.36", "3.12-linux/amd64-glibc-2.36")
    report = report_on(lock, files)
    assert (report.exit_code, str(report.target.platform)) == (0, platform)
    other = report_on(locked("3.12-linux/amd64-glibc-2.36"), files)
    assert [(kind, at) for kind, at, _ in kinds(other)] == [("platform", "x86_64")]


def test_free_threaded_environment_serves_a_free_threaded_lock() -> None:
    report = report_on(locked("3.14t-linux/amd64-glibc-2.36"), official("python3.14t", X86_64))
    assert (report.exit_code, report.environment.python_text) == (0, "3.14.2t")
    assert report_on(locked("3.14.2t-linux/amd64-glibc-2.36"), official("python3.14t", X86_64)).exit_code == 0


@pytest.mark.parametrize(
    ("target", "library", "found", "build"),
    [
        ("3.14t", "python3.14", ("python", "3.14t", "3.14.2"), "build with the GIL"),
        ("3.14", "python3.14t", ("python", "3.14", "3.14.2t"), "free-threaded build"),
        ("3.14.2", "python3.14t", ("python", "3.14.2", "3.14.2t"), "free-threaded build"),
        ("3.13t", "python3.14t", ("python", "3.13t", "3.14.2t"), "another Python"),
    ],
)
def test_other_build_of_python_is_drift(target: str, library: str, found: tuple[str, str, str], build: str) -> None:
    """PEP 703: an ABI of its own."""
    report = report_on(locked(f"{target}-linux/amd64-glibc-2.36"), official(library, X86_64))
    assert (report.exit_code, kinds(report)) == (1, [found])
    assert build in report.drifts[0].detail


@pytest.mark.parametrize("library", ["python3.14", "python3.14t"])
def test_build_decides_which_of_two_targets_counts(library: str) -> None:
    lock = locked("3.14-linux/amd64-glibc-2.36", "3.14t-linux/amd64-glibc-2.36")
    report = report_on(lock, official(library, X86_64))
    assert (report.exit_code, report.target.free_threaded) == (0, library.endswith("t"))


def test_free_threaded_build_is_known_by_its_other_name_too() -> None:
    """``make install`` of CPython links python3.14 to python3.14t hard, also where a build with the GIL was before."""
    files = {**official("python3.14", X86_64, patch="1"), **official("python3.14t", X86_64)}
    environment = taken(files).environment
    assert (environment.python_text, environment.program) == ("3.14.2t", "/usr/local/bin/python3.14")
    alone = {path: content for path, content in files.items() if "python3.14/" not in path}
    del alone["/usr/local/bin/python3.14t"]
    assert taken(alone).environment.python_text == "3.14.2t"


def test_library_of_another_build_hides_none_of_the_programs_own() -> None:
    files = {**official("python3.14", X86_64), "/usr/local/bin/lib/python3.14t/os.py": b""}
    files["/usr/local/bin/python3.14t"] = X86_64 + b"other"
    environment = taken(files).environment
    assert (environment.python_text, environment.prefix) == ("3.14.2", "/usr/local")


def test_virtual_environment_is_of_the_build_that_it_was_made_by() -> None:
    site = "/opt/venv/lib/python3.14t/site-packages"
    files = {
        **without(official("python3.14t", X86_64), "site-packages"),
        "/opt/venv/pyvenv.cfg": b"home = /gone/bin\nversion = 3.14.2\n",
        **installed_files(NUMPY, site),
    }
    environment = taken(files, "/opt/venv").environment
    assert (environment.python_text, environment.site_folders) == ("3.14.2t", (site,))


def test_packages_alone_are_for_the_build_of_their_wheels() -> None:
    files = installed_files(NUMPY, "/t") | {"/t/fast-1.dist-info/WHEEL": b"Tag: cp314-cp314t-linux_s390x\n"}
    environment = taken(files, "/t").environment
    assert (environment.python_text, environment.machine) == ("3.14t", "s390x")
    report = report_on(locked("3.14-linux/s390x-glibc-2.36"), files, "/t")
    assert ("python", "3.14", "3.14t") in kinds(report)


def test_build_of_packages_alone_is_not_judged_where_nothing_says_it() -> None:
    files = installed_files(NUMPY, "/t")
    for target in ("3.14t", "3.14"):
        assert kinds(report_on(locked(f"{target}-linux/amd64-glibc-2.36"), files, "/t")) == []


def test_cpython_is_no_pypy() -> None:
    report = report_on(locked("pypy3.10-linux/amd64-glibc-2.36"), official("python3.10", X86_64))
    assert (report.exit_code, kinds(report)) == (1, [("python", "pypy3.10", "3.10.2")])
    assert "the lock is for PyPy" in report.drifts[0].detail


def test_packages_alone_are_not_held_against_a_lock_for_pypy() -> None:
    report = report_on(locked("pypy3.10-linux/amd64-glibc-2.36"), installed_files(NUMPY, "/t"), "/t")
    assert (report.exit_code, kinds(report)) == (4, [])
    assert "lockml only checks CPython environments" in report.problems[0].reason


@pytest.mark.parametrize("name", ["pypy", "cpython"])
def test_list_of_pip_inspect_is_for_the_implementation_that_it_names(name: str) -> None:
    """The target of that implementation is chosen among several."""
    content = (
        '{"environment": {"python_full_version": "3.10.14", "platform_machine": "x86_64", "implementation_name": "%s"},'
        ' "installed": [{"metadata": {"name": "numpy", "version": "1.26.4"}}]}'
    )
    lock = locked("pypy3.10-linux/amd64-glibc-2.36", "3.10-linux/amd64-glibc-2.36")
    inventory = parse_frozen((content % name).encode(), "inspect.json")
    report = compare(lock, inventory, level="names", file="pylock.toml")
    assert (report.drifts, report.target.implementation) == ((), name)


def test_list_of_tags_without_a_c_library_bounds_none() -> None:
    lock = locked("3.12-linux/s390x-glibc-2.36")
    bare = Target.of(parse_python("3.12"), parse_platform("linux/s390x"), tags=("py3-none-any",))
    files = without(official("python3.12", S390X, "s390x-linux-gnu"), "libc.so.6")
    report = compare(Lock(pylock=lock.pylock, targets=(bare,)), taken(files), level="names", file="pylock.toml")
    assert (report.exit_code, report.problems) == (0, ())
