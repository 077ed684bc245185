import pytest

from lockml.common.errors import LockError
from lockml.drift.compare import compare
from lockml.drift.model import DriftReport
from lockml.drift.proof import proof_of
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Runtime, Subject
from lockml.lock.formats.pylock import parse_lock
from tests.drift.subjects import NUMPY, inventory_of, without
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.targets import make_target
from tests.made.trees import ELF_X86_64, MemoryTree, venv_files
from tests.made.wheels import installed_files

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"


def report_on(files: dict[str, bytes], *, python: str = "3.11", libc: str = "glibc-2.36") -> DriftReport:
    index = MemoryIndex()
    index.add("numpy", "1.26.4")
    lock = lock_of(index, "numpy", target=make_target(python, libc=libc))
    return compare(lock, inventory_of(files), level="names", file="pylock.toml")


def installed(python: str = "3.11.2") -> dict[str, bytes]:
    minor = ".".join(python.split(".")[:2])
    return {**venv_files(python=python), **installed_files(NUMPY, f"/opt/venv/lib/python{minor}/site-packages")}


def kinds(report: DriftReport) -> list[tuple[str, str | None, str | None]]:
    return [(drift.kind, drift.locked, drift.found) for drift in report.drifts]


def test_any_patch_release_serves_a_bare_target() -> None:
    assert report_on(installed("3.11.9")).exit_code == 0


def test_other_minor_is_drift() -> None:
    assert kinds(report_on(installed("3.12.1"))) == [("python", "3.11", "3.12.1")]


def test_other_patch_release_is_drift_when_the_target_is_exact() -> None:
    assert kinds(report_on(installed("3.11.9"), python="3.11.2")) == [("python", "3.11.2", "3.11.9")]
    assert report_on(installed("3.11.2"), python="3.11.2").exit_code == 0


def test_unknown_patch_release_is_incomplete_when_the_target_is_exact() -> None:
    files = installed()
    files["/opt/venv/pyvenv.cfg"] = b"home = /usr/bin\nversion = 3.11\n"
    report = report_on(files, python="3.11.2")
    assert (report.exit_code, len(report.problems)) == (4, 1)
    assert report_on(files).exit_code == 0


def test_other_processor_is_drift() -> None:
    files = {**installed(), "/opt/venv/bin/python3": ELF_X86_64.replace(b"\x3e\x00", b"\xb7\x00")}
    assert kinds(report_on(files)) == [("platform", "x86_64", "aarch64")]


@pytest.mark.parametrize(
    ("found", "drifts"),
    [
        (
            b"GNU C Library (Debian GLIBC 2.31-13) stable release version 2.31.\n",
            [("platform", "glibc-2.36", "glibc-2.31")],
        ),
        (b"GNU C Library (Ubuntu GLIBC 2.39-0ubuntu8) stable release version 2.39.\n", []),
    ],
)
def test_older_c_library_is_drift_and_a_newer_one_is_not(
    found: bytes, drifts: list[tuple[str, str | None, str | None]]
) -> None:
    assert kinds(report_on({**installed(), LIBC: found})) == drifts


def test_other_c_library_is_drift() -> None:
    files = {**without(installed(), LIBC), "/lib/apk/db/installed": b"P:musl\nV:1.2.4-r2\n"}
    assert kinds(report_on(files)) == [("platform", "glibc-2.36", "musl-1.2")]


def test_unknown_platform_is_incomplete() -> None:
    files = {**without(installed(), LIBC), "/opt/venv/bin/python3": b"#!/bin/sh"}
    report = report_on(files)
    assert (report.drifts, report.exit_code) == ((), 4)
    assert len(report.problems) == 2


def test_lock_without_a_target_needs_a_platform_that_is_known() -> None:
    lock = parse_lock(b"lock-version = '1.0'\ncreated-by = 'other'\npackages = []\n", "pylock.toml")
    with pytest.raises(LockError, match="names no target"):
        compare(lock, inventory_of(without(installed(), LIBC)), level="names", file="pylock.toml")


@pytest.mark.parametrize("system", [{}, {"/usr/bin/python3.11": ELF_X86_64, "/usr/lib/python3.11/os.py": b""}])
def test_environment_whose_python_was_not_copied_along_says_where_it_leads(system: dict[str, bytes]) -> None:
    """A stage of a build that copies the environment and not the Python of uv that it links to."""
    gone = "/root/.local/share/uv/python/cpython-3.11.9-linux-x86_64-gnu/bin/python3.11"
    links = {"/opt/venv/bin/python3": gone, **({"/usr/bin/python3": "python3.11"} if system else {})}
    tree = MemoryTree({**without(installed(), "/opt/venv/bin/python3"), **system}, links=links)
    runtime = Runtime(environment={"PATH": "/opt/venv/bin:/usr/bin"})
    index = MemoryIndex()
    index.add("numpy", "1.26.4")
    lock = lock_of(index, "numpy", target=make_target("3.11", libc="glibc-2.36"))
    taken = take_inventory(tree, Subject(kind="image", name="x"), runtime, proof=proof_of(lock, "pylock.toml"))
    report = compare(lock, taken, level="names", file="pylock.toml")
    assert (report.drifts, report.exit_code) == ((), 4)
    assert [(each.path, each.reason) for each in report.problems] == [
        ("/opt/venv", f"its python leads to {gone}, which does not exist")
    ]
