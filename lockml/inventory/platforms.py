"""Read the processor and the C library of a tree from its files, without running anything.

ELF headers: System V ABI, ``e_machine``. glibc has its version in the library itself, musl in Alpine's package list.
"""

import re
from typing import Final

from lockml.common.target import Libc
from lockml.inventory.file_tree import FileTree

__all__ = ["exact_python", "libc_of", "machine_of"]

_MACHINES: Final = {62: "x86_64", 183: "aarch64"}
_GLIBC_FILES: Final = tuple(
    f"{folder}/libc.so.6"
    for folder in (
        "/lib/x86_64-linux-gnu",
        "/lib/aarch64-linux-gnu",
        "/lib64",
        "/usr/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib",
        "/lib",
    )
)


def machine_of(tree: FileTree, interpreter: str) -> str | None:
    """Return the architecture that the program *interpreter* is built for, None where it is no ELF file."""
    head = tree.read(interpreter, 64) or b""
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return None
    little_endian = head[5] == 1
    return _MACHINES.get(int.from_bytes(head[18:20], "little" if little_endian else "big"))


def libc_of(tree: FileTree) -> Libc | None:
    """Return the C library of the tree, None where its files do not say."""
    for path in _GLIBC_FILES:
        content = tree.read(path, 16 << 20)
        if content:
            match = re.search(rb"GNU C Library [^\n]{0,80}?version (\d+)\.(\d+)", content)
            if match:
                return Libc(family="glibc", major=int(match[1]), minor=int(match[2]))
    installed = tree.read("/lib/apk/db/installed", 64 << 20) or b""
    match = re.search(rb"^P:musl\nV:(\d+)\.(\d+)", installed, re.MULTILINE)
    return Libc(family="musl", major=int(match[1]), minor=int(match[2])) if match else None


def exact_python(tree: FileTree, base: str, minor: str, written: str | None) -> str:
    """Return the version of the Python at *base* with its patch release where a file has it, else *minor*.

    *written* is what a pyvenv.cfg says: it was true when the environment was made, and counts where no file has more.
    """
    header = tree.read(f"{base}/include/python{minor}/patchlevel.h", 1 << 16) or b""
    match = re.search(rb'#define\s+PY_VERSION\s+"(3\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+?"', header)
    if match is not None and match[1].startswith(f"{minor}.".encode()):
        return match[1].decode("ascii")
    if base == "/usr":
        for paragraph in (tree.read("/var/lib/dpkg/status", 64 << 20) or b"").split(b"\n\n"):
            if paragraph.startswith(b"Package: python" + minor.encode() + b"-minimal\n"):
                match = re.search(rb"^Version: (3\.\d+\.\d+)", paragraph, re.MULTILINE)
                if match is not None:
                    return match[1].decode("ascii")
    told = re.match(r"3\.\d+\.\d+(?:(?:a|b|rc)\d+)?", written or "")
    return told[0] if told is not None and told[0].startswith(f"{minor}.") else minor
