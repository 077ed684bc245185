"""The processor, the C library and the Python of a tree, by its files."""

import pytest

from lockml.inventory.platforms import exact_python, libc_of, machine_of
from tests.made.trees import MemoryTree, elf_head

GLIBC = b"GNU C Library (Debian GLIBC 2.%d-9) stable release version 2.%d.\n"


@pytest.mark.parametrize(
    ("head", "machine"),
    [
        (elf_head(62), "x86_64"),
        (elf_head(183), "aarch64"),
        (elf_head(21), "ppc64le"),
        (elf_head(21, order="big"), None),
        (elf_head(22, order="big"), "s390x"),
        (elf_head(22), None),
        (elf_head(243), "riscv64"),
        (elf_head(243, bits=32), None),
        (elf_head(40, bits=32, flags=0x05000400), "armv7l"),
        (elf_head(40, bits=32, flags=0x05000200), None),
        (elf_head(3, bits=32), "i686"),
        (elf_head(62, bits=32), None),
        (elf_head(62)[:30], None),
        (b"#!/bin/sh\n" + bytes(60), None),
    ],
)
def test_processor_is_that_of_the_elf_header(head: bytes, machine: str | None) -> None:
    """System V ABI: e_machine in the byte order of EI_DATA; of ARM with floating-point registers in e_flags."""
    assert machine_of(MemoryTree({"/p": head}), "/p") == machine


@pytest.mark.parametrize(
    ("machine", "folder"),
    [
        ("ppc64le", "/lib/powerpc64le-linux-gnu"),
        ("s390x", "/usr/lib/s390x-linux-gnu"),
        ("riscv64", "/usr/lib64/lp64d"),
        ("armv7l", "/lib/arm-linux-gnueabihf"),
        ("i686", "/lib/i386-linux-gnu"),
        ("x86_64", "/lib64"),
        (None, "/lib/aarch64-linux-gnu"),
    ],
)
def test_c_library_is_found_where_systems_of_that_processor_have_it(machine: str | None, folder: str) -> None:
    assert str(libc_of(MemoryTree({f"{folder}/libc.so.6": GLIBC % (39, 39)}), machine)) == "glibc-2.39"


def test_c_library_of_the_processor_counts_where_there_are_several() -> None:
    files = {
        "/lib/i386-linux-gnu/libc.so.6": GLIBC % (31, 31),
        "/lib/x86_64-linux-gnu/libc.so.6": GLIBC % (36, 36),
    }
    assert [str(libc_of(MemoryTree(files), machine)) for machine in ("x86_64", "i686")] == ["glibc-2.36", "glibc-2.31"]


def test_patch_release_is_that_of_the_header_of_the_build() -> None:
    files = {
        "/usr/local/include/python3.14/patchlevel.h": b'#define PY_VERSION "3.14.1"\n',
        "/usr/local/include/python3.14t/patchlevel.h": b'#define PY_VERSION "3.14.2"\n',
    }
    tree = MemoryTree(files)
    assert [exact_python(tree, "/usr/local", name, None) for name in ("python3.14", "python3.14t")] == [
        "3.14.1",
        "3.14.2",
    ]
