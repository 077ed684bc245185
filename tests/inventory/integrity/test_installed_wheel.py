"""The wheel that an installed distribution was: the same whatever installed it, and none where bytes differ."""

import csv
import io
from collections.abc import Mapping

import pytest

from lockml.inventory.collect import take_inventory
from lockml.inventory.integrity.installed_wheel import InstalledWheel, Refused, read_installed_wheel
from lockml.inventory.model import Inventory, Runtime, Subject
from tests.made.locks import identity_of
from tests.made.trees import SITE, MemoryTree, venv_files
from tests.made.wheels import installed_files, make_wheel, wheel_name

NAME = wheel_name("flash-attn", "2.6.3")
WHEEL = make_wheel(
    "flash-attn",
    "2.6.3",
    ["torch>=2", 'six; extra == "x"'],
    files={
        "flash_attn/__init__.py": b"built = 1\n",
        "flash_attn_cuda.so": b"machine code",
        "flash_attn-2.6.3.data/scripts/flash-run": b"#!python\nprint('run')\n",
        "flash_attn-2.6.3.data/scripts/flash-sh": b"#!/bin/sh\necho run\n",
        "flash_attn-2.6.3.data/data/share/flash/table.bin": b"table",
        "flash_attn-2.6.3.dist-info/entry_points.txt": b"[console_scripts]\nflash-cli = flash_attn:main\n",
    },
)
DIST_INFO = f"{SITE}/flash_attn-2.6.3.dist-info"


def by_pip(site: str = SITE) -> dict[str, bytes]:
    return {**venv_files(), **installed_files(WHEEL, site, entry_points=("flash-cli",))}


def by_uv() -> dict[str, bytes]:
    """uv compiles nothing unless asked, and writes a file of its own."""
    files = installed_files(WHEEL, SITE, installer="uv", compiled=False, entry_points=("flash-cli",))
    return {**venv_files(), **files, f"{DIST_INFO}/uv_cache.json": b"{}"}


def inventory_of(tree: MemoryTree) -> Inventory:
    return take_inventory(tree, Subject(kind="path", name="x"), Runtime(environment={"PATH": "/opt/venv/bin"}))


def read(files: Mapping[str, bytes], *, locked: tuple[str, ...] = ()) -> InstalledWheel | Refused:
    tree = MemoryTree(files, locked=locked)
    inventory = inventory_of(tree)
    (distribution,) = inventory.environment.distributions
    return read_installed_wheel(tree, inventory.environment, distribution)


def refused(files: Mapping[str, bytes]) -> str:
    found = read(files)
    assert isinstance(found, Refused), found
    assert found.unread == ()
    (fault,) = found.faults
    return fault


def with_record(files: Mapping[str, bytes], change: Mapping[str, tuple[str, str] | None]) -> dict[str, bytes]:
    """Return *files* with other digests and sizes in RECORD, or with rows left out."""
    rows = list(csv.reader(io.StringIO(files[f"{DIST_INFO}/RECORD"].decode())))
    out = io.StringIO()
    for path, digest, size in rows:
        new = change.get(path, (digest, size))
        if new is not None:
            csv.writer(out).writerow((path, *new))
    return {**files, f"{DIST_INFO}/RECORD": out.getvalue().encode()}


@pytest.mark.parametrize("files", [by_pip(), by_uv()], ids=["pip", "uv"])
def test_wheel_is_the_one_that_was_installed(files: Mapping[str, bytes]) -> None:
    found = read(files)
    assert isinstance(found, InstalledWheel)
    assert found.filename == NAME
    assert found.requires == ("torch>=2", 'six; extra == "x"')
    identity, wheel = found.identity, identity_of(NAME, WHEEL)
    assert identity.digest == wheel.digest
    assert identity.scripts == wheel.scripts == ("flash-run", "flash-sh")
    assert dict(identity.rewritten) == dict(wheel.rewritten)
    assert list(identity.rewritten) == ["flash-run"]


def test_scripts_and_data_that_were_not_copied_with_the_packages_are_faults() -> None:
    files = {path.replace(SITE, "/srv/lib"): content for path, content in by_pip().items()}
    tree = MemoryTree({**venv_files(), **{path: c for path, c in files.items() if path.startswith("/srv/lib")}})
    runtime = Runtime(environment={"PATH": "/opt/venv/bin"})
    inventory = take_inventory(tree, Subject(kind="path", name="x"), runtime, prefix="/srv/lib")
    (distribution,) = inventory.environment.distributions
    found = read_installed_wheel(tree, inventory.environment, distribution)
    assert isinstance(found, Refused)
    assert [fault.partition(" ")[2] for fault in found.faults] == ["is missing"] * 4  # its scripts and data


