"""Read the processor and the C library of a tree from its files, without running anything.

ELF headers: System V ABI, ``e_machine``. glibc has its version in the library itself, musl in Alpine's package list.
"""

import re
from typing import Final, Literal

from lockml.common.target import Libc
from lockml.inventory.file_tree import FileTree

__all__ = ["exact_python", "libc_of", "machine_of", "made_library"]

_LITTLE, _BIG = 1, 2
_MACHINES: Final = {  # e_machine, bits, EI_DATA
    (62, 64, _LITTLE): "x86_64",
    (183, 64, _LITTLE): "aarch64",
    (21, 64, _LITTLE): "ppc64le",
    (22, 64, _BIG): "s390x",
    (243, 64, _LITTLE): "riscv64",
    (40, 32, _LITTLE): "armv7l",
    (3, 32, _LITTLE): "i686",
}
_ARM: Final = 40
_HARD_FLOAT: Final = 0x400  # EF_ARM_ABI_FLOAT_HARD: required by wheels for armv7l
_DEBIAN: Final = {  # multiarch folders
    "x86_64": "x86_64-linux-gnu",
    "aarch64": "aarch64-linux-gnu",
    "ppc64le": "powerpc64le-linux-gnu",
    "s390x": "s390x-linux-gnu",
    "riscv64": "riscv64-linux-gnu",
    "armv7l": "arm-linux-gnueabihf",
    "i686": "i386-linux-gnu",
}
_GLIBC_FOLDERS: Final = ("/lib64", "/usr/lib64", "/usr/lib64/lp64d", "/usr/lib", "/lib")


def machine_of(tree: FileTree, interpreter: str) -> str | None:
    """Return uname's name of the architecture that the program *interpreter* is built for, None if that is unknown.

    32-bit ARM is armv7l, even if the program also runs on ARMv6; builds without floating-point registers are unknown.
    """
    head = tree.read(interpreter, 64) or b""
    if head[:4] != b"\x7fELF" or len(head) < 40:
        return None
    order: Literal["little", "big"] = "little" if head[5] == _LITTLE else "big"
    kind = int.from_bytes(head[18:20], order)
    if kind == _ARM and not int.from_bytes(head[36:40], order) & _HARD_FLOAT:
        return None
    return _MACHINES.get((kind, {1: 32, 2: 64}.get(head[4], 0), head[5]))


def libc_of(tree: FileTree, machine: str | None) -> Libc | None:
    """Return the C library of the tree, the one for *machine* if there are several; None if its files do not say."""
    names = sorted(_DEBIAN.values(), key=lambda name: name != _DEBIAN.get(machine or ""))
    folders = [f"{above}/{name}" for above in ("/lib", "/usr/lib") for name in names]
    first = folders[:: len(names)]
    for folder in dict.fromkeys((*first, *_GLIBC_FOLDERS, *folders)):
        content = tree.read(f"{folder}/libc.so.6", 16 << 20)
        if content:
            match = re.search(rb"GNU C Library [^\n]{0,80}?version (\d+)\.(\d+)", content)
            if match:
                return Libc(family="glibc", major=int(match[1]), minor=int(match[2]))
    installed = tree.read("/lib/apk/db/installed", 64 << 20) or b""
    match = re.search(rb"^P:musl\nV:(\d+)\.(\d+)", installed, re.MULTILINE)
    return Libc(family="musl", major=int(match[1]), minor=int(match[2])) if match else None


def made_library(tree: FileTree, prefix: str, minor: str) -> str:
    """Return the name of the library folder at *prefix* for Python *minor*: python3.14 or python3.14t."""
    free_threaded = tree.kind(f"{prefix}/lib/python{minor}t") == "folder"
    return f"python{minor}t" if free_threaded else f"python{minor}"


def exact_python(tree: FileTree, base: str, library: str, written: str | None) -> str:
    """Return the version of the Python at *base*, with its patch release if a file has it, else its minor version.

    *library* is the name of the folder of its standard library: python3.11, python3.14t.
    *written* comes from a pyvenv.cfg: it was true when the environment was made, and counts if no file says more.
    """
    minor = library.removeprefix("python").rstrip("t")
    header = tree.read(f"{base}/include/{library}/patchlevel.h", 1 << 16) or b""
    match = re.search(rb'#define\s+PY_VERSION\s+"(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?"', header)
    if match is not None and match[1].startswith(f"{minor}.".encode()):
        return match[1].decode("ascii")
    if base == "/usr":
        for paragraph in (tree.read("/var/lib/dpkg/status", 64 << 20) or b"").split(b"\n\n"):
            if paragraph.startswith(b"Package: python" + minor.encode() + b"-minimal\n"):
                match = re.search(rb"^Version: (3\.\d+\.\d+)", paragraph, re.MULTILINE)
                if match is not None:
                    return match[1].decode("ascii")
    stated = re.match(r"3\.\d+\.\d+(?:(?:a|b|rc)\d+)?", written or "")
    return stated[0] if stated is not None and stated[0].startswith(f"{minor}.") else minor
