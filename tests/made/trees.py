"""A `FileTree` in memory, and environments in it."""

import io
import zipfile
from collections.abc import Mapping
from typing import Literal

from lockml.api.memory_tree import MemoryTree as PublicMemoryTree
from lockml.inventory.file_tree import Entry, Origin

__all__ = ["ELF_X86_64", "GLIBC_2_36", "MOUNTS", "SITE", "MemoryTree", "archive", "elf_head", "venv_files"]

SITE = "/opt/venv/lib/python3.11/site-packages"
ELF_X86_64 = b"\x7fELF\x02\x01\x01" + bytes(11) + (62).to_bytes(2, "little") + bytes(44)
README = (
    b"This directory exists so that 3rd party packages can be installed\n"
    b"here.  Read the source for site.py for more details.\n"
)
GLIBC_2_36 = b"...GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n..."
MOUNTS = """\
600 500 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/d/up,workdir=/d/work,index=off
601 600 0:61 / /proc rw,nosuid - proc proc rw
602 600 254:0 /srv/with\\040space /app/code\\011x rw - ext4 /dev/vda rw
broken line
"""
"""What /proc says of the mounts of a process in a container."""


class MemoryTree(PublicMemoryTree):
    """The tree in memory of `lockml.api`, as a container has one.

    *origins* says what brought the files at or below a path; *privileged* files are set-user-ID; *image* has what the
    image has at some paths; *removed* says what removed the files that were at some paths.
    """

    def __init__(
        self,
        files: Mapping[str, bytes],
        *,
        links: Mapping[str, str] | None = None,
        locked: tuple[str, ...] = (),
        modified: Mapping[str, int] | None = None,
        origins: Mapping[str, Origin] | None = None,
        privileged: tuple[str, ...] = (),
        image: Mapping[str, bytes] | None = None,
        removed: Mapping[str, Origin] | None = None,
    ) -> None:
        super().__init__(files, links=links, locked=locked, modified=modified)
        self._removed = removed or {}
        self._privileged = privileged
        self._image = image or {}
        self._origins = origins or {}

    def image_content(self, path: str, limit: int) -> bytes | None:
        content = self._image.get(path)
        return content[:limit] if content is not None else None

    def entries(self, path: str) -> tuple[Entry, ...]:
        folder = self.resolve(path).rstrip("/")
        return tuple(
            entry._replace(privileged=f"{folder}/{entry.name}" in self._privileged) for entry in super().entries(path)
        )

    def origin(self, path: str) -> Origin | None:
        above = (prefix for prefix in self._origins if path.startswith(prefix))
        return self._origins[max(above, key=len)] if any(path.startswith(prefix) for prefix in self._origins) else None

    def removed(self, path: str) -> Mapping[str, Origin]:
        folder = f"{path.rstrip('/')}/"
        inside = {place.removeprefix(folder): each for place, each in self._removed.items() if place.startswith(folder)}
        return {name: origin for name, origin in inside.items() if "/" not in name}


def elf_head(machine: int, *, bits: int = 64, order: Literal["little", "big"] = "little", flags: int = 0) -> bytes:
    """Return the head of a program for the processor *machine* (e_machine), with e_flags where 32 bits have them."""
    head = b"\x7fELF" + bytes([bits // 32, 1 if order == "little" else 2, 1]) + bytes(11)
    return head + machine.to_bytes(2, order) + bytes(16) + flags.to_bytes(4, order) + bytes(24)


def venv_files(*, python: str = "3.11.2", prefix: str = "/opt/venv") -> dict[str, bytes]:
    """Return an empty virtual environment of a Debian-like x86-64 system."""
    minor = ".".join(python.split(".")[:2])
    return {
        f"{prefix}/pyvenv.cfg": f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n".encode(),
        f"{prefix}/bin/python3": ELF_X86_64,
        f"{prefix}/lib/python{minor}/site-packages/README.txt": README,
        "/lib/x86_64-linux-gnu/libc.so.6": GLIBC_2_36,
    }


def archive(*names: str) -> bytes:
    """Return a zip archive of empty files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            made.writestr(name, b"")
    return out.getvalue()