@pytest.mark.parametrize(
    "path", [f"{SITE}/flash_attn_cuda.so", "/opt/venv/share/flash/table.bin", "/opt/venv/bin/flash-sh"]
)
def test_file_with_other_bytes_than_record_says_is_a_fault(path: str) -> None:
    assert refused({**by_pip(), path: b"#!/bin/sh\ntampered"}) == f"{path} does not match its RECORD"


def test_script_of_an_entry_point_that_does_more_is_a_fault() -> None:
    path = "/opt/venv/bin/flash-cli"
    assert refused({**by_pip(), path: by_pip()[path] + b"import evil\n"}).startswith(f"{path}: it does more than call")


def test_file_that_is_gone_is_a_fault() -> None:
    files = {path: content for path, content in by_pip().items() if not path.endswith("cuda.so")}
    assert refused(files) == f"{SITE}/flash_attn_cuda.so is missing"


def test_file_that_cannot_be_read_is_no_fault_of_the_build() -> None:
    found = read(by_pip(), locked=(f"{SITE}/flash_attn_cuda.so",))
    assert isinstance(found, Refused)
    assert (found.faults, [each.reason for each in found.unread]) == ((), ["Permission denied"])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"flash_attn_cuda.so": ("", "")}, "'flash_attn_cuda.so' has no hash"),
        ({"flash_attn_cuda.so": ("sha256=x", "12")}, "does not match its RECORD"),
    ],
)
def test_record_that_proves_nothing_is_a_fault(change: Mapping[str, tuple[str, str]], fault: str) -> None:
    assert fault in refused(with_record(by_pip(), change))


def test_record_with_a_path_that_leads_out_is_a_fault() -> None:
    files = by_pip()
    record = files[f"{DIST_INFO}/RECORD"] + b"../../../../../etc/passwd,,\r\n"
    assert "leads outside the environment" in refused({**files, f"{DIST_INFO}/RECORD": record})


def test_distribution_without_a_record_is_a_fault() -> None:
    files = by_pip()
    del files[f"{DIST_INFO}/RECORD"]
    assert refused(files) == "it has no RECORD"


@pytest.mark.parametrize(
    ("wheel", "fault"),
    [
        (b"Wheel-Version: 1.0\n", "does not name the tags"),
        (b"Tag: py3\n", "does not name the tags"),
        (b"Tag: py3-none-any\nTag: cp311-cp311-linux_x86_64\n", "has tags that no single wheel can have"),
        (b"".join(b"Tag: a%d-b%d-c%d\n" % (n, n, n) for n in range(999)), "has tags that no single wheel can have"),
        (b"".join(b"Tag: py3-none-platform%d\n" % n for n in range(99)), "more tags than a file name can hold"),
        (b"Tag: py3-none-any/..\n", "WHEEL is invalid"),
    ],
)
def test_wheel_file_without_the_tags_of_a_wheel_is_a_fault(wheel: bytes, fault: str) -> None:
    assert fault in refused(with_wheel(wheel))


def with_wheel(content: bytes) -> dict[str, bytes]:
    made = make_wheel("flash-attn", "2.6.3", files={"flash_attn_cuda.so": b"machine code"})
    files = {**venv_files(), **installed_files(made, SITE)}
    row = f"{DIST_INFO.removeprefix(f'{SITE}/')}/WHEEL"
    return with_record({**files, f"{DIST_INFO}/WHEEL": content}, {row: None})


def test_wheel_that_needs_more_than_any_does_is_a_fault() -> None:
    """All of it would stand in the lock."""
    made = make_wheel("flash-attn", "2.6.3", [f"p{number}" for number in range(1001)], files={"a.py": b""})
    assert refused({**venv_files(), **installed_files(made, SITE)}) == (
        "it says that it needs 1001 projects, more than any wheel does"
    )


def test_tags_and_build_number_make_the_name_of_the_wheel() -> None:
    tags = b"Build: 2cu12\nTag: cp311-cp311-manylinux_2_17_x86_64\r\nTag: cp311-cp311-manylinux2014_x86_64\n"
    found = read(with_wheel(tags))
    assert isinstance(found, InstalledWheel)
    assert found.filename == "flash_attn-2.6.3-2cu12-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
